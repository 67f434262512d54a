"""Forecasts of known series, by their usual protocols.

    python benchmarks/forecasting.py etth1 [--window 96] [--horizons 96 192 336 720] [--seeds 0]
    python benchmarks/forecasting.py etth1 --window 720 --task segment=48 --fit epochs=4

The folder of data is that of ELMAN_DATA. `--task` and `--fit` change settings of `elman.Forecasting` and of training.

etth1: the transformers' protocol (Zhou et al., 2021): 12, 4 and 4 months of hours to train, validate and test; all
seven channels scaled by their training part; every window of the test part; errors averaged over channels and steps.
Budgets are in epochs; processor seconds are those of the process, reading and measuring included.
"""

import argparse
import os
import platform
import time
from datetime import date
from pathlib import Path

import msgspec

from elman.fitting import fit
from elman.tasks.forecasting import Forecasting
from elman.training.reporters import Lines, Quiet

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


PROBLEMS = {"etth1": etth1}


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
