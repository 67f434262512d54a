"""Every task's run goes on to the same bits with its own data, and refuses any others."""

import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import msgspec
import numpy as np
import pytest

import elman
from elman import artefact
from elman.tasks.data import split
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.task import Task
from elman.training.events import Stepped
from elman.training.reporters import Quiet

pytestmark = pytest.mark.optimised

NAMES = {"train": "training", "validation": "validation", "test": "test"}
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
    named: bool = True
    """Whether the part that differs is told from the others: not where all are stretches of one text."""


def texts():
    random = np.random.default_rng(0)
    words, ends = ["the", "film", "was", "so", "plot"], [("good", "pos"), ("bad", "neg")]

    def text(n):
        hint, label = ends[n % 2]
        return " ".join([*random.choice(words, 4), hint]), label

    return {name: [text(n) for n in range(count)] for name, count in COUNTS.items()}


def language_modelling():
    def read(task, parts, folder):
        return task.read_text("".join(line for part in parts.values() for line in part))

    lines = {
        name: [f"{n} cats and {n % 7} hats.\n" for n in range(10, 10 + 2 * count)] for name, count in COUNTS.items()
    }
    sizes = {name: len("".join(part)) for name, part in lines.items()}
    task = elman.LanguageModelling(
        hidden_size=8, embedding_size=4, batch_size=4, unroll_length=8, dropout=0.2, zoneout=0.1,
        weight_dropout=0.2, learned_start=True, validation=sizes["validation"], test=sizes["test"],
    )  # fmt: skip
    changes = {"a character": lambda line: line.replace("cats", "hats")}
    return Case(task, lines, read, changes, lambda task: replaced(task, test=task.test + 1), named=False)


def classification():
    def read(task, parts, folder):
        return task.read_texts(parts["train"], validation=parts["validation"], test=parts["test"])

    changes = {
        "the label": lambda text: (text[0], "neg" if text[1] == "pos" else "pos"),
        "a word": lambda text: (f"{text[0]} unheard", text[1]),
        "a word that is cut off": lambda text: (f"{text[0]} {'so ' * 60}unheard", text[1]),
    }
    task = elman.Classification(embedding_size=4, hidden_size=4, max_length=50, batch_size=8, dropout=0.2)
    return Case(task, texts(), read, changes, lambda task: replaced(task, max_length=49))


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
    task = elman.SeriesClassification(embedding_size=4, hidden_size=4, batch_size=8, value_columns=("x", "y"))
    return Case(task, parts, read, changes, lambda task: replaced(task, value_columns=("x", "z")))


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
    task = elman.Tagging(hidden_size=4, letter_hidden_size=4, embedding_size=4, num_layers=1, batch_words=64)
    return Case(task, parts, read, changes, lambda task: replaced(task, lower=False))


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
    task = elman.Seq2Seq(hidden_size=4, embedding_size=4, num_layers=1, batch_size=8, **counts)
    return Case(task, parts, read, changes, lambda task: replaced(task, source_vocabulary="words"))


def forecasting():
    random = np.random.default_rng(0)
    counts = {"train": 60, "validation": 20, "test": 20}
    parts = {name: [tuple(row) for row in random.normal(size=(count, 3))] for name, count in counts.items()}

    def read(task, parts, folder):
        y, before, ahead = zip(*(row for part in parts.values() for row in part), strict=True)
        return task.read_table({"ds": range(len(y)), "y": y, "before": before, "ahead": ahead})

    def more(column):
        return lambda row: tuple(value + (place == column) for place, value in enumerate(row))

    names = ("the target", "a covariate", "a covariate known ahead")
    changes = {name: more(column) for column, name in enumerate(names)}
    task = elman.Forecasting(
        target=("y",), past=("before",), future=("ahead",), horizon=2, window=4, hidden_size=4, batch_size=8,
        validation=20, test=20,
    )  # fmt: skip
    return Case(task, parts, read, changes, lambda task: replaced(task, scaling="mean"))


def ecg():
    strips = iter(patient.strip for patient in generate_patients(12, seconds=3))
    parts = {name: [next(strips) for _ in range(count)] for name, count in dict(train=6, validation=3, test=3).items()}

    def read(task, parts, folder):
        if not task.split_seed:
            return task.read_strips(parts["train"], validation=parts["validation"], test=parts["test"])
        return task.read_strips([strip for part in parts.values() for strip in part])

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
    return Case(task, parts, read, changes, lambda task: replaced(task, split_seed=1))


CASES = [language_modelling, classification, series_classification, tagging, seq2seq, forecasting, ecg]
RUN: dict[str, Any] = dict(steps=6, evaluations=2)


def replaced(task, **settings):
    return msgspec.structs.replace(task, **settings)


def changed(case):
    """Name, part and records of each small change: of one record of each part, and of the order of two."""
    for name, part in case.parts.items():
        for change, alter in case.changes.items():
            yield change, name, {**case.parts, name: [*part[:2], alter(part[2]), *part[3:]]}
        yield "the order", name, {**case.parts, name: [part[1], part[0], *part[2:]]}


class Stop(Quiet):
    def __call__(self, event):
        if isinstance(event, Stepped) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_run_goes_on_with_its_own_data_alone(make, tmp_path):
    case, out, folder = make(), tmp_path / "m.elman", tmp_path / "data"
    folder.mkdir()
    task = case.task
    data = case.read(task, case.parts, folder)
    assert all(map(len, (data.train, data.validation, data.test)))
    whole = elman.fit(task, data, report=Quiet(), **RUN)
    with pytest.raises(elman.Interrupted, match="after step 3"):
        elman.fit(task, data, out=out, report=Stop(), **RUN)

    for change, part, parts in changed(case):
        with pytest.raises(elman.ArtefactError, match=r"not the data of .*m\.elman, which was training on") as refused:
            elman.fit(task, case.read(task, parts, folder), out=out, resume=True, **RUN)
        message = str(refused.value)
        assert f"the {NAMES[part]} part" in message, (change, part, message)
        if case.named and part != "train":
            assert message.endswith(f": the {NAMES[part]} part differs"), (change, part, message)
    setting = case.other(task)
    with pytest.raises(elman.ArtefactError, match=r"not the data of .*: the .* differs?$"):
        elman.fit(task, case.read(setting, case.parts, folder), out=out, resume=True, **RUN)
    with pytest.raises(elman.ConfigError, match="it cannot be resumed with"):
        elman.fit(setting, case.read(setting, case.parts, folder), out=out, resume=True, **RUN)

    again = elman.fit(task, case.read(task, case.parts, folder), out=out, resume=True, report=Quiet(), **RUN)
    for ours, other in zip(jax.tree.leaves(whole.model), jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(ours, other)
    assert again.validation == whole.validation


def test_a_run_of_another_version_is_refused_and_its_model_loads(small_text, tmp_path):
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=8)
    data = task.read_text(small_text)
    with pytest.raises(elman.Interrupted):
        elman.fit(task, data, out=tmp_path / "m", report=Stop(), **RUN)
    saved = artefact.read(tmp_path / "m", with_state=True)
    assert saved.state is not None
    values = saved.state.values | {"fingerprint": "0123456789abcdef"}
    state = msgspec.structs.replace(saved.state, values=values)
    artefact.write(tmp_path / "m", msgspec.structs.replace(saved, state=state))
    with pytest.raises(elman.ArtefactError, match="another version of elman hashed .*; resume with that version, or"):
        elman.fit(task, data, out=tmp_path / "m", resume=True, **RUN)
    assert elman.load(tmp_path / "m").task == task.configure(data)


def test_a_moved_file_holds_the_same_data(tmp_path):
    prints = []
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("neg\ta bad film\npos\ta good film\n" * 9)
        prints.append(elman.Classification().read(tmp_path / f"{name}.txt").fingerprint)
    assert prints[0] == prints[1]
