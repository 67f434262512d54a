"""Reads numeric series, each with a class: the `.ts` files of aeon and sktime, with any lengths and channels, files of
the UCR archive, with a series in each line, and tables in long form, with a row for each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from elman._errors import DataError, quantity
from elman._normal_form import normalise
from elman._show import Shown
from elman._types import NormalForm
from elman.formats.files import File, by_part, data_files, text_of
from elman.formats.frames import TABLE, AnyFrame, read_frame
from elman.formats.names import JSON_LINES, SERIES, TABLES, TEXTS
from elman.formats.numbers import whole_of
from elman.tasks.classification.labels import single_label
from elman.tasks.series_classification.long_tables import ColumnRoles, of_file, of_frame, read_long
from elman.tasks.series_classification.row_tables import is_row, read_rows
from elman.tasks.series_classification.series import Missing, Series, SeriesFile, Trial, numbers_of


@dataclass(frozen=True)
class SeriesParts(Shown):
    """The series of several files, by part; `validation` and `test` are empty where no file is named so."""

    channels: tuple[str, ...]
    train: tuple[Series, ...]
    validation: tuple[Series, ...] = ()
    test: tuple[Series, ...] = ()


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
    trial = Trial(keep_errors)
    text = "" if file.suffix in JSON_LINES else text_of(file, encoding)
    if file.suffix == SERIES:
        content = _read_ts(file, normalise(text, normal_form), missing, trial)
    elif file.suffix in (*TABLES, *TEXTS) and is_row(text.lstrip().partition("\n")[0]):
        content = read_rows(file.name, text, missing, trial)
    elif file.suffix in TABLES:
        content = read_long(of_file(file, encoding), columns, labelled, missing, normal_form, trial)
    else:
        raise DataError(f"{file.name}: expected series, a file ending in {', '.join((SERIES, *TABLES))} (or .gz, .xz)")
    return _checked(content, file.name, labelled=labelled)


def series_in(
    in_memory: AnyFrame,
    *,
    columns: ColumnRoles = ColumnRoles(),
    labelled: bool = True,
    missing: Missing = "error",
    normal_form: NormalForm = "none",
    name: str = TABLE,
) -> SeriesFile:
    """Reads the series of a table in memory in long form, in order. Of an index of two levels, the first has the names
    of the series and the second the times of the steps, unless columns are named so.

    Raises:
        DataError: as `read_series`; rows are counted from 1.

    >>> series_in({"series": [1, 1], "x": [0.5, 1.5], "label": ["a", "a"]}).series[0].values.tolist()
    [[0.5], [1.5]]
    """
    frame = read_frame(in_memory, name=name)
    others = [level for level in frame.levels if level != frame.times]
    if columns.time not in frame.columns and frame.times:
        columns = columns._replace(time=frame.times)
    if columns.series not in frame.columns and len(others) == 1 and frame.times:
        columns = columns._replace(series=others[0])
    read = read_long(of_frame(frame, {columns.label}), columns, labelled, missing, normal_form, Trial(False))
    return _checked(read, frame.name, labelled=labelled)


def _checked(content: SeriesFile, name: str, *, labelled: bool) -> SeriesFile:
    if not content.series:
        raise DataError(f"{name}: no series in it")
    return content._replace(series=tuple(map(_labelled, content.series))) if labelled else content


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


class _Head(NamedTuple):
    """The content of the lines with @; None where no line gives it."""

    channels: int | None = None
    length: int | None = None
    equal_length: bool | None = None
    labels: dict[str, None] | None = None
    """The listed classes; empty where there are classes but no list, None where there are no classes."""


def _labelled(one: Series) -> Series:
    if not one.label:
        raise DataError(f"{one.place}: the series has no class; write one, or leave it out")
    return one._replace(label=single_label(one.label, one.place))


def _named(file: File) -> File:
    if file.suffix:
        return file
    is_ts = file.content.lstrip().startswith((b"@", b"#", b"%"))
    return file._replace(path=(*file.path[:-1], file.path[-1] + (SERIES if is_ts else ".csv")))


def _read_ts(file: File, text: str, missing: Missing, trial: Trial) -> SeriesFile:
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
        raise DataError(f"{place}: {quantity(len(channels), 'channel')}; the head says {head.channels}")
    columns = [channel.split(",") for channel in channels]
    for number, column in enumerate(columns, start=1):
        if len(column) != len(columns[0]):
            raise DataError(
                f"{place}: channel {number} has {quantity(len(column), 'value')}, channel 1 has {len(columns[0])}; "
                "expected as many"
            )
    names = [f"channel {number}" for number in range(1, len(columns) + 1)]
    return Series(numbers_of(columns, [place] * len(columns[0]), names, missing), label, place)


def _check_agreed(place: str, head: _Head, one: Series) -> None:
    steps = len(one.values)
    if head.equal_length is not False and head.length not in (None, steps):
        raise DataError(
            f"{place}: {quantity(steps, 'step')}; expected {head.length}, since the head says that all are equally long"
        )


def _agreed(head: _Head, one: Series) -> _Head:
    """The head with what it leaves open settled by a series: the first that can be read."""
    if not len(one.values):
        return head
    steps, channels = one.values.shape
    fixed = head.equal_length and head.length is None
    return head._replace(channels=channels, length=steps if fixed else head.length)
