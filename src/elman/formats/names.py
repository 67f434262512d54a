"""Names of files: their endings and what each stands for, and names of parts.

Readers and the recognition of tasks ask here; no other module lists endings. Upper and lower case are the same.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path, PurePath

from elman.formats.compression import COMPRESSIONS

ZIP = ".zip"
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ZIP)
TEXTS = (".txt", ".text", ".md")
JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", *JSON_LINES)
SERIES = ".ts"
"""The ending of aeon's and sktime's files of series."""
CONLLU = (".conllu", ".conllup")
WORD_COLUMNS = (".conll", ".iob", ".iob1", ".iob2", ".bio", ".bioes", ".bilou", ".bmes")
"""Endings of files with a word and its tags on a line."""
DICTIONARY = ".dict"
"""The ending of a pronouncing dictionary."""
SAMPLES = (".csv", ".tsv", ".txt")
"""Endings of tables of samples, with a column for each channel."""
HEADER, SIGNALS = ".hea", (".dat", ".mat")
"""Endings of the header and of the signals of a WFDB record; `.mat` are those of PhysioNet's challenges."""
EDF = (".edf", ".bdf")
"""Endings of recordings in the European Data Format, and in BioSemi's of 24 bits."""

PARTS = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "testa": "validation",  # testa and testb are CoNLL-2003's names
    "test": "test",
    "testb": "test",
}
"""The part of the data that a word in a file's name stands for."""

_DECIMAL = re.compile(r"^([-+]?\d+),(\d+)$", re.ASCII)
_POINT = re.compile(r"[-+]?\d+\.\d+(\.\d+)*", re.ASCII)
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_HIDDEN = ("thumbs.db", "desktop.ini", "__macosx")
_DOCUMENTS = re.compile(r"readme|licen[cs]e|sha256sums|citation", re.IGNORECASE)


def plain_name(name: str | PurePath) -> str:
    """The name of a file without its folder and the ending of a compression.

    >>> plain_name("a/b.CSV.GZ"), plain_name("b.csv")
    ('b.CSV', 'b.csv')
    """
    path = PurePath(name)
    return path.stem if is_compressed_name(path) else path.name


@lru_cache(maxsize=1024)  # each task asks for those of each file
def ending(name: str | PurePath) -> str:
    """The ending that names a file's form, in lower case and without that of a compression.

    >>> ending("a/b.CSV.gz"), ending("a/b")
    ('.csv', '')
    """
    return PurePath(plain_name(name)).suffix.lower()


def table_ending(head: str) -> str:
    r"""The ending of a table with such a first line.

    >>> table_ending("ds\ty"), table_ending("ds,y")
    ('.tsv', '.csv')
    """
    return ".tsv" if "\t" in head else ".csv"


def with_tabs(text: str) -> str:
    r"""Puts tabs between the columns of a text, where every line has as many, two or more, with semicolons or spaces
    between them; other texts stay as they are. Between semicolons, decimal commas become points, and numbers of which a
    point may part the thousands are left alone.

    >>> with_tabs("day price\n2024-01-31 5\n"), with_tabs("day;price\n2024-01-31;0,5\n"), with_tabs("two words\none\n")
    ('day\tprice\n2024-01-31\t5\n', 'day\tprice\n2024-01-31\t0.5\n', 'two words\none\n')
    """
    lines = [line.strip(" ") for line in text.strip("\n").split("\n")]
    head = lines[0]
    if "\t" in head or ("," in head and ";" not in head):
        return text
    rows = [line.split(";") if ";" in head else line.split() for line in lines]
    width = len(rows[0])
    if width < 2 or any(len(row) != width for row in rows):
        return text
    if ";" in head:
        points = [field for row in rows for field in row if _POINT.fullmatch(field.strip())]
        if points and all(map(_THOUSANDS.fullmatch, map(str.strip, points))):
            return text
        rows = [[_DECIMAL.sub(r"\1.\2", field.strip()) for field in row] for row in rows]
    return "".join("\t".join(row) + "\n" for row in rows)


def is_archive(name: str | PurePath) -> bool:
    """True for the name of an archive.

    >>> is_archive("a.tar.xz"), is_archive("a.ZIP"), is_archive("a.xz")
    (True, True, False)
    """
    return str(name).lower().endswith(ARCHIVES)


def is_zip(name: str | PurePath) -> bool:
    """True for the name of a zip archive."""
    return str(name).lower().endswith(ZIP)


def is_compressed_name(name: str | PurePath) -> bool:
    """True for the name of a compressed file.

    >>> is_compressed_name("a.csv.gz"), is_compressed_name("a.csv")
    (True, False)
    """
    return PurePath(name).suffix.lower() in COMPRESSIONS


def printable(place: str | Path) -> str:
    r"""The name of a file as text: bytes that are not UTF-8 become their codes.

    >>> printable("caf\udce9")
    'caf\\xe9'
    """
    return os.fsencode(place).decode("utf-8", "backslashreplace")


def is_hidden(name: str) -> bool:
    """True for the name of a file or a folder that systems hide from their users: on Unix with a point in front, and
    those that Windows and macOS put into folders and archives.

    >>> [is_hidden(name) for name in (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", "a.txt")]
    [True, True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _HIDDEN


def is_document(name: str | PurePath) -> bool:
    """True for the name of a file about data: README, LICENSE and the like.

    >>> is_document("data/README.md"), is_document("read.md")
    (True, False)
    """
    return bool(_DOCUMENTS.search(PurePath(name).name))
