"""Reads CoNLL-U, the format of the Universal Dependencies treebanks: https://universaldependencies.org/format.html.

A word is a line of ten columns. Comments, the ranges of multiword tokens (`1-2`) and empty nodes (`8.1`) are kept as
they are but are not words. A sentence ends with an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from elman._errors import ConfigError, RecordError, nearest
from elman._show import brief, brief_table

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

_ESCAPED = re.compile(r"\\([p\\])")
"""A bar in the value of a feature, `\\p`, or a backslash, `\\\\`, as in the values of SpacesAfter."""

_ID = re.compile(r"(\d{1,9})(?:([-.])(\d{1,9}))?", re.ASCII)


class Sentence(NamedTuple):
    """One sentence: all its lines unchanged, and the places of those that are words.

    >>> rows = ["1-2 it's _ _", "1 it it PRON", "2 's be AUX"]
    >>> lines = ["# text = it's", *("\\t".join((row + " _" * 6).split()) for row in rows)]
    >>> [sentence] = read_conllu(lines)
    >>> sentence.values("form"), sentence.values("upos")
    (('it', "'s"), ('PRON', 'AUX'))
    >>> str(sentence) == "\\n".join(lines) + "\\n\\n"
    True
    """

    lines: tuple[str, ...]
    words: tuple[int, ...]
    """Places of the words in `lines`."""
    file: str = ""
    line: int = 1
    """Number of the first line in its file."""

    __repr__, _repr_html_ = brief, brief_table

    def values(self, column: str) -> tuple[str, ...]:
        """The values of one column for all words. `feats=Number` and `misc=SpaceAfter` name one feature of a column,
        "_" for words without it.

        Raises:
            ConfigError: no such column.
        """
        number, feature = find_column(column)
        fields = (self.lines[place].split("\t")[number] for place in self.words)
        return tuple(fields if feature is None else (_features(field).get(feature, "_") for field in fields))

    def with_values(self, column: str, values: Sequence[str]) -> Sentence:
        """The sentence with other values in one column, and all else unchanged.

        >>> [sentence] = read_conllu(["1\\tcats\\t_\\t_\\t_\\tCase=Nom" + 4 * "\\t_"])
        >>> sentence.with_values("feats=Number", ["Plur"]).values("feats")
        ('Case=Nom|Number=Plur',)

        Raises:
            ConfigError: no such column.
        """
        number, feature = find_column(column)
        lines = list(self.lines)
        for place, value in zip(self.words, values, strict=True):
            fields = lines[place].split("\t")
            fields[number] = value if feature is None else _with_feature(fields[number], feature, value)
            lines[place] = "\t".join(fields)
        return self._replace(lines=tuple(lines))

    def with_comment(self, comment: str) -> Sentence:
        """The sentence with one more comment, before its first word.

        >>> sentence_of(["Hello"]).with_comment("n_best = 1").lines[0]
        '# n_best = 1'
        """
        at = next((place for place, line in enumerate(self.lines) if not line.startswith("#")), len(self.lines))
        words = tuple(place + 1 for place in self.words)
        return self._replace(lines=(*self.lines[:at], f"# {comment}", *self.lines[at:]), words=words)

    def __str__(self) -> str:
        """The sentence as in a file, with the empty line that ends it."""
        return "\n".join((*self.lines, "", ""))


def find_column(column: str) -> tuple[int, str | None]:
    """The number of a column and, for `feats=Number`, its feature.

    >>> find_column("upos"), find_column("feats=Number")
    ((3, None), (5, 'Number'))

    Raises:
        ConfigError: no such column; names those that exist.
    """
    name, equals, feature = column.partition("=")
    if name.lower() not in COLUMNS:
        known = ", ".join(COLUMNS)
        raise ConfigError(f"column {column!r}: CoNLL-U has {known}{nearest(name.lower(), COLUMNS)}")
    if equals and (not feature or name.lower() not in ("feats", "misc")):
        raise ConfigError(f"column {column!r}: expected a column, or a feature such as feats=Number or misc=SpaceAfter")
    return COLUMNS.index(name.lower()), feature or None


def read_conllu(lines: Iterable[str], *, file: str = "the text", first: int = 1) -> Iterator[Sentence]:
    """Reads the sentences of a file, one by one; `lines` are without their ends, and the first has the number `first`.

    Raises:
        RecordError: a line that is not CoNLL-U, with file and line: not ten columns, an empty column, or an id that is
            invalid or out of order.
    """
    kept: list[str] = []
    ids = _Ids()
    number = first - 1
    for number, line in enumerate(lines, start=first):
        if line.strip(" "):
            if not line.startswith("#"):
                ids.read(line, len(kept), f"{file}, line {number}")
            kept.append(line)
        elif kept:
            yield ids.sentence(kept, file, number - len(kept))
            kept, ids = [], _Ids()
    if kept:
        yield ids.sentence(kept, file, number + 1 - len(kept))


def sentence_of(
    forms: Sequence[str],
    *,
    text: str | None = None,
    unspaced: Iterable[int] = (),
    ranges: Mapping[int, tuple[int, str]] = MappingProxyType({}),
    file: str = "the text",
    line: int = 1,
) -> Sentence:
    """Makes a sentence of its words.

    Args:
        forms: the words.
        text: the text that they are from.
        unspaced: the places of words that no space follows.
        ranges: the places of words that are written as another together with those after them, the place after the last
            of these, and their form in the text, such as du for de and le.
        file, line: the place of the sentence, for messages.

    >>> sentence = sentence_of(["Hi", "!"], text="Hi!", unspaced=[0])
    >>> sentence.lines[0], sentence.values("form"), sentence.values("misc")
    ('# text = Hi!', ('Hi', '!'), ('SpaceAfter=No', '_'))
    >>> [line[:6] for line in sentence_of(["de", "le"], ranges={0: (2, "du")}).lines]
    ['1-2\\tdu', '1\\tde\\t_', '2\\tle\\t_']
    """
    tight, lines, words = frozenset(unspaced), [] if text is None else [f"# text = {text}"], []
    inside = 0
    for place, form in enumerate(forms):
        if place in ranges:
            inside, written = ranges[place]
            lines.append(_row(f"{place + 1}-{inside}", written, is_tight=inside - 1 in tight))
        words.append(len(lines))
        lines.append(_row(str(place + 1), form, is_tight=place in tight and place >= inside))
    return Sentence(tuple(lines), tuple(words), file, line)


def _row(id: str, form: str, *, is_tight: bool) -> str:
    return "\t".join((id, form, *7 * ("_",), "SpaceAfter=No" if is_tight else "_"))


class _Ids:
    """Checks the ids of one sentence, line by line."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.empty = 0  # number of empty nodes after the last word
        self.range_stop, self.range_place = 0, ""

    def read(self, line: str, place: int, where: str) -> None:
        fields = line.split("\t")
        if len(fields) != len(COLUMNS):
            hint = "; the columns are separated by spaces, expected tabs" if len(line.split()) == len(COLUMNS) else ""
            raise RecordError(f"{where}: expected 10 columns; got {len(fields)}{hint}")
        if "" in fields:
            column = fields.index("")
            raise RecordError(
                f"{where}: column {column + 1} ({COLUMNS[column]}) is empty; write _ where there is nothing"
            )
        match = _ID.fullmatch(fields[0])
        if match is None:
            raise RecordError(f"{where}: the id {fields[0]!r} is not a number, range (1-2) or empty node (8.1)")
        first, kind, second = int(match[1]), match[2], int(match[3] or 0)
        last = len(self.words)
        if kind is None:
            self._check(first == last + 1, fields[0], last + 1, where)
            self.words.append(place)
            self.empty = 0
        elif kind == ".":
            self._check((first, second) == (last, self.empty + 1), fields[0], f"{last}.{self.empty + 1}", where)
            self.empty = second
        else:
            follows = first == last + 1 and second >= first and self.range_stop <= last
            self._check(follows, fields[0], f"a range from {max(last, self.range_stop) + 1} on", where)
            self.range_stop, self.range_place = second, where

    def _check(self, holds: bool, id: str, expected: object, where: str) -> None:
        if not holds:
            raise RecordError(f"{where}: the id {id} is out of order; expected {expected}")

    def sentence(self, lines: list[str], file: str, line: int) -> Sentence:
        if self.range_stop > len(self.words):
            raise RecordError(
                f"{self.range_place}: the range goes to word {self.range_stop}; the sentence has {len(self.words)}"
            )
        return Sentence(tuple(lines), tuple(self.words), file, line)


def _features(field: str) -> dict[str, str]:
    if field == "_":
        return {}
    pairs = (feature.partition("=") for feature in field.split("|"))
    return {name: _ESCAPED.sub(lambda match: "|" if match[1] == "p" else "\\", value) for name, _, value in pairs}


def _with_feature(field: str, feature: str, value: str) -> str:
    """The field with one feature changed, added in its alphabetical place, or removed."""
    value = value.replace("\\", r"\\").replace("|", r"\p")
    parts = [] if field == "_" else field.split("|")
    names = [part.partition("=")[0] for part in parts]
    added = [] if value == "_" else [f"{feature}={value}"]
    if feature in names:
        at = names.index(feature)
        parts[at : at + 1] = added
    else:
        at = sum(name.lower() < feature.lower() for name in names)
        parts[at:at] = added
    return "|".join(parts) or "_"
