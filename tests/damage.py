"""Artefacts with one JSON value changed, and hashes that fit: damage, another program's work, or an enemy's."""

import copy
import hashlib
import json
import shutil
import signal
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import elman
from elman.tasks.fitted import TextGenerator

ARTEFACTS = Path(__file__).parent / "artefacts"
NAMES = sorted(folder.name for folder in ARTEFACTS.iterdir() if (folder / "model").is_dir())
INPUTS = {
    "classification": ("input.txt",),
    "ecg": ("strip.hea",),
    "series-classification": ("input.csv",),
    "tagging": ("input.txt",),
    "seq2seq": ("input.txt",),
    "classification-several": ("input.txt",),
    "classification-subwords": ("input.txt",),
    "classification-vectors": ("input.txt",),
    "tagging-bilou": ("input.txt",),
    "ecg-causal": (ARTEFACTS / "ecg" / "strip.hea",),
}
SECONDS = 20  # the most that reading one artefact may take; it takes milliseconds

GONE = object()


def _nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


def _other_length(value):
    if isinstance(value, list):
        return value + value if value else [0]
    if isinstance(value, dict):
        return {**value, "more": 0}
    return f"{value}{value}" if isinstance(value, str) else GONE


EDITS = {
    "gone": lambda value: GONE,
    "null": lambda value: None,
    "text": lambda value: "x",
    "empty text": lambda value: "",
    "long text": lambda value: "x" * 100_000,
    "list": lambda value: [],
    "object": lambda value: {},
    "true": lambda value: True,
    "zero": lambda value: 0,
    "negative": lambda value: -1,
    "fraction": lambda value: 0.37,
    "large": lambda value: 10**6 - 1,
    "huge": lambda value: 10**30,
    "1e308": lambda value: 1e308,
    "NaN": lambda value: float("nan"),
    "nested": lambda value: _nested(20),
    "deep": lambda value: _nested(900),
    "other length": _other_length,
    "shorter": lambda value: value[:-1] if isinstance(value, list | str) else GONE,
    "one less": lambda value: value - 1 if isinstance(value, int | float) else GONE,
    "an import": lambda value: "os:system",
}


def paths(value, at=()):
    """The places of all values in a JSON value; of a long list only the first, the middle and the last."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for place in sorted({0, len(value) // 2, len(value) - 1} if value else {}):
            yield from paths(value[place], (*at, place))


def edits(name):
    """All edits of an artefact: (file, place, name of the edit)."""
    model = ARTEFACTS / name / "model"
    for file in sorted(file.relative_to(model).as_posix() for file in model.rglob("*.json")):
        for at in paths(json.loads((model / file).read_text())):
            for edit in EDITS:
                yield file, at, edit


def edited(value, at, edit):
    value = copy.deepcopy(value)
    if not at:
        return EDITS[edit](value)
    inner = value
    for step in at[:-1]:
        inner = inner[step]
    new = EDITS[edit](inner[at[-1]])
    if new is GONE:
        del inner[at[-1]]
    else:
        inner[at[-1]] = new
    return value


class Copy:
    """A copy of an artefact of tests/artefacts that is damaged again and again."""

    def __init__(self, name, folder):
        self.name, self.source = name, ARTEFACTS / name
        self.model = folder / name / "model"
        shutil.copytree(self.source, folder / name)
        self.contents = {
            file: json.loads((self.model / file).read_text())
            for file in (file.relative_to(self.model).as_posix() for file in self.model.rglob("*.json"))
        }
        self.whole = {file: (self.model / file).read_bytes() for file in self.contents}

    def damage(self, file, at, edit):
        """Writes the artefact with one edit; False if the edit changes nothing."""
        for name, content in self.whole.items():
            (self.model / name).write_bytes(content)
        value = edited(self.contents[file], at, edit)
        if value is GONE or (value == self.contents[file] and edit != "true"):
            return False
        self.write(file, json.dumps(value).encode())
        return True

    def write(self, file, content):
        """Writes one file, and its hash into the manifest."""
        (self.model / file).write_bytes(content)
        if file != "manifest.json":
            manifest = copy.deepcopy(self.contents["manifest.json"])
            manifest["files"][file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            (self.model / "manifest.json").write_text(json.dumps(manifest))

    def answer(self, fitted):
        """A part of what the model answers, or the error of an input that does not fit its settings."""
        places = [str(self.model.parent / place) for place in INPUTS.get(self.name, ())]
        try:
            if isinstance(fitted, TextGenerator):
                return [fitted.generate("the", length=4, seed=1)]
            return [str(item) for item in islice(fitted.output(*places, options=fitted.task.options()), 3)]
        except elman.InputError as error:
            return [str(error)]


@contextmanager
def limited(seconds=SECONDS):
    """Raises TimeoutError in what takes too long."""

    def stop(*_):
        raise TimeoutError(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
