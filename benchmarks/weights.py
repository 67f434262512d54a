"""The loss in quality of weights in fewer bits: a small model of each task in float32, bfloat16 and int8.

    python benchmarks/weights.py [--only "language model" tagger ...] [--minutes 2]

Each model is trained for the minutes, and measured on the validation part by the measure that chose its weights, of
which less is better. The folder of data is that of ELMAN_DATA.
"""

import argparse
from functools import partial

import elman
from elman.training.reporters import Quiet
from options import DATA, add_budget, budget, few, runs, there
from results import Table

SMOKE = ("--steps 1 --only classifier",)
FORMATS = ("float32", "bfloat16", "int8")

TASKS = {
    "language model": (elman.LanguageModelling, DATA / "text" / "tinyshakespeare.txt", "nats per character"),
    "classifier": (
        partial(elman.Classification, encoding="latin-1"),
        DATA / "classification" / "trec",
        "nats per text",
    ),
    "classifier of series": (
        partial(elman.SeriesClassification, hidden_size=32),
        DATA / "classification" / "multivariate" / "JapaneseVowels_TRAIN.ts.xz",
        "nats per series",
    ),
    "tagger": (elman.Tagging, DATA / "ud_english_ewt" / "en_ewt-ud-dev.conllu.xz", "1 - accuracy"),
    "seq2seq": (elman.Seq2Seq, "sums", "1 - exact + 1e-4 nats"),
    "forecaster": (elman.Forecasting, DATA / "timeseries" / "monthly-sunspots.csv", "scaled CRPS"),
    "ECG": (elman.Ecg, "ecg", "1 - F1"),
}
"""The task, its data, and its measure."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(TASKS), choices=TASKS)
    add_budget(parser)
    for options in runs(parser, SMOKE):
        columns = {"task": "", "data": "", "measure": "", **dict.fromkeys(FORMATS, ".4f")}
        with Table("weights", columns, options) as table:
            for name in options.only:
                kind, place, measure = TASKS[name]
                if isinstance(place, str) or there(place):
                    table.add(name, getattr(place, "name", place), measure, *measured(kind(), place, options))


def measured(task, place, options):
    """The measure in each format."""
    data = task.read(place)
    data = few(data, 20) if options.smoke else data
    fitted = elman.fit(task, data, report=Quiet(), **budget(options, minutes=2))
    formats = (fitted, *(fitted.packed(weights) for weights in FORMATS[1:]))
    return [one.evaluate(data.validation).objective for one in formats]


if __name__ == "__main__":
    main()
