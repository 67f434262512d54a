"""Measures restored from the plain values that an artefact holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec
import numpy as np

Measures = TypeVar("Measures")


def restore(kind: type[Measures], values: Mapping[str, Any]) -> Measures:
    """The measures of a dataclass from the values of its fields; other values, which follow from these, are left out.
    A null stands for a number that is not finite, which JSON does not have; see `numbers`.

    >>> from elman.tasks.evaluation import MeanLoss
    >>> restore(MeanLoss, {"loss": None, "count": 3, "unit": "line", "more": 1})
    MeanLoss(loss=nan, count=3, unit='line')

    Raises:
        ValidationError: (of msgspec) a value is missing or of another type; the message names the field.
    """
    floats = _floats(kind)
    known = {name: numbers(value) if name in floats else value for name, value in values.items()}
    return msgspec.convert(known, kind)


def numbers(values: Any) -> Any:
    """Values of JSON, with NaN for each null in them.

    >>> numbers({"a": [1.0, None]})
    {'a': [1.0, nan]}
    """
    match values:
        case None:
            return np.nan  # the same object each time, so that tuples of it are equal
        case list():
            return [numbers(each) for each in values]
        case dict():
            return {name: numbers(each) for name, each in values.items()}
    return values


def single_numbers(values: dict[str, Any]) -> dict[str, float]:
    """The measures that are single numbers, those of a group with its name and a point before theirs.

    >>> single_numbers({"accuracy": 0.5, "unit": "text", "confusion": [[1, 0]], "beats": {"f1": 0.9}})
    {'accuracy': 0.5, 'beats.f1': 0.9}
    """
    single = dict[str, float]()
    for name, value in values.items():
        if isinstance(value, dict):
            single |= {f"{name}.{inner}": number for inner, number in single_numbers(value).items()}
        elif type(value) in (int, float):
            single[name] = float(value)
    return single


@cache
def _floats(kind: type) -> frozenset[str]:
    return frozenset(name for name, hint in get_type_hints(kind, include_extras=True).items() if hint is float)
