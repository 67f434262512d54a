"""Inputs and answers as plain values, such as those of JSON: numbers, texts, lists, and dictionaries by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman._errors import DataError
from elman.formats.results import ResultTable


def plain_array(value: Any, place: str) -> np.ndarray:
    """A list of numbers, or of lists of them of one length, as an array; None is a missing one.

    >>> plain_array([[1, 2], [3, None]], "series 1").tolist()
    [[1.0, 2.0], [3.0, nan]]

    Raises:
        DataError: other values; names `place`.
    """
    try:
        array = np.array(value, float)
    except (TypeError, ValueError, OverflowError):
        array = np.array(0.0)
    if array.ndim not in (1, 2):
        raise DataError(f"{place}: expected numbers, in lists of one length; got {type(value).__name__}")
    return array


def plain_table(value: Any, place: str) -> dict[str, list[Any]]:
    """A table by column.

    >>> plain_table({"ds": [1, 2], "y": [0.5, None]}, "input 1")
    {'ds': [1, 2], 'y': [0.5, None]}

    Raises:
        DataError: other values; names `place`.
    """
    if not isinstance(value, Mapping) or not all(isinstance(column, list) for column in value.values()):
        raise DataError(f"{place}: expected a table as columns, such as {{'y': [1, 2]}}; got {type(value).__name__}")
    return dict(value)


def plain_columns(table: ResultTable) -> dict[str, list[Any]]:
    """The columns of a table as lists: numbers as they are, stamps as texts.

    >>> plain_columns(ResultTable.of({"a": [1.5], "ds": np.array(["2026-01-01"], "M8[D]")}))
    {'a': [1.5], 'ds': ['2026-01-01']}
    """
    return {
        name: (np.datetime_as_string(column) if column.dtype.kind == "M" else column).tolist()
        for name, column in table.to_dict().items()
    }
