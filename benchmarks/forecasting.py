"""Forecasts of known series, by their usual protocols.

    python benchmarks/forecasting.py etth1 [--window 96] [--horizons 96 192 336 720] [--seeds 0]
    python benchmarks/forecasting.py etth1 --window 720 --task segment=48 --fit epochs=4
    python benchmarks/forecasting.py sunspots [--seeds 0 1 2 3 4]

The folder of data is that of ELMAN_DATA. `--task` and `--fit` change settings of `elman.Forecasting` and of training.

etth1: the transformers' protocol (Zhou et al., 2021): 12, 4 and 4 months of hours to train, validate and test; all
seven channels scaled by their training part; every window of the test part; errors averaged over channels and steps.
Budgets are in epochs; processor seconds are those of the process, reading and measuring included.

sunspots: monthly numbers; one step from 1950 to 1983, each from the months before, by models trained once on the years
to 1949, beside autoregressions fitted to the same years in the same run (see benchmarks/forecasting_peers.py). The
settings were chosen by the errors of 1920 to 1949 after training on the years before. "together" is the mean of the
forecasts of all seeds.
"""

import argparse
import os
import platform
import time
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from elman.fitting import fit
from elman.tasks.forecasting import Forecasting
from elman.training.reporters import Lines, Quiet
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
ETTH1_FIT = {"epochs": 3, "learning_rate": 0.001, "evaluations": 6}

SUNSPOTS = {
    "validation": 24,
    "test": 408,
    "horizon": 1,
    "window": 264,
    "segment": 24,
    "hidden_size": 32,
    "dropout": 0.3,
    "output": "gaussian",
    "scaling": "root",
    "calendar": False,
}
SUNSPOTS_FIT = {"epochs": 15, "learning_rate": 0.003, "evaluations": 1}


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


def rmse(forecast, truth):
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


PROBLEMS = {"etth1": etth1, "sunspots": sunspots}


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
    parser.add_argument("--lines", action="store_true", help="a line for each evaluation")
    asked = parser.parse_args()
    asked.task, asked.fit = settings(asked.task), settings(asked.fit)
    print(f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    PROBLEMS[asked.problem](asked)


if __name__ == "__main__":
    main()
