"""Forecasts of known series, by their usual protocols.

    python benchmarks/forecasting.py etth1 [--window 96] [--horizons 96 192 336 720] [--seeds 0]
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
import os
import platform
import time
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from elman.data.generated_series import sines
from elman.fitting import fit
from elman.tasks.forecasting import Forecasting
from elman.training.reporters import Lines, Quiet
from forecasting_peers import PROBLEMS as PEERS
from forecasting_peers import sunspot_autoregressions

FOLDER = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "timeseries"

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


def etth1(asked):
    print("| window | horizon | seed | MSE | MAE | validation MAE | processor seconds |")
    print("|---|---|---|---|---|---|---|")
    for seed in asked.seeds:
        found = []
        for horizon in asked.horizons:
            begun = time.process_time()
            task = Forecasting(**{**ETTH1, "window": asked.window, "horizon": horizon, **asked.task})
            data = task.read(FOLDER / "ETTh1.csv.xz")
            report = Lines() if asked.lines else Quiet()
            fitted = fit(task, data, report=report, **{**ETTH1_FIT, "seed": seed, **asked.fit})
            values = fitted.evaluate(data.test).values
            seconds = time.process_time() - begun
            found.append((values["scaled_mse"], values["scaled_mae"], seconds))
            chosen = fitted.validation.values["scaled_mae"]
            print(
                f"| {asked.window} | {horizon} | {seed} | {found[-1][0]:.4f} | {found[-1][1]:.4f} | {chosen:.4f} | "
                f"{seconds:.0f} |",
                flush=True,
            )
        mse, mae, seconds = (sum(column) for column in zip(*found, strict=True))
        count = len(found)
        print(
            f"| {asked.window} | all | {seed} | {mse / count:.4f} | {mae / count:.4f} | | {seconds:.0f} |", flush=True
        )


def sunspots(asked):
    place = FOLDER / "monthly-sunspots.csv"
    peers = sunspot_autoregressions()
    _, best = peers["test"]
    print("| model | RMSE of one step | beside the best AR | processor seconds |")
    print("|---|---|---|---|")
    for how, (order, error) in peers.items():
        print(f"| AR({order}), the best by {how} | {error:.3f} | {error / best:.3f} | |")
    tables = []
    for seed in asked.seeds:
        begun = time.process_time()
        task = Forecasting(**{**SUNSPOTS, **asked.task})
        data = task.read(place)
        report = Lines() if asked.lines else Quiet()
        fitted = fit(task, data, report=report, **{**SUNSPOTS_FIT, "seed": seed, **asked.fit})
        _, first = data.validation.spans[0]
        tables.append(fitted.backtest(place, first=first, step=1))
        error, seconds = rmse(tables[-1]["elman"], tables[-1]["y"]), time.process_time() - begun
        print(f"| elman, seed {seed} | {error:.3f} | {error / best:.3f} | {seconds:.0f} |", flush=True)
    error = rmse(np.mean([table["elman"] for table in tables], axis=0), tables[0]["y"])
    print(f"| elman, together | {error:.3f} | {error / best:.3f} | |")


def sine(asked):
    print("| seed | MSE, later steps | MSE, other sines | processor seconds |")
    print("|---|---|---|---|")
    for seed in asked.seeds:
        begun = time.process_time()
        task = Forecasting(**{**SINE, **asked.task})
        data = task.read_histories(sines(1000, 900, seed=seed))
        report = Lines() if asked.lines else Quiet()
        fitted = fit(task, data, report=report, **{**SINE_FIT, "seed": seed, **asked.fit})
        later = fitted.evaluate(data.test).values["rmse"] ** 2
        table = fitted.backtest(sines(100, 900, seed=seed + 1000), first=100, step=90)
        other, seconds = rmse(table["elman"], table["y"]) ** 2, time.process_time() - begun
        print(f"| {seed} | {later:.2e} | {other:.2e} | {seconds:.0f} |", flush=True)


def coverage(asked):
    print("| series | intervals | 80 % hold | 95 % hold | CRPS | weighted quantile loss | processor seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, settings in COVERED.items():
        begun = time.process_time()
        task = Forecasting(**{**settings, **asked.task})
        data = task.read(FOLDER / name)
        report = Lines() if asked.lines else Quiet()
        fitted = fit(task, data, report=report, **{**COVERED_FIT, "seed": asked.seeds[0], **asked.fit})
        for how, found in (
            ("conformal", fitted.evaluate(data.test)),
            ("of the model", task.evaluate(fitted.model, data.test, data.codec)),
        ):
            held = " | ".join(f"{found.coverage[level]:.1%}" for level in ("80", "95"))
            values = " | ".join(f"{found.values[each]:.4g}" for each in ("crps", "weighted_quantile_loss"))
            print(f"| {name} | {how} | {held} | {values} | {time.process_time() - begun:.0f} |", flush=True)


def rmse(forecast, truth):
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


PROBLEMS = {"etth1": etth1, "sunspots": sunspots, "sine": sine, "coverage": coverage}


def settings(texts):
    """["a=1", "b=x"] as {"a": 1, "b": "x"}."""
    pairs = [text.split("=", 1) for text in texts]
    return {name: decoded(value) for name, value in pairs}


def decoded(text):
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--window", type=int, default=96)
    parser.add_argument("--horizons", type=int, nargs="+", default=[96, 192, 336, 720])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--task", nargs="*", default=[], help="settings of the task, such as hidden_size=512")
    parser.add_argument("--fit", nargs="*", default=[], help="settings of training, such as epochs=4")
    parser.add_argument("--peers", action="store_true", help="the models that are not recurrent, too")
    parser.add_argument("--lines", action="store_true", help="a line for each evaluation")
    asked = parser.parse_args()
    asked.task, asked.fit = settings(asked.task), settings(asked.fit)
    print(f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    PROBLEMS[asked.problem](asked)
    if asked.peers and asked.problem in PEERS:
        print()
        PEERS[asked.problem](asked)


if __name__ == "__main__":
    main()
