"""Each of elman's tasks, small, with the records of each part and small changes of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

import elman
from elman.tasks.data import split
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.task import Task
from tests.tasks import losses

COUNTS = {"train": 30, "validation": 6, "test": 6}


class Case(NamedTuple):
    """A task, records of each part, and how they become data."""

    task: Task
    parts: dict[str, list]
    read: Callable[..., Any]
    """(task, parts, a folder) -> data."""
    changes: dict[str, Callable[[Any], Any]]
    """Small changes of one record."""
    other: Callable[[Any], Task]
    """The task with another setting that shapes the data."""
    loss: Callable[[Any, Any], tuple[float, float]]
    """The loss of one step as a NumPy loop."""
    inputs: Callable[[Path], dict[Path, int]] = lambda folder: {}
    """(a folder) -> files to predict for, each with the number of lines that are printed for it."""
    options: dict[str, Any] = {}
    head: int = 0
    """The lines that are printed before those of the first input."""
    beyond: dict[str, Any] = {}
    """Settings beyond the NumPy loss, with which a run is resumed too."""

    def changed(self) -> Iterator[tuple[str, str, dict[str, list]]]:
        """(change, part, records): each small change of one record of each part, and of the order of two."""
        for name, part in self.parts.items():
            for change, alter in self.changes.items():
                yield change, name, {**self.parts, name: [*part[:2], alter(part[2]), *part[3:]]}
            yield "the order", name, {**self.parts, name: [part[1], part[0], *part[2:]]}


def texts():
    random = np.random.default_rng(0)
    words, ends = ["the", "film", "was", "so", "plot"], [("good", "pos"), ("bad", "neg")]

    def text(n):
        hint, label = ends[n % 2]
        return " ".join([*random.choice(words, 4), hint]), label

    return {name: [text(n) for n in range(count)] for name, count in COUNTS.items()}


PROBABLE = {"probabilities": True}


def written(folder, **files):
    """The files with these texts, each with its number of lines."""
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return {folder / f"{name}.txt": text.count("\n") for name, text in files.items()}


def language_modelling():
    def read(task, parts, folder):
        return task.read_text("".join(line for part in parts.values() for line in part))

    lines = {
        name: [f"{n} cats and {n % 7} hats.\n" for n in range(10, 10 + 2 * count)] for name, count in COUNTS.items()
    }
    sizes = {name: len("".join(part)) for name, part in lines.items()}
    task = elman.LanguageModelling(
        hidden_size=8, embedding_size=4, batch_size=4, unroll_length=8, dropout=0.2,
        weight_dropout=0.2, learned_start=True, validation=sizes["validation"], test=sizes["test"],
    )  # fmt: skip
    changes = {"a character": lambda line: line.replace("cats", "hats")}
    return Case(
        task, lines, read, changes, lambda task: replaced(task, test=task.test + 1),
        losses.language_modelling, beyond={"zoneout": 0.1},
    )  # fmt: skip


def classification():
    def read(task, parts, folder):
        return task.read_texts(parts["train"], validation=parts["validation"], test=parts["test"])

    changes = {
        "the label": lambda text: (text[0], "neg" if text[1] == "pos" else "pos"),
        "a word": lambda text: (f"{text[0]} unheard", text[1]),
        "a word that is cut off": lambda text: (f"{text[0]} {'so ' * 60}unheard", text[1]),
    }

    def inputs(folder):
        return written(folder, one="so good\nthe plot\n\n", two="bad\n")

    task = elman.Classification(embedding_size=4, hidden_size=4, max_length=50, batch_size=8, dropout=0.2)
    return Case(
        task, texts(), read, changes, lambda task: replaced(task, max_length=49),
        losses.classification, inputs, PROBABLE,
    )  # fmt: skip


def several_labels():
    """Texts with as many labels as they have words of a kind, none too."""
    random = np.random.default_rng(0)

    def text():
        words = random.choice(["fox", "oak", "the", "so"], 4)
        return " ".join(words), sorted({"fox": "animal", "oak": "plant"}[word] for word in {*words} & {"fox", "oak"})

    def read(task, parts, folder):
        return task.read_texts(parts["train"], validation=parts["validation"], test=parts["test"])

    parts = {name: [text() for _ in range(count)] for name, count in COUNTS.items()}
    changes = {
        "a label more": lambda text: (text[0], [*text[1], "stone"]),
        "a label less": lambda text: (text[0], text[1][:-1] or ["stone"]),
        "a word": lambda text: (f"{text[0]} unheard", text[1]),
    }

    def inputs(folder):
        return written(folder, one="the fox\nso the\n\n", two="oak\n")

    task = elman.Classification(embedding_size=4, hidden_size=4, batch_size=8, dropout=0.2, labels="several")
    return Case(
        task, parts, read, changes, lambda task: replaced(task, max_length=49),
        losses.several_labels, inputs, PROBABLE, beyond={"label_smoothing": 0.1, "balance": 0.5},
    )  # fmt: skip


def series_classification():
    random = np.random.default_rng(0)
    parts = {
        name: [(random.normal(size=(5 + n % 4, 2)), "ab"[n % 2]) for n in range(count)]
        for name, count in COUNTS.items()
    }

    def read(task, parts, folder):
        columns = dict(zip(("validation", "test"), (parts["validation"], parts["test"]), strict=True))
        return task.read_series(parts["train"], **columns, channels=task.value_columns)

    changes = {
        "the label": lambda one: (one[0], "b" if one[1] == "a" else "a"),
        "a value": lambda one: (one[0] + (np.arange(2) == 1) * 0.01, one[1]),
        "the length": lambda one: (one[0][:-1], one[1]),
    }

    def inputs(folder):
        files = {}
        for number, count in enumerate((2, 1)):
            rows = [f"{n},{t},{t - n},{number}\n" for n in range(count) for t in range(4 + n)]
            (folder / f"{number}.csv").write_text("".join(["series,time,x,y\n", *rows]))
            files[folder / f"{number}.csv"] = count
        return files

    task = elman.SeriesClassification(
        pooling="max", embedding_size=4, hidden_size=4, batch_size=8, value_columns=("x", "y")
    )
    return Case(
        task, parts, read, changes, lambda task: replaced(task, value_columns=("x", "z")),
        losses.classification, inputs, PROBABLE, beyond={"pooling": "mean"},
    )  # fmt: skip


def tagging():
    random = np.random.default_rng(0)
    parts = {
        name: [[(word, word[0].upper()) for word in random.choice(["ann", "bob", "cid"], 4)] for _ in range(count)]
        for name, count in COUNTS.items()
    }

    def read(task, parts, folder):
        for name, sentences in parts.items():
            rows = ("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences)
            (folder / f"{'dev' if name == 'validation' else name}.txt").write_text("\n".join(rows))
        return task.read(folder)

    changes = {
        "the tag": lambda sentence: [(sentence[0][0], "Z"), *sentence[1:]],
        "a word": lambda sentence: [("unheard", sentence[0][1]), *sentence[1:]],
        "where it ends": lambda sentence: sentence[:-1],
    }

    def inputs(folder):
        return dict.fromkeys(written(folder, one="ann bob\n", two="cid dan\n"), 3)

    task = elman.Tagging(hidden_size=4, letter_hidden_size=4, embedding_size=4, num_layers=1, batch_words=64)
    return Case(
        task, parts, read, changes, lambda task: replaced(task, lower=False),
        losses.tagging, inputs, {"confidence": True},
    )  # fmt: skip


def seq2seq():
    """Pairs, put where chance deals them to their parts."""
    counts: dict[str, Any] = dict(validation=COUNTS["validation"], test=COUNTS["test"])
    places = [place for part in split(range(sum(COUNTS.values())), **counts) for place in part]

    def read(task, parts, folder):
        pairs = dict(zip(places, (pair for part in parts.values() for pair in part), strict=True))
        return task.read_pairs([pairs[place] for place in range(len(pairs))])

    numbers = iter(range(100, 1000))
    parts = {
        name: [(str(n), str(n)[::-1]) for n, _ in zip(numbers, range(count), strict=False)]
        for name, count in COUNTS.items()
    }
    changes = {
        "the target": lambda pair: (pair[0], f"{pair[1]}1"),
        "the source": lambda pair: (f"{pair[0]}1", pair[1]),
    }

    def inputs(folder):
        files = written(folder, one="123\n45\n", two="7\n")
        return {place: 2 * lines for place, lines in files.items()}

    task = elman.Seq2Seq(connection="repeat", hidden_size=4, embedding_size=4, num_layers=1, batch_size=8, **counts)
    return Case(
        task, parts, read, changes, lambda task: replaced(task, source_vocabulary="words"),
        losses.seq2seq, inputs, {"beam": 2, "n_best": 2}, beyond={"connection": "dot"},
    )  # fmt: skip


def forecasting():
    random = np.random.default_rng(0)
    counts = {"train": 60, "validation": 20, "test": 20}
    parts = {name: [tuple(row) for row in random.normal(size=(count, 3))] for name, count in counts.items()}

    def read(task, parts, folder):
        y, before, ahead = zip(*(row for part in parts.values() for row in part), strict=True)
        return task.read_table(
            {"unique_id": ["a"] * len(y), "ds": range(len(y)), "y": y, "before": before, "ahead": ahead}
        )

    def more(column):
        return lambda row: tuple(value + (place == column) for place, value in enumerate(row))

    def inputs(folder):
        files = {}
        for name, slope in (("a", 1), ("b", -1)):
            known = [f"{name},{t},{slope * t},{t},{t % 3}\n" for t in range(4)]
            ahead = [f"{name},{t},,,{t % 3}\n" for t in (4, 5)]
            (folder / f"{name}.csv").write_text("".join(["unique_id,ds,y,before,ahead\n", *known, *ahead]))
            files[folder / f"{name}.csv"] = 2
        return files

    names = ("the target", "a covariate", "a covariate known ahead")
    changes = {name: more(column) for column, name in enumerate(names)}
    task = elman.Forecasting(
        target=("y",), past=("before",), future=("ahead",), horizon=2, window=4, validation=20, test=20,
        output="squared", normalise="last", segment=2, hidden_size=4, batch_size=8,
    )  # fmt: skip
    return Case(
        task, parts, read, changes, lambda task: replaced(task, scaling="mean"),
        losses.forecasting, inputs, head=1, beyond={"output": "quantile", "normalise": None, "segment": None},
    )  # fmt: skip


def ecg():
    strips = iter(patient.strip for patient in generate_patients(12, seconds=3))
    parts = {name: [next(strips) for _ in range(count)] for name, count in dict(train=6, validation=3, test=3).items()}

    def read(task, parts, folder):
        if not task.split_seed:
            return task.read_strips(parts["train"], validation=parts["validation"], test=parts["test"])
        return task.read_strips([strip for part in parts.values() for strip in part])

    def inputs(folder):
        files = {}
        for number, patient in enumerate(generate_patients(2, seconds=4, seed=1)):
            name, samples = f"record{number}", np.round(200 * patient.strip.signal).astype("<i2")
            samples.tofile(folder / f"{name}.dat")
            (folder / f"{name}.hea").write_text(
                f"{name} 1 {patient.strip.rate:g} {len(samples)}\n{name}.dat 16 200(0)/mV 16 0 {samples[0]} "
                f"{(int(samples.sum()) + 2**15) % 2**16 - 2**15} 0 II\n"
            )
            files[folder / f"{name}.hea"] = None
        return files

    middle = lambda mask: mask ^ (np.arange(len(mask)) == len(mask) // 2)
    changes = {
        "a sample": lambda strip: strip._replace(signal=strip.signal * np.where(np.arange(len(strip.signal)), 1, 2)),
        "a wave": lambda strip: strip._replace(waves=strip.waves[1:]),
        "the kind of a beat": lambda strip: strip._replace(beats=(strip.beats[0]._replace(kind=""), *strip.beats[1:])),
        "where waves are known": lambda strip: strip._replace(known=middle(strip.known)),
        "where beats are known": lambda strip: strip._replace(beats_known=middle(strip.beats_known)),
        "the patient": lambda strip: strip._replace(patient="another"),
        "the lead": lambda strip: strip._replace(lead="V9"),
    }
    task = elman.Ecg(channels=2, hidden_size=4, num_layers=1, seconds=2, batch_size=4)
    return Case(
        task, parts, read, changes, lambda task: replaced(task, split_seed=1),
        losses.ecg, inputs, {"table": "csv"}, head=1,
    )  # fmt: skip


CASES = [language_modelling, classification, several_labels, series_classification, tagging, seq2seq, forecasting, ecg]


def replaced(task, **settings):
    return msgspec.structs.replace(task, **settings)
