"""Parses numbers in the fields of tables and series."""

from __future__ import annotations

import math

import numpy as np

from elman._errors import DataError

_LARGEST = float(np.finfo(np.float32).max)
_GAPS = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "<na>"})


def number_of(text: str, place: str) -> float:
    """Parses the number in a field; NaN where it is missing: empty, NA, nan, null or "?".

    Raises:
        DataError: another text, an infinite number, or one beyond the range of float32; names `place`.

    >>> number_of(" 1.5", "line 2"), number_of("NA", "line 3")
    (1.5, nan)
    """
    if text.strip().lower() in _GAPS:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{place}: expected a number; got {text.strip()[:40]!r}") from None
    if not abs(value) <= _LARGEST:
        raise DataError(f"{place}: expected a finite number, of {_LARGEST:.1e} at most; got {text.strip()!r}")
    return value
