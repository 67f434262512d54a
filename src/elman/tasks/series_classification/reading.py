"""Reads numeric series, each with a class: the `.ts` files of aeon and sktime, with any lengths and channels, and
tables in long form, with a row for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats import table
from elman.formats.files import File, by_part, data_files, text_of
from elman.formats.names import SERIES, TABLES
from elman.formats.numbers import number_of, whole_of
from elman.formats.stamp_texts import parse_order
from elman.tasks.classification.reading import check_label

Order = dict[int, tuple[float, ...]]
"""Keys that order the rows of a table, by their lines."""

Missing = Literal["error", "interpolate"]
"""Ways of treating missing values: an error, or linear interpolation."""


class Series(NamedTuple):
    """One series, its class ("" where the file has none), and the file and line where it begins, for messages."""

    values: Float[np.ndarray, "time channel"]
    label: str = ""
    place: str = "the series"


class SeriesFile(NamedTuple):
    """The series of one file."""

    channels: tuple[str, ...]
    """Names of the channels; "1", "2" and so on for `.ts` files, which name none."""
    series: tuple[Series, ...]
    names: tuple[str, ...]
    """The names of the series; `.ts` files number them from 1 on."""
    errors: dict[str, DataError]
    """The errors of series that cannot be read, by name, where they are kept; such a series has no steps."""


@dataclass(frozen=True)
class SeriesParts:
    """The series of several files, by part; `validation` and `test` are empty where no file is named so."""

    channels: tuple[str, ...]
    train: tuple[Series, ...]
    validation: tuple[Series, ...] = ()
    test: tuple[Series, ...] = ()


class ColumnRoles(NamedTuple):
    """The roles of the columns of a table in long form."""

    series: str = "series"
    """The column with the name of each row's series."""
    time: str = "time"
    """The column that orders the steps; without such a column the rows are in order."""
    values: tuple[str, ...] = ()
    """The columns of the channels; all other columns where empty."""
    label: str = "label"
    """The column of the class."""


def read_series(
    file: File,
    *,
    columns: ColumnRoles = ColumnRoles(),
    labelled: bool = True,
    missing: Missing = "error",
    encoding: str = "utf-8",
    normal_form: NormalForm = "none",
    keep_errors: bool = False,
) -> SeriesFile:
    r"""Reads the series of one file, in order.

    Args:
        file: a file of `read_files`; its suffix names its format.
        columns: names of a table's columns.
        labelled: True where every series must have a class; else classes are optional.
        missing: treatment of missing values and NaN; "interpolate" fills them linearly between the values before and
            after, and at an end with the nearest value.
        encoding: encoding of the text.
        normal_form: the normal form of Unicode in which names of classes and of series are compared and returned.
        keep_errors: keeps the error of a series that cannot be read by itself, instead of raising it.

    Raises:
        DataError: a malformed file, with its line: channels of different length in one series, a missing value, a
            series without a class, a missing column (names those present), or a head that contradicts the series.

    >>> text = b"@dimensions 2\n@classLabel true a b\n@data\n1,2,3:4,5,6:b\n"
    >>> found = read_series(File("x.ts", ("x.ts",), text))
    >>> found.channels, found.series[0].label, found.series[0].values.tolist()
    (('1', '2'), 'b', [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
    """
    trial = _Trial(keep_errors)
    if file.suffix == SERIES:
        content = _read_ts(file, normalise(text_of(file, encoding), normal_form), missing, trial)
    elif file.suffix in TABLES:
        content = _read_table(file, columns, labelled, missing, encoding, normal_form, trial)
    else:
        raise DataError(f"{file.name}: expected series, a file ending in {', '.join((SERIES, *TABLES))} (or .gz, .xz)")
    if not content.series:
        raise DataError(f"{file.name}: no series in it")
    for one in content.series:
        if labelled and not one.label:
            raise DataError(f"{one.place}: the series has no class; write one, or leave it out")
        check_label(one.label, one.place)
    return content


def read_series_parts(
    *places: str | Path,
    columns: ColumnRoles = ColumnRoles(),
    missing: Missing = "error",
    encoding: str = "utf-8",
    normal_form: NormalForm = "none",
) -> SeriesParts:
    """Reads the series of files and folders; files named train, dev (or valid, validation) and test are those parts.
    Standard input ("-") is `.ts` where it begins with @ or a comment, else CSV.

    Raises:
        DataError: see `read_series`; or a file with other channels than the first.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("TRAIN", "TEST"):
    ...         _ = Path(folder, f"Steps_{part}.csv").write_text("series,x,label\\n1,2,a\\n1,3,a\\n")
    ...     found = read_series_parts(folder)
    >>> found.channels, len(found.train), len(found.validation), len(found.test)
    (('x',), 1, 0, 1)
    """
    files = series_files(*places)
    options: dict[str, Any] = {"columns": columns, "missing": missing, "encoding": encoding, "normal_form": normal_form}
    first: tuple[File, SeriesFile] | None = None
    parts: dict[str, list[Series]] = {}
    for part, group in (by_part(files) or {"train": files}).items():
        for file in group:
            content = read_series(file, **options)
            first = first or (file, content)
            if content.channels != first[1].channels:
                raise DataError(
                    f"{file.name}: channels {', '.join(content.channels)}; expected {', '.join(first[1].channels)}, as "
                    f"in {first[0].name}"
                )
            parts.setdefault(part, []).extend(content.series)
    channels = first[1].channels if first else ()
    return SeriesParts(channels, **{name: tuple(series) for name, series in parts.items()})


def series_files(*places: str | Path) -> list[File]:
    """The files of series in files, folders and archives, and standard input ("-"), with a name for its form.

    Raises:
        DataError: no file with data, or one that cannot be read.
    """
    return [_named(file) for file in data_files(*places)]


class _Trial:
    """Reads series after series; it keeps the errors, or raises the first."""

    def __init__(self, keep_errors: bool):
        self.keep_errors, self.errors = keep_errors, dict[str, DataError]()

    def __call__(self, read: Callable[[], Series], name: str, place: str) -> Series:
        try:
            return read()
        except DataError as error:
            if not self.keep_errors:
                raise
            self.errors[name] = error
            return Series(np.zeros((0, 0), np.float32), "", place)


class _Head(NamedTuple):
    """The content of the lines with @; None where no line gives it."""

    channels: int | None = None
    length: int | None = None
    equal_length: bool | None = None
    labels: dict[str, None] | None = None
    """The listed classes; empty where there are classes but no list, None where there are no classes."""


def _named(file: File) -> File:
    if file.suffix:
        return file
    is_ts = file.content.lstrip().startswith((b"@", b"#", b"%"))
    return file._replace(path=(*file.path[:-1], file.path[-1] + (SERIES if is_ts else ".csv")))


def _read_ts(file: File, text: str, missing: Missing, trial: _Trial) -> SeriesFile:
    head, series, begun = _Head(), list[Series](), False

    def case() -> Series:
        one = _case(place, line, head, missing)
        _check_agreed(place, head, one)
        return one

    for number, line in enumerate(text.split("\n"), start=1):
        line, place = line.strip(), f"{file.name}, line {number}"
        if not line or line.startswith(("#", "%")):
            continue
        if begun:
            series.append(trial(case, str(len(series) + 1), place))
            head = _agreed(head, series[-1])
        elif line.lower() == "@data":
            begun = True
        elif line.startswith("@"):
            head = _with_entry(place, head, line)
        else:
            raise DataError(f"{place}: expected a line with @, such as @data before the series; got {line[:40]!r}")
    if not begun:
        raise DataError(f"{file.name}: no @data in it; expected a line @data before the series")
    channels = next((one.values.shape[1] for one in series if len(one.values)), 0)
    names = tuple(str(number) for number in range(1, len(series) + 1))
    return SeriesFile(tuple(str(channel + 1) for channel in range(channels)), tuple(series), names, trial.errors)


def _with_entry(place: str, head: _Head, line: str) -> _Head:
    name, *values = line[1:].split() or [""]
    value = values[0].lower() if values else ""
    match name.lower():
        case "dimensions" | "dimension":
            return head._replace(channels=whole_of(value, f"{place}, @{name}", least=1))
        case "univariate" if value == "true":
            return head._replace(channels=1)
        case "serieslength":
            return head._replace(length=whole_of(value, f"{place}, @{name}", least=1))
        case "equallength":
            return head._replace(equal_length=value == "true")
        case "classlabel":
            return head._replace(labels=dict.fromkeys(values[1:]) if value == "true" else None)
        case "targetlabel" if value == "true":
            raise DataError(f"{place}: the file is for regression (@targetLabel); expected classes (@classLabel)")
        case "timestamps" if value == "true":
            raise DataError(f"{place}: time stamps are not read; write the values alone, and @timeStamps false")
        case _:
            return head


def _case(place: str, line: str, head: _Head, missing: Missing) -> Series:
    *channels, last = line.split(":")
    label = ""
    if head.labels is None:
        channels.append(last)
    else:
        label = last.strip()
        if not channels:
            raise DataError(f"{place}: no class; expected it after the last colon, as @classLabel says")
        if head.labels and label not in head.labels:
            raise DataError(f"{place}: class {label[:40]!r} is not among those of @classLabel: {' '.join(head.labels)}")
    if head.channels not in (None, len(channels)):
        raise DataError(f"{place}: {len(channels)} channels; the head says {head.channels}")
    columns = [channel.split(",") for channel in channels]
    for number, column in enumerate(columns, start=1):
        if len(column) != len(columns[0]):
            raise DataError(
                f"{place}: channel {number} has {len(column)} values, channel 1 has {len(columns[0])}; expected as many"
            )
    names = [f"channel {number}" for number in range(1, len(columns) + 1)]
    return Series(_numbers(columns, [place] * len(columns[0]), names, missing), label, place)


def _check_agreed(place: str, head: _Head, one: Series) -> None:
    steps = len(one.values)
    if head.equal_length is not False and head.length not in (None, steps):
        raise DataError(
            f"{place}: {steps} steps; expected {head.length}, since the head says that all are equally long"
        )


def _agreed(head: _Head, one: Series) -> _Head:
    """The head with what it leaves open settled by a series: the first that can be read."""
    if not len(one.values):
        return head
    steps, channels = one.values.shape
    fixed = head.equal_length and head.length is None
    return head._replace(channels=channels, length=steps if fixed else head.length)


def _read_table(
    file: File,
    columns: ColumnRoles,
    labelled: bool,
    missing: Missing,
    encoding: str,
    form: NormalForm,
    trial: _Trial,
) -> SeriesFile:
    there = table.columns_of(file, encoding=encoding)
    time = [columns.time] if columns.time in there else []
    label = [columns.label] if labelled or columns.label in there else []
    others = {columns.series, columns.time, columns.label}
    channels = columns.values or tuple(name for name in there if name not in others)
    if not channels:
        raise DataError(f"{file.name}: no column with values; there are {', '.join(there)}")
    rows = list(table.read_table(file, columns=[columns.series, *time, *label, *channels], encoding=encoding))
    keys = _order(file, columns.time, rows) if time else {}
    steps: dict[str, list[table.Row]] = {}
    written: dict[str, str] = {}  # the names of the series as the file has them
    for row in rows:
        if not steps and not columns.values:
            _check_channels(file, row, channels)
        named = {name: normalise(row.values[name], form) for name in (columns.series, *label)}
        written.setdefault(named[columns.series], row.values[columns.series])
        steps.setdefault(named[columns.series], []).append(row._replace(values=row.values | named))

    def one(name: str, own: list[table.Row]) -> Series:
        kind = _label(file, columns, name, own) if label else ""
        ordered = _by_time(file, columns.time, name, own, keys) if time else own
        values = [[row.values[channel] for row in ordered] for channel in channels]
        places = [f"{file.name}, line {row.line}" for row in ordered]
        return Series(_numbers(values, places, channels, missing), kind, f"{file.name}, line {own[0].line}")

    series = tuple(
        trial(partial(one, name, own), written[name], f"{file.name}, line {own[0].line}") for name, own in steps.items()
    )
    return SeriesFile(tuple(channels), series, tuple(written.values()), trial.errors)


def _check_channels(file: File, row: table.Row, channels: Sequence[str]) -> None:
    """Refuses a column without numbers that would become a channel."""
    for name in channels:
        try:
            number_of(row.values[name], f"{file.name}, line {row.line}, {name}")
        except DataError as error:
            raise DataError(f"{error}; say which columns are channels with --value-columns") from None


def _label(file: File, columns: ColumnRoles, name: str, rows: list[table.Row]) -> str:
    first = rows[0].values[columns.label].strip()
    for row in rows:
        if (label := row.values[columns.label].strip()) != first:
            raise DataError(
                f"{file.name}, line {row.line}: {columns.label} {label!r}; expected {first!r}, as in line "
                f"{rows[0].line} of the same {columns.series} {name!r}"
            )
    return first


def _order(file: File, column: str, rows: list[table.Row]) -> Order:
    """The keys that order rows by time, by their lines; none where some time cannot be read."""
    try:
        return _keys(file, column, rows)
    except DataError:
        return {}  # the series that it belongs to is refused


def _keys(file: File, column: str, rows: list[table.Row]) -> Order:
    places = [f"{file.name}, line {row.line}, {column}" for row in rows]
    keys = parse_order([row.values[column] for row in rows], places)
    return {row.line: key for row, key in zip(rows, keys, strict=True)}


def _by_time(file: File, column: str, name: str, rows: list[table.Row], keys: Order) -> list[table.Row]:
    """The rows of a series in the order of their times."""
    keys = keys or _keys(file, column, rows)
    ordered = sorted(rows, key=lambda row: keys[row.line])
    for before, after in pairwise(ordered):
        if keys[before.line] == keys[after.line]:
            raise DataError(
                f"{file.name}, line {after.line}: {column} {after.values[column]!r} of {name!r} is already in line "
                f"{before.line}; expected each once"
            )
    return ordered


def _numbers(
    channels: Sequence[Sequence[str]], places: Sequence[str], names: Sequence[str], missing: Missing
) -> Float[np.ndarray, "time channel"]:
    """The texts of each channel as numbers; `places` names each step and `names` each channel in messages."""
    values = np.array(
        [
            [number_of(text, f"{place}, {name}") for text, place in zip(channel, places, strict=True)]
            for channel, name in zip(channels, names, strict=True)
        ],
        np.float64,
    )
    gaps = np.isnan(values)
    if gaps.any():
        channel, step = np.argwhere(gaps)[0]
        where = f"{places[step]}, {names[channel]}"
        if missing == "error":
            raise DataError(
                f"{where}: the value of step {step + 1} is missing ({channels[channel][step].strip()!r}); leave the "
                "series out, or fill gaps linearly with --missing interpolate"
            )
        for row, absent, name in zip(values, gaps, names, strict=True):
            if absent.all():
                raise DataError(f"{places[0]}, {name}: all values are missing; leave the series or the channel out")
            row[absent] = np.interp(np.flatnonzero(absent), np.flatnonzero(~absent), row[~absent])
    return values.T.astype(np.float32)
