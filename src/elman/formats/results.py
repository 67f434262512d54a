"""Results as a table in memory: columns by name, written as CSV or JSON lines that read back as they are, converted to
pandas, and shown to people within the width of a page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unicodedata import combining, east_asian_width

import numpy as np

from elman._errors import ConfigError, DataError, nearest, quantity
from elman._show import VALUE, Shown, cut, lines
from elman._show import table as html_table
from elman.formats.names import JSON_LINES, ending
from elman.formats.rows import Cell, cell_text, write_object, write_row
from elman.formats.stamp_forms import StampForm, zone_called
from elman.formats.table import CSV

if TYPE_CHECKING:
    import pandas

SHOWN = 5
"""The number of rows that are shown at either end."""

WIDTH, NARROWEST = 80, 12
"""The characters of a line for people, and the fewest to which a column of texts is shortened."""

FIGURES, MOST_FIGURES = 7, 17
"""The figures of numbers that are shown, and those that float64 has."""

PLACE = "place"
"""The name of the column of files and lines, whose ends say more than their beginnings."""

STAMPS = ("ds", "cutoff", "worst-ds")
"""Names of columns of stamps, which are written in the form of the table even where they are numbers."""

WRITTEN = (CSV, *JSON_LINES)
"""Endings of the files that a table is written to."""


@dataclass(frozen=True)
class ResultTable(Shown):
    """Columns of equal length, by name.

    >>> table = ResultTable.of({"unique_id": ["a", "a"], "ds": np.array([7, 8]), "elman": np.array([0.5, 1])})
    >>> table
    ResultTable(2 rows: unique_id, ds, elman)
    >>> print(table)
    unique_id  ds  elman
    a           7    0.5
    a           8      1
    >>> table["elman"].tolist(), list(table)[0], table.to_csv().splitlines()[1]
    ([0.5, 1.0], ('a', 7, 0.5), 'a,7,0.5')
    """

    columns: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    form: StampForm = field(default_factory=StampForm)
    """The form in which stamps are written."""
    index: Any = None
    """The index of the frame whose rows were answered, for `to_pandas`; None where the rows are numbered."""

    @classmethod
    def of(cls, columns: Mapping[str, Any], *, index: Any = None) -> Self:
        """The table of columns: arrays, or sequences of texts in which None stands for no text."""
        return cls(tuple(columns), tuple(map(_array, columns.values())), index=index)

    def __getitem__(self, name: str) -> np.ndarray:
        """The column of a name.

        Raises:
            DataError: a column that the table does not have.
        """
        if name not in self.columns:
            raise DataError(f"no column {name!r}{nearest(name, self.columns)}; there are {', '.join(self.columns)}")
        return self.arrays[self.columns.index(name)]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yields the rows as tuples."""
        return zip(*(column.tolist() for column in self.arrays), strict=True)

    def to_dict(self) -> dict[str, np.ndarray]:
        """A dictionary of the columns by name, as polars and others take it."""
        return dict(zip(self.columns, self.arrays, strict=True))

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a data frame of pandas, with the index of the frame that was answered.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError("to_pandas needs pandas; install it with pip install 'elman[pandas]'") from None
        frame = pandas.DataFrame(self.to_dict(), index=self.index)
        zone = zone_called(self.form.zone) if self.form.zone else None
        for name, column in self.to_dict().items():
            if zone and column.dtype.kind == "M" and self.form.by_clock:
                frame[name] = frame[name].dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
            elif zone and column.dtype.kind == "M":
                frame[name] = frame[name].dt.tz_localize("UTC").dt.tz_convert(zone)
        return frame

    def to_csv(self, path: str | Path | None = None) -> str:
        """Returns the table as CSV, and writes it to `path` if there is one."""
        text = "".join(f"{line}\n" for line in self.lines())
        if path is not None:
            _write(path, text)
        return text

    def save(self, path: str | Path) -> None:
        """Writes the table to a file that ends in .csv, .jsonl or .ndjson; each value reads back as it is.

        Raises:
            ConfigError: another ending.
            DataError: a file that cannot be written.
        """
        form = ending(path)
        if form not in WRITTEN:
            raise ConfigError(f"{path}: expected a table to write, a file ending in {', '.join(WRITTEN)}")
        _write(path, "".join(f"{line}\n" for line in self.lines(form)))

    def lines(self, form: str = CSV) -> Iterator[str]:
        """The rows of the CSV, below its head, or lines of JSON, without their ends. Each value reads back as it is."""
        rows = zip(*map(self._cells, self.columns), strict=True)
        if form in JSON_LINES:
            yield from (write_object("", dict(zip(self.columns, row, strict=True))) for row in rows)
            return
        yield write_row(self.columns)
        yield from map(write_row, rows)

    def head(self, rows: int) -> Self:
        """The first rows alone."""
        index = None if self.index is None else self.index[:rows]
        return replace(self, arrays=tuple(column[:rows] for column in self.arrays), index=index)

    def without(self, name: str) -> Self:
        """The other columns alone."""
        kept = [place for place, column in enumerate(self.columns) if column != name]
        columns, arrays = tuple(self.columns[place] for place in kept), tuple(self.arrays[place] for place in kept)
        return replace(self, columns=columns, arrays=arrays)

    def text(self, *, width: int = WIDTH, figures: int = FIGURES) -> str:
        """All rows for people, one a line, in which long texts are shortened until a line has at most `width`
        characters, if that is enough; numbers have so many figures of how far they vary."""
        shown = [self._shown(name, figures) for name in self.columns]
        return _lay_out(self.columns, shown, self._texts, width)

    def __repr__(self) -> str:
        columns = [cut(name, VALUE) for name in self.columns]
        return lines(f"ResultTable({quantity(len(self), 'row')}: ", columns, ")")

    def _repr_html_(self) -> str:
        return html_table([*zip(*self._ends(), strict=True)], head=self.columns)

    def __str__(self) -> str:
        return _lay_out(self.columns, self._ends(), self._texts, WIDTH)

    def _ends(self) -> list[list[str]]:
        """The first and the last rows of each column, for people."""
        shown = [*map(self._shown, self.columns)]
        if len(self) <= 2 * SHOWN:
            return shown
        return [[*column[:SHOWN], "...", *column[-SHOWN:]] for column in shown]

    @property
    def _texts(self) -> list[bool]:
        """True for each column of texts."""
        return [column.dtype.kind in "OU" for column in self.arrays]

    def _cells(self, name: str) -> list[Cell]:
        """A column to be written."""
        column = self[name]
        if column.dtype.kind == "M" or (name in STAMPS and column.dtype.kind == "i"):
            return [self.form.write(value) for value in column]
        return list(column)

    def _shown(self, name: str, figures: float = FIGURES) -> list[str]:
        """A column for people: numbers have these figures of how far they vary, on any level."""
        column = self[name]
        if column.dtype.kind != "f":
            return [*map(cell_text, self._cells(name))]
        known = column[~np.isnan(column)]
        spread = np.ptp(known) if len(known) else 0
        figures += max(0.0, math.log10(np.abs(known).max()) - math.log10(spread)) if spread else 0
        return ["" if np.isnan(value) else f"{value:.{int(min(figures, MOST_FIGURES))}g}" for value in column]


def concatenate(tables: Sequence[ResultTable]) -> ResultTable:
    """Concatenates tables of the same columns, one below the other."""
    arrays = (np.concatenate(columns) for columns in zip(*(table.arrays for table in tables), strict=True))
    return replace(tables[0], arrays=tuple(arrays))


def shorten_text(text: str, width: int, *, from_left: bool = False) -> str:
    r"""A text on one line of at most `width` columns of a terminal, in which wide characters take two. Its end is left
    out, or its beginning if `from_left`.

    >>> shorten_text("one\ntwo", 9), shorten_text("a long text", 7), shorten_text("日本語", 5)
    ('one two', 'a long…', '日本…')
    """
    line = "".join(character if character.isprintable() else " " for character in text)
    if text_width(line) <= width:
        return line
    if from_left:
        return shorten_text(line[::-1], width)[::-1]
    kept, used = 0, 1
    while kept < len(line) and used + text_width(line[kept]) <= width:
        used += text_width(line[kept])
        kept += 1
    return line[:kept] + "…"


def text_width(text: str) -> int:
    """The columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def _array(values: Any) -> np.ndarray:
    """The column as an array; texts are objects, so that a long one does not widen all."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "U":
        return values
    listed = list(values)
    if not any(value is None or isinstance(value, str) for value in listed) and listed:
        return np.asarray(listed)
    column = np.empty(len(listed), object)
    column[:] = listed
    return column


def _write(path: str | Path, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None


def _lay_out(names: Sequence[str], columns: Sequence[Sequence[str]], texts: Sequence[bool], width: int) -> str:
    """Rows below their head, with texts on the left of their columns and numbers on the right."""
    widths = [max(map(text_width, (name, *column))) for name, column in zip(names, columns, strict=True)]
    surplus = sum(widths) + 2 * (len(widths) - 1) - width
    while surplus > 0 and (long := [n for n, text in enumerate(texts) if text and widths[n] > NARROWEST]):
        widest = max(long, key=widths.__getitem__)
        next_widest = max([NARROWEST, *(widths[n] for n in long if n != widest)])
        cut = min(surplus, max(1, widths[widest] - next_widest))
        widths[widest], surplus = widths[widest] - cut, surplus - cut

    def cell(text: str, place: int) -> str:
        short = shorten_text(text, widths[place], from_left=names[place] == PLACE)
        space = " " * (widths[place] - text_width(short))
        return short + space if texts[place] else space + short

    rows = zip(*([name, *column] for name, column in zip(names, columns, strict=True)), strict=True)
    return "\n".join("  ".join(cell(text, place) for place, text in enumerate(row)).rstrip() for row in rows)
