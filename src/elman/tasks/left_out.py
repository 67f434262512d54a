"""The records that a model cannot read, which a measurement leaves out, counts and names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from elman._errors import DataError, RecordError, quantity
from elman.tasks.settings import OnUnreadable

SHOWN = 10
"""The most records that are named."""

R = TypeVar("R")


def readable(
    records: Iterable[R | RecordError], *, on_error: OnUnreadable, unit: str
) -> tuple[tuple[R, ...], tuple[str, ...]]:
    """The records that can be read, and sentences on the others: each of the first ones, and their number.

    Args:
        records: the records, or the error of each that cannot be read.
        on_error: the treatment of an error.
        unit: the name of a record.

    Raises:
        RecordError: an error, if `on_error` is "fail".
        DataError: no record that can be read, beside errors.

    >>> readable([1, RecordError("a.tsv, line 2: no tab"), 3], on_error="skip", unit="line")
    ((1, 3), ('a.tsv, line 2: no tab; left out', '1 of 3 lines left out, which cannot be read'))
    """
    kept, errors = list[R](), list[RecordError]()
    for record in records:
        if not isinstance(record, RecordError):
            kept.append(record)
        elif on_error == "fail":
            raise record
        else:
            errors.append(record)
    if not errors:
        return tuple(kept), ()
    total = f"{len(errors):,} of {quantity(len(kept) + len(errors), unit)}"
    if not kept:
        raise DataError(f"{errors[0]}; so it is with {total}, and none is left")
    return tuple(kept), (*listed([f"{error}; left out" for error in errors]), f"{total} left out, which cannot be read")


def listed(sentences: list[str]) -> list[str]:
    """The first sentences, and the number of the others."""
    more = len(sentences) - SHOWN
    return sentences if more <= 0 else [*sentences[:SHOWN], f"... and {more:,} more"]
