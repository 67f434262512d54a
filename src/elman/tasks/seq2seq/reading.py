r"""Reads pairs of texts, such as a sentence and its translation or a word and its phones, in three formats.

| format | a line |
|---|---|
| TSV | `source<TAB>target`, more columns are left out |
| two aligned files | a source in one, its target on the same line of the other |
| a pronouncing dictionary (`.dict`) | `word PH0 PH1 ...`; see `elman.formats.dictionary` |

Lines with the same source are one pair with several correct targets, so that no source is in two parts of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from elman._errors import DataError
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats.dictionary import read_dictionary, sure_columns, word_of
from elman.formats.lines import Lines
from elman.formats.names import DICTIONARY, ending
from elman.formats.sources import open_sources


class Pair(NamedTuple):
    """A source and its correct targets, one or more."""

    source: str
    targets: tuple[str, ...]


class Line(NamedTuple):
    """The source and the target of one line."""

    source: str
    target: str


def read_pairs(*places: str | Path, stress: bool = True, normal_form: NormalForm = "none") -> list[Pair]:
    """Reads the pairs of one file, in its order, or of two aligned files; also compressed as `.gz` or `.xz`.

    Args:
        places: a TSV file, a pronouncing dictionary (its name ends in `.dict`), or a file of sources and one of
            targets; "-" is standard input.
        stress: keeps the stress marks of a dictionary's phones: `AH0`, not `AH`.
        normal_form: the normal form of Unicode that sources and targets are put into.

    Raises:
        DataError: a missing file, one that is not text or has no pairs, or a line without two sides, with its number.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = Path(folder) / "pairs.tsv"
    ...     _ = place.write_text("one\\tun\\none\\tune\\ntwo\\tdeux\\n")
    ...     read_pairs(place)
    [Pair(source='one', targets=('un', 'une')), Pair(source='two', targets=('deux',))]
    """
    for place in places:
        if Path(place).is_dir():
            raise DataError(f"{place}: a folder; expected a file of lines source<TAB>target, or two aligned files")
    match places:
        case (place,):
            lines = _lines(place)
            name = lines.name
            read = _dictionary(lines, stress) if is_dictionary(name) else _table(lines)
        case (sources, targets):
            name, read = str(sources), _aligned(sources, targets)
        case _:
            raise DataError(f"pairs: expected one file, or one of sources and one of targets; got {len(places)}")
    pairs = group_lines(read, normal_form)
    if not pairs:
        raise DataError(f"{name}: no pairs in it; expected lines of source<TAB>target")
    return pairs


def is_dictionary(name: str) -> bool:
    """True for the name of a pronouncing dictionary.

    >>> is_dictionary("cmudict.dict.xz"), is_dictionary("words.tsv")
    (True, False)
    """
    return ending(name) == DICTIONARY


def group_lines(lines: Iterable[Line], normal_form: NormalForm = "none") -> list[Pair]:
    """Groups lines with the same source into one pair, in the order of their first appearance. Texts are the same if
    they are in this normal form, in which they are returned.

    >>> group_lines([Line("a", "x"), Line("b", "y"), Line("a", "z"), Line("a", "x")])
    [Pair(source='a', targets=('x', 'z')), Pair(source='b', targets=('y',))]
    """
    targets_of: dict[str, dict[str, None]] = {}
    for source, target in lines:
        targets_of.setdefault(normalise(source, normal_form), {})[normalise(target, normal_form)] = None
    return [Pair(source, tuple(targets)) for source, targets in targets_of.items()]


def check_line(line: Line, place: str) -> Line:
    """The line, after a check that both of its sides are strings and not empty.

    Raises:
        DataError: a side that is empty or not a string; names `place`.
    """
    for side, text, other in (("source", line.source, line.target), ("target", line.target, line.source)):
        if not isinstance(text, str):
            raise DataError(f"{place}: the {side} is {text!r}; expected a string, such as {str(text)!r}")
        if not text:
            raise DataError(f"{place}: the {side} of {other[:60]!r} is empty; fill it, or leave the line out")
    return line


def source_in(line: str, *, dictionary: bool = False) -> str:
    r"""The source in a line: all before the first tab, or the word in a line of a pronouncing dictionary, of which a
    comment has none.

    >>> source_in("one\tun"), source_in("read(2) R EH1 D # past", dictionary=True)
    ('one', 'read')
    """
    return word_of(line) if dictionary else line.split("\t", 1)[0].strip()


def _lines(place: str | Path) -> Lines:
    sources = [*open_sources(place)]
    if len(sources) > 1:
        raise DataError(f"{place}: {len(sources)} files in it; expected one of lines source<TAB>target")
    return sources[0].lines()


def _table(lines: Lines) -> Iterator[Line]:
    rows = entries = 0
    for line in lines:
        if not line.strip():
            continue
        place, (_, *columns) = f"{lines.name}, line {lines.number}", line.split("\t")
        if not columns:
            raise DataError(f"{place}: expected source<TAB>target; got {line[:60]!r}, without a tab")
        rows, entries = rows + 1, entries + (len(columns) > 1 and sure_columns(line) == len(columns) - 1)
        yield check_line(Line(source_in(line), columns[0].strip()), place)
    if rows and entries == rows:
        raise DataError(
            f"{lines.name}: every line has a probability for its target, and phones behind it; the name of a "
            f"pronouncing dictionary ends in {DICTIONARY}. Rename it, or take the column of numbers out"
        )


def _aligned(sources: str | Path, targets: str | Path) -> Iterator[Line]:
    both = zip_longest(_lines(sources), _lines(targets))
    for number, (source, target) in enumerate(both, start=1):
        if source is None or target is None:
            short, long = (sources, targets) if source is None else (targets, sources)
            surplus = 1 + sum(1 for _ in both)
            raise DataError(
                f"{long}, line {number}: {short} has no such line: it ends {surplus:,} lines earlier; "
                "expected two files with as many lines"
            )
        if "\t" in source and "\t" in target:
            raise DataError(
                f"{sources} and {targets}, line {number}: both have a tab; expected sources in one file and targets in "
                "the other. Two files of pairs have to be made one"
            )
        if source.strip() or target.strip():
            yield check_line(Line(source.strip(), target.strip()), f"{sources} and {targets}, line {number}")


def _dictionary(lines: Lines, stress: bool) -> Iterator[Line]:
    for word, phones, number in read_dictionary(lines, file=lines.name, stress=stress):
        yield check_line(Line(word, " ".join(phones)), f"{lines.name}, line {number}")
