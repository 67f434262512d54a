"""Parses numbers in the fields of tables and series."""

from __future__ import annotations

import math

import numpy as np

from elman._errors import DataError

LARGEST_WHOLE = (1 << 63) - 1
"""The largest whole number of 64 bits."""

_LARGEST = float(np.finfo(np.float32).max)
_TOO_LARGE = _LARGEST * (1 + 2.0**-25)
"""The least number that becomes infinite in float32; the largest one is below it as it is written, 3.4028235e+38."""

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
        value = float(_plain(text))
    except ValueError:
        raise DataError(f"{place}: expected a number; got {text.strip()[:40]!r}") from None
    if not abs(value) < _TOO_LARGE:
        raise DataError(f"{place}: expected a finite number, of {_LARGEST:.1e} at most; got {text.strip()[:40]!r}")
    return value


def required_number(text: str, place: str) -> float:
    """Parses the number in a field where none may be missing.

    Raises:
        DataError: as `number_of`, and for a missing number.

    >>> required_number("1.5", "line 2")
    1.5
    """
    value = number_of(text, place)
    if math.isnan(value):
        raise DataError(f"{place}: expected a number; got {text.strip()[:40]!r}")
    return value


def whole_of(text: str, place: str, *, least: int = 0, most: int = LARGEST_WHOLE) -> int:
    """Parses the whole number in a field.

    Raises:
        DataError: another text, or a number beyond `least` and `most`; names `place`.

    >>> whole_of(" 15 ", "line 2")
    15
    """
    try:
        value = int(_plain(text))  # a ValueError also for thousands of digits
    except ValueError:
        value = None
    if value is None or value < least:
        raise DataError(f"{place}: expected a whole number from {least:,} on; got {text.strip()[:40]!r}")
    if value > most:
        raise DataError(f"{place}: expected a whole number of at most {most:,}; got {text.strip()[:40]!r}")
    return value


def number_text(value: float | np.floating) -> str:
    """Writes a number with as many figures as are needed to read the same number back, of float32 where it is one, else
    of float64; NaN, a missing number, is an empty text.

    >>> number_text(np.float32(0.1)), number_text(1234567899.25), number_text(5.0), number_text(np.nan)
    ('0.1', '1234567899.25', '5', '')
    """
    return "" if math.isnan(value) else str(value).removesuffix(".0")


def _plain(text: str) -> str:
    """The text without the underscores that only Python's own numbers may have."""
    if "_" in text:
        raise ValueError
    return text
