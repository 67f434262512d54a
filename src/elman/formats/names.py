"""Names of files: their endings and what each stands for, and names of parts.

Readers and the recognition of tasks ask here; no other module lists endings. Upper and lower case are the same.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from elman.formats.compression import COMPRESSIONS

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")
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

_DOCUMENTS = re.compile(r"readme|licen[cs]e|sha256sums|citation", re.IGNORECASE)


def plain_name(name: str | PurePath) -> str:
    """The name of a file without its folder and the ending of a compression.

    >>> plain_name("a/b.CSV.GZ"), plain_name("b.csv")
    ('b.CSV', 'b.csv')
    """
    path = PurePath(name)
    return path.stem if path.suffix.lower() in COMPRESSIONS else path.name


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


def is_archive(name: str | PurePath) -> bool:
    """True for the name of a tar archive.

    >>> is_archive("a.tar.xz"), is_archive("a.xz")
    (True, False)
    """
    return str(name).lower().endswith(ARCHIVES)


def is_document(name: str | PurePath) -> bool:
    """True for the name of a file about data: README, LICENSE and the like.

    >>> is_document("data/README.md"), is_document("read.md")
    (True, False)
    """
    return bool(_DOCUMENTS.search(PurePath(name).name))
