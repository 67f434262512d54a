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
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from elman._errors import DataError
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats.dictionary import read_dictionary
from elman.formats.lines import arriving_lines
from elman.formats.names import DICTIONARY, ending


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
            name, lines = "standard input" if str(place) == "-" else str(place), _lines(place)
            read = _dictionary(name, lines, stress) if is_dictionary(name) else _table(name, lines)
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
    found: dict[str, dict[str, None]] = {}
    for source, target in lines:
        found.setdefault(normalise(source, normal_form), {})[normalise(target, normal_form)] = None
    return [Pair(source, tuple(targets)) for source, targets in found.items()]


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


def _lines(place: str | Path) -> Iterator[str]:
    return chain.from_iterable(arriving_lines(str(place)))


def _table(name: str, lines: Iterable[str]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        source, *columns = line.split("\t")
        if not columns:
            raise DataError(f"{name}, line {number}: expected source<TAB>target; got {line[:60]!r}, without a tab")
        yield check_line(Line(source.strip(), columns[0].strip()), f"{name}, line {number}")


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


def _dictionary(name: str, lines: Iterable[str], stress: bool) -> Iterator[Line]:
    for word, phones, number in read_dictionary(lines, file=name, stress=stress):
        yield check_line(Line(word, " ".join(phones)), f"{name}, line {number}")
