"""Recognition of the task that files are for."""

from __future__ import annotations

import lzma
import re
import tarfile
from itertools import islice
from pathlib import Path

LABELLED = (".csv", ".jsonl", ".tar.gz", ".tgz")
TABLES = (".csv", ".tsv")
TAGGED = (".conllu", ".conll", ".iob", ".bio")
PAIRED = (".tsv", ".dict")
SPLITS = ("train", "dev", "valid", "validation", "test")
RECORDED = (".hea", ".dat")
GENERATED = {
    "sums": "Seq2Seq",
    "dates": "Seq2Seq",
    "grammar": "Tagging",
    "ecg": "Ecg",
    "sines": "Forecasting",
    "seasonal": "Forecasting",
}
"""The task of each kind of generated data, by the name that stands in place of a file."""


def told(*places: str) -> str:
    """The name of the task that files are for, from the endings of their names, or from the contents of a folder.
    Texts with other endings are for language modelling.

    >>> told(), told("a.txt"), told("b.conllu.xz"), told("c.csv"), told("sums"), told("a.en", "a.fr")
    ('LanguageModelling', 'LanguageModelling', 'Tagging', 'Classification', 'Seq2Seq', 'Seq2Seq')
    >>> told("d.ts.gz"), told("100.hea")
    ('SeriesClassification', 'Ecg')
    """
    if not places or places[0] == "-":
        return "LanguageModelling"
    path = Path(places[0])
    if _holds_records(path):
        return "Ecg"
    if path.is_dir():
        return _task_by_content(path)
    if places[0] in GENERATED and not path.exists():
        return GENERATED[places[0]]
    return _task_by_name(*places)


def _task_by_name(*places: str) -> str:
    names = [_plain(Path(place).name) for place in places]
    if names[0].endswith(TAGGED):
        return "Tagging"
    if _holds_series(places[0]):
        return "SeriesClassification"
    if _holds_steps(places[0]):
        return "Forecasting"
    if names[0].endswith(LABELLED) or Path(places[0]).name.endswith(LABELLED):
        return "Classification"
    if names[0].endswith(PAIRED):
        return "Classification" if _few_labels(places[0]) else "Seq2Seq"
    if _split_of(names[0]):
        return "Classification"
    stems, ends = {Path(name).stem for name in names}, {Path(name).suffix for name in names}
    if len(names) == 2 and len(stems) == 1 and len(ends) == 2 and ".txt" not in ends:
        return "Seq2Seq"
    if len(names) == 1 and not Path(names[0]).suffix and _few_labels(places[0]):
        return "Classification"
    return "LanguageModelling"


def _task_by_content(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    names = [_plain(file.name) for file in files]
    if any(name.endswith(TAGGED) for name in names):
        return "Tagging"
    if any(_holds_series(str(file)) for file in files):
        return "SeriesClassification"
    if files and all(_holds_steps(str(file)) for file in files):
        return "Forecasting"
    labelled = any(name.endswith(LABELLED) or _split_of(name) for name in names)
    classes = [inner for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith(".")]
    return "Classification" if labelled or len(classes) > 1 else "LanguageModelling"


def _holds_series(place: str) -> bool:
    """True for a `.ts` file, or a table with a column `series` and no column `text`."""
    name = _plain(place)
    if not name.endswith(TABLES):
        return name.endswith(".ts")
    columns = {column.strip('"') for column in re.split(r"[\t,]", next(iter(_head(place)), ""))}
    return "series" in columns and "text" not in columns


def _holds_records(place: Path) -> bool:
    """True for a WFDB record, with an ending or without, or a folder or an archive of records."""
    if place.name.endswith(RECORDED) or place.with_name(f"{place.name}.hea").is_file():
        return True
    if place.is_dir():
        return any(place.rglob("*.hea"))
    archive = next((part for part in (place, *place.parents) if ".tar" in part.name and part.is_file()), None)
    if archive is None:
        return False
    try:
        with tarfile.open(archive) as files:
            return any(file.name.endswith(".hea") for file in islice(files, 100))
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError):
        return False  # `Task.read` reports the error


def _holds_steps(place: str) -> bool:
    """True for a table with a column of time stamps or `unique_id`, columns of numbers, and none called text, label or
    series."""
    from elman.formats.stamps import TIMES

    rows = [re.split(r"[\t,]", line) for line in _head(place)[:2]] if _plain(place).endswith(TABLES) else []
    if len(rows) < 2 or len(rows[0]) != len(rows[1]):
        return False
    columns = {name.strip('" ').lower(): field.strip('" ') for name, field in zip(*rows, strict=True)}
    others = [field for name, field in columns.items() if name not in (*TIMES, "unique_id")]
    numbers = all(re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?|na|nan|", field.lower()) for field in others)
    of_other_tasks = {"text", "label", "series"} & {*columns}
    return bool(others) and numbers and bool({*TIMES, "unique_id"} & {*columns}) and not of_other_tasks


def _split_of(name: str) -> bool:
    """True for a name that ends in that of a part, such as stsa.binary.train."""
    return name.rpartition(".")[2].lower() in SPLITS


def _plain(name: str) -> str:
    return name.removesuffix(".xz").removesuffix(".gz")


def _few_labels(place: str) -> bool:
    """True for a table of labelled texts: one of its columns is called label, or its first column has few different
    values. In pairs for sequence to sequence, the first column hardly repeats."""
    head = _head(place)
    if head and "label" in head[0].split("\t"):
        return True
    firsts = [line.split("\t")[0] for line in head[: len(head) - (len(head) < 200)] if "\t" in line]
    return len(firsts) >= 4 and len(firsts) >= 0.9 * (len(head) - 1) and len(set(firsts)) <= len(firsts) / 4


def _head(place: str) -> list[str]:
    """The first lines of a file; none where it cannot be read, for which `Task.read` reports the reason."""
    from elman._errors import DataError
    from elman.formats.text import TextSource

    try:
        return next(TextSource.open(place).characters(), "").splitlines()[:200]
    except DataError:
        return []
