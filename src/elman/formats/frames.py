"""Tables in memory as columns: frames and series of pandas, of polars and of all that speak Arrow (PyArrow, DuckDB and
others), and mappings of columns by name. None of these libraries is imported before a table of its kind comes.

The index of pandas has columns of its own here, called as its levels are: of two levels, the first are names of series
and the second their times, or the other way round where the first are times.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from elman._errors import DataError, excerpt, nearest, quantity
from elman.formats.table import column_name

STAMPS, SERIES, INDEX = "ds", "unique_id", "index"
"""Names of the levels of an index that have none: times, names of series, and others."""

TABLE = "the table"
"""The name of a table in messages."""


@runtime_checkable
class ArrowStream(Protocol):
    """The interface of tables that other libraries can read by Arrow's PyCapsules."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule of the table's batches."""
        ...


@runtime_checkable
class ArrowArray(Protocol):
    """The interface of one batch, or one column, that other libraries can read by Arrow's PyCapsules."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        """Capsules of the schema and the array."""
        ...


@runtime_checkable
class Interchange(Protocol):
    """The interface of frames of the dataframe interchange protocol."""

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> object:
        """The frame's columns as buffers."""
        ...


AnyFrame = Mapping[str, Any] | ArrowStream | ArrowArray | Interchange
"""A table in memory, or one column of it."""


@dataclass(frozen=True)
class Frame:
    """The columns of a table, with None for each missing value.

    >>> frame = read_frame({"text": ["good", None], "n": [1, np.nan]})
    >>> frame.columns, frame.place(1)
    ({'text': ['good', None], 'n': [1, None]}, 'the table, row 2')
    """

    columns: dict[str, list[Any]]
    levels: tuple[str, ...] = ()
    """The names of the columns that are levels of the index; none for an index that only counts the rows."""
    times: str = ""
    """The level of the index whose values are times or, of two levels, in the place of times."""
    zones: tuple[tuple[str, str], ...] = ()
    """The columns of times that have a time zone, with its name."""
    index: Any = None
    """The index as it came; None where there is none."""
    is_series: bool = False
    """True for one column that came without a table around it."""
    name: str = TABLE
    """The name of the table in messages."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the columns that are not levels of the index."""
        return tuple(name for name in self.columns if name not in self.levels)

    def place(self, row: int) -> str:
        """The place of a row, counted from 0, for messages."""
        label = f" (index {str(self.index[row])[:40]})" if self.levels and self.index is not None else ""
        return f"{self.name}, row {row + 1}{label}"

    def column(self, name: str, mend: str = "") -> list[Any]:
        """The values of a column; those of the only one where it came alone.

        Raises:
            DataError: no such column; names those present, and `mend`.
        """
        if self.is_series:
            return self.columns[self.own[0]]
        spelt = next((own for own in self.columns if column_name(own) == column_name(name)), None)
        if spelt is None:
            there = ", ".join(self.own) or "none"
            raise DataError(f"{self.name}: no column {name!r}{nearest(name, self.columns)}; there are {there}{mend}")
        return self.columns[spelt]

    def texts(self, name: str, mend: str = "") -> list[str]:
        """The values of a column of texts.

        Raises:
            DataError: no such column, or a value that is missing or no text; with its row.
        """
        values = self.column(name, mend)
        for row, value in enumerate(values):
            check_text(value, f"{self.place(row)}, {self.own[0] if self.is_series else name}")
        return values


def table_name(part: str) -> str:
    """The name in messages of the table of a part of the data.

    >>> table_name("train"), table_name("test")
    ('the table', 'the test table')
    """
    return TABLE if part == "train" else f"the {part} table"


def is_frame(value: Any) -> TypeGuard[AnyFrame]:
    """True for a table in memory, or one column of it: of pandas, polars or Arrow, or a mapping of columns.

    >>> is_frame({"text": ["a"]}), is_frame("a.csv"), is_frame([("a", "b")])
    (True, False, False)
    """
    kinds = (Mapping, ArrowStream, ArrowArray, Interchange)
    return isinstance(value, (*kinds, *_classes("pandas", "Series"), *_classes("polars", "LazyFrame")))


def table_or_files(places: Sequence[Any]) -> tuple[AnyFrame | None, tuple[str | Path, ...]]:
    """The table among the places of data, if they are one, or else the files.

    >>> table_or_files(["a.csv"]), table_or_files([{"y": [1]}])
    ((None, ('a.csv',)), ({'y': [1]}, ()))

    Raises:
        DataError: a table beside others, or a place that is neither a file nor a table.
    """
    if len(places) == 1 and is_frame(places[0]):
        return places[0], ()
    for place in places:
        if is_frame(place):
            raise DataError(f"expected one table in memory, or files; got {len(places)}, one of which is a table")
        if not isinstance(place, str | Path):
            raise DataError(f"expected files, or a table in memory such as a data frame; got {type(place).__name__}")
    return None, tuple(places)


def read_frame(table: Any, *, name: str = TABLE, alone: str = "") -> Frame:
    """Reads a table in memory, or one column of it.

    Args:
        table: a table for which `is_frame` is true.
        name: the name of the table in messages.
        alone: the name of a column that came alone and has none.

    Raises:
        DataError: columns of different length or of the same name, or a table that only a library can read that is not
            installed.
    """
    if isinstance(table, _classes("polars", "LazyFrame")):
        table = table.collect()
    if isinstance(table, _classes("pandas", "Series")):
        frame = _of_pandas(table.to_frame(table.name if table.name is not None else alone or STAMPS), name)
        frame = _with(frame, is_series=True)
    elif isinstance(table, _classes("pandas", "DataFrame")):
        frame = _of_pandas(table, name)
    elif isinstance(table, _classes("polars", "Series")):
        frame = _of_columns({table.name or alone: table.to_list()}, name, is_series=True)
    elif isinstance(table, _classes("polars", "DataFrame")):
        frame = _of_columns(table.to_dict(as_series=False), name)
    elif isinstance(table, Mapping):
        frame = _of_columns({str(key): values for key, values in table.items()}, name)
    else:
        frame = _of_arrow(table, name, alone)
    lengths = {column: len(values) for column, values in frame.columns.items()}
    first = next(iter(lengths), "")
    for column, length in lengths.items():
        if length != lengths[first]:
            rows = quantity(length, "row")
            raise DataError(f"{name}: {rows} of {column}, and {lengths[first]:,} of {first}; expected as many")
    return frame


def texts_in(texts: Any, column: str) -> list[str]:
    """Several texts: those of a table's column, of one column, or of any other sequence.

    >>> texts_in(["a", "b"], "text"), texts_in({"text": ["a"]}, "text")
    (['a', 'b'], ['a'])

    Raises:
        DataError: one text alone, or a value that is missing or no text; with its number.
    """
    if is_frame(texts):
        return read_frame(texts, alone=column).texts(column)
    if isinstance(texts, str):
        raise DataError(f"expected several texts, such as a list; got one: {excerpt(texts)}")
    return [check_text(text, f"text {number}") for number, text in enumerate(texts, start=1)]


def check_text(value: Any, place: str) -> str:
    """The value, after a check that it is a text.

    >>> check_text("good", "row 1")
    'good'

    Raises:
        DataError: a missing value or another one; names `place` and how to mend it.
    """
    if isinstance(value, str):
        return value
    if is_missing(value):
        raise DataError(f"{place}: no value; expected a text: fill it, or drop the row")
    if not isinstance(value, int | float | np.number | np.bool_):
        raise DataError(f"{place}: expected a text; got a value of type {type(value).__name__}")
    raise DataError(
        f"{place}: {value} is a number; expected a text, such as {str(value)!r}: convert the column to texts, such as "
        "with .astype(str)"
    )


def is_missing(value: Any) -> bool:
    """True for None and NaN, and for pandas' NA and NaT.

    >>> is_missing(None), is_missing(np.nan), is_missing(np.datetime64("NaT")), is_missing(0), is_missing([0])
    (True, True, True, False, False)
    """
    if value is None:
        return True
    if isinstance(value, str | int | Sequence | np.ndarray):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas' NA is neither the same as itself nor another
        return type(value).__name__ == "NAType"


def _classes(library: str, *names: str) -> tuple[type, ...]:
    """Classes of a library, if it is imported: a table of another one cannot be an instance of them."""
    module = sys.modules.get(library)
    return tuple(getattr(module, name) for name in names if hasattr(module, name))


def _with(frame: Frame, **changes: Any) -> Frame:
    return Frame(**{**vars(frame), **changes})


def _of_columns(columns: Mapping[str, Any], name: str, **more: Any) -> Frame:
    listed = {key: [None if is_missing(one) else one for one in values] for key, values in columns.items()}
    zones = [(key, zone) for key, values in listed.items() if (zone := _zone_of(next(iter(values), None)))]
    return Frame(listed, zones=tuple(zones), name=name, **more)


def _of_arrow(table: Any, name: str, alone: str) -> Frame:
    """A table that speaks Arrow or the dataframe interchange, by the first library that is there."""
    if isinstance(table, ArrowStream | ArrowArray):
        if (arrow := _import("pyarrow")) is not None:
            if isinstance(table, arrow.Array | arrow.ChunkedArray):
                return _of_columns({alone: table.to_pylist()}, name, is_series=True)
            return _of_columns(_pyarrow_columns(arrow.table(table)), name)
        if (polars := _import("polars")) is not None:
            return _of_columns(polars.DataFrame(table).to_dict(as_series=False), name)
        raise DataError(f"{name}: a table of Arrow, which pyarrow or polars reads; install one: pip install pyarrow")
    if not isinstance(table, Interchange):
        raise DataError(f"{name}: expected a table in memory, such as a data frame; got {type(table).__name__}")
    if (pandas := _import("pandas")) is None:
        library = type(table).__module__.partition(".")[0]
        raise DataError(f"{name}: a frame of {library}, which pandas reads; install it: pip install pandas")
    return _of_pandas(pandas.api.interchange.from_dataframe(table), name)


def _import(library: str) -> Any:
    try:
        return __import__(library)
    except ImportError:
        return None


def _pyarrow_columns(table: Any) -> dict[str, list[Any]]:
    _check_names([*table.column_names], TABLE)
    return {key: table.column(key).to_pylist() for key in table.column_names}


def _of_pandas(frame: Any, name: str) -> Frame:
    own = ["/".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in frame.columns]
    _check_names(own, name)
    columns = {key: _pandas_values(frame.iloc[:, place]) for place, key in enumerate(own)}
    zones = {
        key: str(zone) for key, dtype in zip(own, frame.dtypes, strict=True) if (zone := getattr(dtype, "tz", None))
    }
    index = frame.index
    if index.nlevels == 1 and index.name is None and index.equals(_counting(index)):
        return Frame(columns, zones=tuple(zones.items()), index=index, name=name)
    levels, times = _level_names(index)
    for place, level in enumerate(levels):
        if level not in columns:
            values = index.get_level_values(place)
            columns[level] = _pandas_values(values.to_series())
            zones |= {level: str(values.dtype.tz)} if _has_zone(values.dtype) else {}
    return Frame(columns, levels, times, tuple(zones.items()), index, name=name)


def _counting(index: Any) -> Any:
    """The index that only counts as many rows."""
    return sys.modules["pandas"].RangeIndex(len(index))


def _level_names(index: Any) -> tuple[tuple[str, ...], str]:
    """The names of the levels of an index, and that of the one with the times."""
    dtypes = [index.get_level_values(place).dtype for place in range(index.nlevels)]
    timed = [place for place, dtype in enumerate(dtypes) if dtype.kind in "Mm" or "Period" in type(dtype).__name__]
    at = timed[0] if timed else 1 if index.nlevels == 2 else None
    others = (
        (SERIES,) if index.nlevels == 2 else (INDEX, *(f"{INDEX} {place}" for place in range(2, index.nlevels + 1)))
    )
    usual = iter(others)
    names = [STAMPS if place == at else next(usual) for place in range(index.nlevels)]
    names = [usual if own is None else str(own) for usual, own in zip(names, index.names, strict=True)]
    return tuple(names), "" if at is None else names[at]


def _pandas_values(column: Any) -> list[Any]:
    """The values of a column of pandas: periods are their first moment."""
    if "Period" in type(column.dtype).__name__:
        column = column.dt.start_time
    missing = column.isna().to_numpy()
    values = column.astype(object).tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)] if missing.any() else values


def _has_zone(dtype: Any) -> bool:
    """True for a type of times in a time zone."""
    return getattr(dtype, "tz", None) is not None


def _zone_of(value: Any) -> str:
    """The name of the time zone of a time; empty for other values."""
    zone = getattr(value, "tzinfo", None)
    return "" if zone is None else str(zone)


def _check_names(names: Sequence[str], table: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{table}: {names.count(twice)} columns are named {twice!r}; give each its own name")
