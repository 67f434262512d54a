"""Reads files of the UCR archive: a series of one channel in each line, its class first, then its values, with tabs,
commas or spaces between. Missing values at the end of a line fill it up to the length of the longest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from elman._errors import DataError
from elman.tasks.series_classification.series import Missing, Series, SeriesFile, Trial, numbers_of

LEAST = 9
"""The fewest columns of a file that is told from other tables by its numbers alone."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_CLASS = re.compile(r"[-+]?\d+(\.0*)?([eE][-+]?\d+)?", re.ASCII)
_MISSING = frozenset(("", "nan", "?"))


def is_row(line: str) -> bool:
    r"""True for a whole number and two other numbers or more; tables in long form begin with names.

    >>> is_row("1\t0.5\t0.25"), is_row("series,time,x"), is_row("a film")
    (True, False, False)
    """
    label, *values = _fields(line)
    numbers = all(_NUMBER.fullmatch(field) or field.lower() in _MISSING for field in values)
    return len(values) > 1 and bool(_CLASS.fullmatch(label)) and numbers


def are_rows(lines: Sequence[str]) -> bool:
    r"""True for lines of as many numbers, many, of which the first, a whole one, has few different values.

    >>> are_rows(["1\t" + "\t".join(["0.5"] * 8)] * 2 + ["2\t" + "\t".join(["1e-3"] * 8)] * 2)
    True
    >>> are_rows(["2024\t1\t2"] * 4)
    False
    """
    rows = [_fields(line) for line in lines if line.strip()]
    alike = len(rows) > 1 and len(rows[0]) >= LEAST and len({len(row) for row in rows}) == 1
    return (
        alike and 2 * len({row[0] for row in rows}) <= len(rows) and all(is_row(line) for line in lines if line.strip())
    )


def read_rows(name: str, text: str, missing: Missing, trial: Trial) -> SeriesFile:
    r"""Reads the series of a file.

    >>> text = "1\t" + "\t".join("0123456789") + "\n2\t5\t6" + "\tNaN" * 8
    >>> found = read_rows("x.tsv", text, "error", Trial(False))
    >>> [(one.label, len(one.values)) for one in found.series]
    [('1', 10), ('2', 2)]

    Raises:
        DataError: a line without values, a value that is no number, or one that is missing before the end.
    """
    series = list[Series]()

    def one() -> Series:
        label, *values = _fields(line)
        while values and values[-1].lower() in _MISSING:
            values.pop()
        if not values:
            raise DataError(f"{place}: a class without values; expected the values of its series, with tabs between")
        return Series(numbers_of([values], [place] * len(values), ["value"], missing), label, place)

    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{name}, line {number}"
        if line.strip():
            series.append(trial(one, str(len(series) + 1), place))
    return SeriesFile(("1",), tuple(series), tuple(str(number) for number in range(1, len(series) + 1)), trial.errors)


def _fields(line: str) -> list[str]:
    between = "\t" if "\t" in line else "," if "," in line else None
    return [field.strip() for field in line.strip(" \r").split(between)] or [""]
