"""Classification of numeric series, beside two models that need no network, in one run.

    python benchmarks/series.py [--seeds 0 1 2] [--problems JapaneseVowels BasicMotions]

The official training and test parts; a tenth of the training part, the same share of each class, chooses the best
weights. The folder of data is that of ELMAN_DATA. The peers take the whole training part, by the same scale:

- nearest: the class of the nearest training series by dynamic time warping over all channels together (Sakoe and Chiba,
  1978; Shokoohi-Yekta et al., 2017), without a window.
- moments: logistic regression (scikit-learn) on mean, standard deviation, least and largest of each channel.
"""

import argparse
import statistics
import time

import numpy as np

import elman
from elman.training.reporters import Quiet
from options import DATA, add_budget, budget, few, runs, there
from results import Table

FOLDER = DATA / "classification" / "multivariate"
PROBLEMS = ("JapaneseVowels", "BasicMotions")
SMOKE = ("--seeds 0 --steps 2",)


def places(name):
    return [FOLDER / f"{name}_{part}.ts.xz" for part in ("TRAIN", "TEST")]


def read(task, name, options):
    data = task.read(*places(name))
    return few(data, 20) if options.smoke else data


def examples(data):
    """The whole training part and the test part, scaled: values and labels."""
    train, test = (*data.train.examples, *data.validation.examples), data.test.examples
    return [([one.values for one in part], np.array([one.label for one in part])) for part in (train, test)]


def nearest(train, test):
    (series, labels), (asked, _) = train, test
    return np.array([labels[np.argmin(warped(series, one))] for one in asked])


def warped(series, one):
    """The distances of `one` from all series: the table of each, filled row by row for all at once."""
    lengths = np.array([len(values) for values in series])
    padded = np.zeros((len(series), lengths.max(), one.shape[1]))
    for row, values in enumerate(series):
        padded[row, : len(values)] = values
    before = np.full((len(series), lengths.max() + 1), np.inf)
    before[:, 0] = 0
    for step in one:
        costs = ((padded - step) ** 2).sum(axis=2)
        row = np.full_like(before, np.inf)
        for place in range(lengths.max()):
            least = np.minimum(np.minimum(before[:, place], before[:, place + 1]), row[:, place])
            row[:, place + 1] = costs[:, place] + least
        before = row
    return before[np.arange(len(series)), lengths]


def moments(train, test):
    from sklearn.linear_model import LogisticRegression

    def features(series):
        return np.array([np.concatenate([f(axis=0) for f in (x.mean, x.std, x.min, x.max)]) for x in series])

    return LogisticRegression(max_iter=5000).fit(features(train[0]), train[1]).predict(features(test[0]))


PEERS = {"nearest by time warping": nearest, "logistic regression": moments}
COLUMNS = {
    "problem": "",
    "model": "",
    "accuracy, %": ".2f",
    "spread": ".1f",
    "calibration error before, %": ".1f",
    "after": ".1f",
    "seconds a run": ".0f",
}


def timed(function, *arguments):
    begun = time.perf_counter()
    return function(*arguments), time.perf_counter() - begun


def networks(name, options):
    """Measures and seconds of a run a seed, by the task's own settings."""
    for seed in options.seeds:
        task = elman.SeriesClassification()
        data = read(task, name, options)
        fitted, seconds = timed(
            lambda task=task, data=data, seed=seed: elman.fit(task, data, seed=seed, report=Quiet(), **budget(options))
        )
        metrics = fitted.evaluate(data.test)
        print(f"{name}, seed {seed}, {seconds:.0f} s: {metrics}", flush=True)
        yield metrics, seconds


def rows(name, options):
    """Yields a row for the networks, then one for each peer."""
    measured = list(networks(name, options))
    accuracies = [100 * metrics.accuracy for metrics, _ in measured]
    errors = [
        statistics.fmean(100 * getattr(metrics, kind) for metrics, _ in measured)
        for kind in ("uncalibrated", "calibrated")
    ]
    seconds = statistics.fmean(seconds for _, seconds in measured)
    yield name, "elman", statistics.fmean(accuracies), [min(accuracies), max(accuracies)], *errors, seconds
    train, test = examples(read(elman.SeriesClassification(), name, options))
    for peer, function in PEERS.items():
        predicted, seconds = timed(function, train, test)
        yield name, peer, 100 * float(np.mean(predicted == test[1])), None, None, None, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--problems", nargs="+", default=PROBLEMS, choices=PROBLEMS)
    add_budget(parser)
    for options in runs(parser, SMOKE):
        problems = [name for name in options.problems if there(*places(name))]
        results = [row for name in problems for row in rows(name, options)]
        Table("series", COLUMNS, options, results).keep()


if __name__ == "__main__":
    main()
