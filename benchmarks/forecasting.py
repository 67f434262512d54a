"""Forecasts of known series, by their usual protocols.

    python benchmarks/forecasting.py etth1 [--window 96] [--horizons 96 192 336 720] [--seeds 0] [--peers]
    python benchmarks/forecasting.py etth1 --window 720 --task segment=48 --fit epochs=4
    python benchmarks/forecasting.py sunspots [--seeds 0 1 2 3 4]
    python benchmarks/forecasting.py sine
    python benchmarks/forecasting.py coverage

The folder of data is that of ELMAN_DATA. `--peers` prints in the same run what models that are not recurrent reach by
the same protocol: autoregressions, statsmodels' ETS, DLinear (benchmarks/forecasting_peers.py). `--task` and `--fit`
change settings of `elman.Forecasting` and of training.

etth1: the transformers' protocol (Zhou et al., 2021): 12, 4 and 4 months of hours to train, validate and test; all
seven channels scaled by their training part; every window of the test part; errors averaged over channels and steps.
Budgets are in epochs; processor seconds are those of the process, reading and measuring included.

sunspots: monthly numbers; one step from 1950 to 1983, each from the months before, by models trained once on the years
to 1949, beside autoregressions fitted to the same years in the same run (benchmarks/forecasting_peers.py). Of twelve
settings those were taken that erred least from 1920 to 1949 after training on the years before. "together" is the mean
of the forecasts of all seeds.

sine: 1000 sines of 900 steps, each of its own period (10 to 100 steps) and phase, the next step of each window;
mean squared error over the last tenth of the steps, and over 100 other sines that training did not have.

coverage: how often intervals of 80 and 95 % hold what came in the test part: conformal ones, as wide as the errors of
the validation part say, and those that the model says itself.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from elman.tasks.forecasting.generated import sines
from elman.tasks.forecasting.task import Forecasting
from elman.training.fit import fit
from elman.training.reporters import Lines, Quiet
from forecasting_peers import ETTH1_COLUMNS, FOLDER, PEERS, sunspot_autoregressions
from options import runs, settings, there
from results import Table

TINY = "--peers --seeds 0 --fit epochs=0.001 evaluations=1 --task hidden_size=4"
SMOKE = (
    f"etth1 --window 48 --horizons 24 {TINY} segment=24",
    f"sunspots {TINY}",
    f"sine {TINY} windows_per_epoch=256",
    f"coverage {TINY} --series daily-min-temperatures.csv",
)

ETTH1 = {
    "train": 8640,
    "validation": 2880,
    "test": 2880,
    "calendar": False,
    "output": "absolute",
    "hidden_size": 256,
    "dropout": 0.5,
    "batch_size": 256,
}
ETTH1_FIT: dict = {"epochs": 3, "learning_rate": 0.001, "evaluations": 6}

SUNSPOTS = {
    "validation": 24,
    "test": 408,
    "horizon": 1,
    "window": 132,
    "segment": 12,
    "hidden_size": 64,
    "dropout": 0.4,
    "output": "gaussian",
    "scaling": "root",
    "normalise": "last",
    "calendar": False,
}
SUNSPOTS_FIT: dict = {"epochs": 15, "learning_rate": 0.003, "evaluations": 1}

SINE = {
    "horizon": 1,
    "window": 64,
    "segment": 4,
    "hidden_size": 64,
    "dropout": 0.0,
    "output": "squared",
    "batch_size": 256,
    "windows_per_epoch": 25600,
}
SINE_FIT: dict = {"epochs": 8, "learning_rate": 0.003, "evaluations": 5}

COVERED = {
    "ETTh1.csv.xz": {"target": ("OT",), "horizon": 24, "window": 168, "train": 8640, "validation": 2880, "test": 2880},
    "daily-min-temperatures.csv": {"horizon": 7, "window": 56, "validation": 0.2, "test": 0.2},
    "statsmodels-co2.csv": {"horizon": 13, "window": 104, "validation": 0.2, "test": 0.2},
    "beijing-pm25.csv.xz": {"target": ("pm2.5",), "horizon": 24, "window": 168, "validation": 0.2, "test": 0.2},
}
COVERED_FIT: dict = {"epochs": 3, "learning_rate": 0.001, "evaluations": 6}


def etth1(options):
    rows = []
    for seed in options.seeds:
        runs = []
        for horizon in options.horizons:
            changes = {"window": options.window, "horizon": horizon, **options.task}
            data, fitted, seconds = learned(ETTH1 | changes, FOLDER / "ETTh1.csv.xz", ETTH1_FIT, seed, options)
            begun = time.process_time()
            values, chosen = fitted.evaluate(data.test).values, fitted.validation.values["scaled_mae"]
            seconds += time.process_time() - begun
            runs.append((values["scaled_mse"], values["scaled_mae"], chosen, seconds))
            rows.append((f"elman, seed {seed}", options.window, f"{horizon}", *runs[-1]))
        squared, absolute, _, seconds = zip(*runs, strict=True)
        means = [sum(column) / len(runs) for column in (squared, absolute)]
        rows.append((f"elman, seed {seed}", options.window, "all", *means, None, sum(seconds)))
    Table(f"etth1-{options.window}", ETTH1_COLUMNS, options, rows).keep()


def sunspots(options):
    place = FOLDER / "monthly-sunspots.csv"
    peers = sunspot_autoregressions()
    _, best = peers["test"]
    columns = {"model": "", "RMSE": ".3f", "beside the best AR": ".3f", "processor seconds": ".0f"}
    with Table("sunspots", columns, options) as table:
        for how, (order, error) in peers.items():
            table.add(f"AR({order}), the best by {how}", error, error / best, None)
        forecasts = []
        for seed in options.seeds:
            data, fitted, seconds = learned(SUNSPOTS | options.task, place, SUNSPOTS_FIT, seed, options)
            begun = time.process_time()
            _, first = data.validation.spans[0]
            forecasts.append(fitted.backtest(place, first=first, step=1))
            error = rmse(forecasts[-1]["elman"], forecasts[-1]["y"])
            table.add(f"elman, seed {seed}", error, error / best, seconds + time.process_time() - begun)
        error = rmse(np.mean([one["elman"] for one in forecasts], axis=0), forecasts[0]["y"])
        table.add("elman, the mean of the forecasts", error, error / best, None)


def sine(options):
    columns = {"seed": "", "MSE, later steps": ".2e", "MSE, other sines": ".2e", "processor seconds": ".0f"}
    counts = (20, 5) if options.smoke else (1000, 100)
    with Table("sine", columns, options) as table:
        for seed in options.seeds:
            known, others = (sines(count, 900, seed=seed + more) for count, more in zip(counts, (0, 1000), strict=True))
            data, fitted, seconds = learned(SINE | options.task, known, SINE_FIT, seed, options)
            begun = time.process_time()
            later = fitted.evaluate(data.test).values["rmse"] ** 2
            forecasts = fitted.backtest(others, first=100, step=90)
            other = rmse(forecasts["elman"], forecasts["y"]) ** 2
            table.add(f"{seed}", later, other, seconds + time.process_time() - begun)


def coverage(options):
    columns = {"series": "", "intervals": "", "80% hold": ".1%", "95% hold": ".1%", "CRPS": ".4g"}
    columns |= {"weighted quantile loss": ".4g", "processor seconds": ".0f"}
    with Table("coverage", columns, options) as table:
        for name in options.series:
            place, changes = FOLDER / name, COVERED[name]
            if not there(place):
                continue
            data, fitted, seconds = learned(changes | options.task, place, COVERED_FIT, options.seeds[0], options)
            for how, result in (
                ("conformal", fitted.evaluate(data.test)),
                ("of the model", fitted.task.evaluate(fitted.model, data.test, data.codec)),
            ):
                held = [result.coverage[level] for level in ("80", "95")]
                losses = [result.values[each] for each in ("crps", "weighted_quantile_loss")]
                table.add(name, how, *held, *losses, seconds)


def learned(changes, place, training, seed, options):
    """The data of a file or of histories, a forecaster trained on them, and how many processor seconds it took."""
    begun = time.process_time()
    task = Forecasting(**changes)
    data = task.read(place) if isinstance(place, Path) else task.read_histories(place)
    report = Lines() if options.lines else Quiet()
    fitted = fit(task, data, report=report, **{**training, "seed": seed, **options.fit})
    return data, fitted, time.process_time() - begun


def rmse(forecast, truth):
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


PROBLEMS = {"etth1": etth1, "sunspots": sunspots, "sine": sine, "coverage": coverage}
NEEDED = {"etth1": FOLDER / "ETTh1.csv.xz", "sunspots": FOLDER / "monthly-sunspots.csv"}  # sines are made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--window", type=int, default=96)
    parser.add_argument("--horizons", type=int, nargs="+", default=[96, 192, 336, 720])
    parser.add_argument("--series", nargs="+", default=list(COVERED), choices=COVERED, help="of coverage")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--task", nargs="*", default=[], help="settings of the task, such as hidden_size=512")
    parser.add_argument("--fit", nargs="*", default=[], help="settings of training, such as epochs=4")
    parser.add_argument("--peers", action="store_true", help="the models that are not recurrent, too")
    parser.add_argument("--lines", action="store_true", help="a line for each evaluation")
    for options in runs(parser, SMOKE):
        options.task, options.fit = settings(options.task), settings(options.fit)
        if options.problem in NEEDED and not there(NEEDED[options.problem]):
            continue
        PROBLEMS[options.problem](options)
        if options.peers and options.problem in PEERS:
            PEERS[options.problem](options)


if __name__ == "__main__":
    main()
