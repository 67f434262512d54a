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

from elman._errors import DataError, RecordError, quantity
from elman._normal_form import normalise
from elman._show import brief, brief_table
from elman._types import NormalForm
from elman.formats.dictionary import read_dictionary, sure_columns, word_of
from elman.formats.frames import AnyFrame, read_frame
from elman.formats.lines import Lines, all_readable, each_line
from elman.formats.names import DICTIONARY, ending
from elman.formats.sources import open_sources

SIDES = ("source", "target")
"""Names of the columns of inputs and of answers in a table."""


class Pair(NamedTuple):
    """A source and its correct targets, one or more."""

    source: str
    targets: tuple[str, ...]

    __repr__, _repr_html_ = brief, brief_table


class Line(NamedTuple):
    """The source and the target of one line."""

    source: str
    target: str
    place: str = ""
    """The file and line, for messages."""


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
    return group_lines(all_readable(read_lines(*places, stress=stress)), normal_form)


def read_lines(*places: str | Path, stress: bool = True) -> Iterator[Line | RecordError]:
    """Reads the lines of which `read_pairs` makes pairs; one that cannot be read is its error, and others follow.

    Raises:
        DataError: a missing file, or one that has no pairs or cannot be read from a line on.
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
    first = next(read, None)
    if first is None:
        raise DataError(f"{name}: no pairs in it; expected lines of source<TAB>target")
    yield first
    yield from read


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
    for source, target, _ in lines:
        targets_of.setdefault(normalise(source, normal_form), {})[normalise(target, normal_form)] = None
    return [Pair(source, tuple(targets)) for source, targets in targets_of.items()]


def lines_in(table: AnyFrame) -> Iterator[Line]:
    """Reads the lines of a table in memory: of the columns source and target, or of the only two that there are.

    >>> [*lines_in({"english": ["one"], "french": ["un"]})]
    [Line(source='one', target='un', place='the table, row 1')]

    Raises:
        DataError: other columns, or a side that is missing, empty or no text; with its row.
    """
    frame = read_frame(table)
    names = SIDES if {*SIDES} <= {*frame.own} else frame.own
    if len(names) != 2:
        raise DataError(f"{frame.name}: expected columns source and target, or only two; got {', '.join(frame.own)}")
    sides = (frame.texts(name) for name in names)
    for row, (source, target) in enumerate(zip(*sides, strict=True)):
        yield check_line(Line(source.strip(), target.strip(), frame.place(row)))


def check_line(line: Line) -> Line:
    """The line, after a check that both of its sides are strings and not empty.

    Raises:
        RecordError: a side that is empty or not a string; names the place.
    """
    for side, text, other in (("source", line.source, line.target), ("target", line.target, line.source)):
        if not isinstance(text, str):
            raise RecordError(f"{line.place}: the {side} is {text!r}; expected a string, such as {str(text)!r}")
        if not text:
            raise RecordError(f"{line.place}: the {side} of {other[:60]!r} is empty; fill it, or leave the line out")
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
        raise DataError(f"{place}: {quantity(len(sources), 'file')} in it; expected one of lines source<TAB>target")
    return sources[0].lines()


def _table(lines: Lines) -> Iterator[Line | RecordError]:
    rows = entries = 0
    for line in each_line(lines):
        if isinstance(line, RecordError):
            yield line
            continue
        if not line.strip():
            continue
        place, (_, *columns) = f"{lines.name}, line {lines.number}", line.split("\t")
        rows, entries = rows + 1, entries + (len(columns) > 1 and sure_columns(line) == len(columns) - 1)
        if columns:
            yield _checked(Line(source_in(line), columns[0].strip(), place))
        else:
            yield RecordError(f"{place}: expected source<TAB>target; got {line[:60]!r}, without a tab")
    if rows and entries == rows:
        raise DataError(
            f"{lines.name}: every line has a probability for its target, and phones behind it; the name of a "
            f"pronouncing dictionary ends in {DICTIONARY}. Rename it, or take the column of numbers out"
        )


def _aligned(sources: str | Path, targets: str | Path) -> Iterator[Line | RecordError]:
    both = zip_longest(*(each_line(_lines(place)) for place in (sources, targets)))
    for number, sides in enumerate(both, start=1):
        if None in sides:
            short, long = (sources, targets) if sides[0] is None else (targets, sources)
            surplus = 1 + sum(1 for _ in both)
            raise DataError(
                f"{long}, line {number}: {short} has no such line: it ends {quantity(surplus, 'line')} earlier; "
                "expected two files with as many lines"
            )
        texts = [side for side in sides if isinstance(side, str)]
        if len(texts) < len(sides):
            yield next(side for side in sides if isinstance(side, RecordError))
        elif all("\t" in text for text in texts):
            raise DataError(
                f"{sources} and {targets}, line {number}: both have a tab; expected sources in one file and targets in "
                "the other. Two files of pairs have to be made one"
            )
        elif any(text.strip() for text in texts):
            yield _checked(Line(*(text.strip() for text in texts), f"{sources} and {targets}, line {number}"))


def _dictionary(lines: Lines, stress: bool) -> Iterator[Line | RecordError]:
    for word, phones, number in read_dictionary(lines, file=lines.name, stress=stress):
        yield _checked(Line(word, " ".join(phones), f"{lines.name}, line {number}"))


def _checked(line: Line) -> Line | RecordError:
    try:
        return check_line(line)
    except RecordError as error:
        return error
