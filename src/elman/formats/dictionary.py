"""Reads pronouncing dictionaries: a word and its phones on a line.

| dictionary | a line |
|---|---|
| CMU Pronouncing Dictionary | `word PH0 PH1 ...  # comment`, other pronunciations as `word(2)` |
| Montreal Forced Aligner | word, tab, phones; between them none, one or four numbers, each with a tab |
| Kaldi | `word PH0 PH1 ...`, with the same numbers between |

The numbers are probabilities: of the pronunciation, then of a silence behind it, and two factors for what is before it.

They are read as such where they can be no phones, since they have a decimal point, or a tab is between them and the
phones; other lines of such a file may have a 0 or 1 there too. Elsewhere digits are phones, as in X-SAMPA.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from elman._errors import DataError

COLUMNS = (4, 1)
"""The numbers of columns that can be between a word and its phones."""

_VARIANT = re.compile(r"\(\d+\)$")
_COMMENT = re.compile(r"(^|\s)#.*|^;;;.*")
_NUMBER = re.compile(r"\d+|(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?")
_STRESS = re.compile(r"(?<=[A-Za-z])[012]$")
_TONE = re.compile(r"[^\W\d_]\d*[3-9]$")


class Entry(NamedTuple):
    """A word and one of its pronunciations."""

    word: str
    phones: tuple[str, ...]
    line: int
    """The number of its line in the file."""


class _Line(NamedTuple):
    """A line: the word, the fields behind it, and the number of tabs between these."""

    number: int
    word: str
    fields: tuple[str, ...]
    tabs: int


def read_dictionary(lines: Iterable[str], *, file: str = "the text", stress: bool = True) -> Iterator[Entry]:
    r"""Reads the entries of a dictionary, one by one; `lines` are without their ends. The entry of a word alone has no
    phones.

    Args:
        lines: all lines of the file, since some can be told by the others alone.
        file: the name of the file in messages.
        stress: keeps the marks of stress behind vowels: `AH0`, not `AH`. Where other digits than 0, 1 and 2 stand
            behind letters, they are tones and stay.

    Raises:
        DataError: a number where a phone should be; with file and line.

    >>> [entry[:2] for entry in read_dictionary(["bala\t0.99\t0.14\t1.0\t1.03\tB AA1", "to(2) T AH0 # weak"])]
    [('bala', ('B', 'AA1')), ('to', ('T', 'AH0'))]
    """
    written = [line for number, text in enumerate(lines, start=1) if (line := _split(text, number)) is not None]
    columns = _columns_of_file(written)
    entries = [Entry(line.word, line.fields[_columns(line, columns) :], line.number) for line in written]
    phones = {phone for entry in entries for phone in entry.phones}
    if numbers := {phone for phone in phones if "." in phone and _NUMBER.fullmatch(phone)}:
        place, number = next((one.line, phone) for one in entries for phone in one.phones if phone in numbers)
        raise DataError(
            f"{file}, line {place}: {number} is a number, no phone; expected a word, its probability and those of "
            "silences (one number or four) if there are any, and its phones"
        )
    marked = stress or any(map(_TONE.search, phones))
    names = {phone: phone if marked else _STRESS.sub("", phone) for phone in phones}
    for entry in entries:
        yield entry._replace(phones=tuple(map(names.__getitem__, entry.phones)))


def word_of(line: str) -> str:
    r"""The word of a line; empty where it is a comment.

    >>> word_of("read(2) R EH1 D # past"), word_of("New York\tN UW1"), word_of("# comment")
    ('read', 'New York', '')
    """
    split = _split(line, 1)
    return "" if split is None else split.word


def sure_columns(line: str) -> int:
    r"""The number of columns between the word and the phones of a line that can be no phones.

    >>> sure_columns("bala\t0.99\tB AA1"), sure_columns("bala B AA1"), sure_columns("oeuf 9 f")
    (1, 0, 0)
    """
    split = _split(line, 1)
    return 0 if split is None else _sure_columns(split)


def _split(line: str, number: int) -> _Line | None:
    entry = _COMMENT.sub("", line).strip() if "#" in line or line.startswith(";") else line.strip()
    if not entry:
        return None
    word, _, rest = entry.partition("\t") if "\t" in entry else entry.partition(" ")
    return _Line(number, _VARIANT.sub("", word.strip()), tuple(rest.split()), rest.strip().count("\t"))


def _columns_of_file(lines: Iterable[_Line]) -> int:
    """The number of columns that a line of integers has: that of most lines whose columns are sure, or one where every
    line begins with 0 or 1."""
    several = list(lines)
    sure = Counter(count for line in several if (count := _sure_columns(line)))
    if sure:
        return sure.most_common(1)[0][0]
    return int(bool(several) and all(_is_probability(line.fields[:1]) and len(line.fields) > 1 for line in several))


def _columns(line: _Line, columns_of_file: int) -> int:
    likely = line.fields[:columns_of_file]
    is_likely = len(likely) == columns_of_file < len(line.fields) and _is_probability(likely)
    return _sure_columns(line) or (columns_of_file if is_likely else 0)


def _sure_columns(line: _Line) -> int:
    for count in COLUMNS:
        fields = line.fields[:count]
        is_sure = line.tabs == count or (line.tabs not in COLUMNS and any("." in field for field in fields))
        if is_sure and len(line.fields) > count and _is_probability(fields):
            return count
    return 0


def _is_probability(fields: tuple[str, ...]) -> bool:
    return bool(fields) and all(map(_NUMBER.fullmatch, fields)) and float(fields[0]) <= 1
