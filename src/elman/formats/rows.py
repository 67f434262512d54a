"""Writes rows of tables, CSV, TSV or JSON lines, that read back as the same."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from elman.formats.numbers import number_text
from elman.formats.objects import values_of
from elman.formats.table import CSV, TSV

Cell = str | float | np.floating | None
"""A value to write: a text, a number, or None where there is none."""

_LOST = {TSV: re.compile(r"[\t\n\r]"), CSV: re.compile("\r\n")}
"""Characters of a text that are not read back as they are written: TSV has no quotes, and "\r\n" is read as "\n"."""


def write_row(fields: Sequence[Cell], form: str = CSV) -> str:
    r"""Writes a row of CSV or TSV, without its end; it has several lines where a field of CSV has.

    >>> write_row(["a, b", "c", np.float32(0.1), None])
    '"a, b",c,0.1,'
    """
    texts = [cell_text(value) for value in fields]
    if form == TSV:
        return "\t".join(texts)
    row = io.StringIO(newline="")
    csv.writer(row, lineterminator="\r\n").writerow(texts)  # fields with either of these have quotes
    return row.getvalue().removesuffix("\r\n")


def write_object(written: str, more: Mapping[str, Cell]) -> str:
    """Writes a line of JSON with more values; those that it has stay as they are written.

    >>> write_object('{"id": 1e2}', {"label": "a", "probability": np.float32(0.1), "other": None})
    '{"id":1e2,"label":"a","probability":0.1,"other":null}'

    Raises:
        DataError: a line that is no JSON object.
    """
    values: dict[str, msgspec.Raw] = values_of(written, "the row") if written.strip() else {}
    return msgspec.json.encode(values | {name: msgspec.Raw(_json(value)) for name, value in more.items()}).decode()


def cell_text(value: Cell) -> str:
    """The text of a value; numbers have the figures that are needed to read the same number back.

    >>> cell_text("a"), cell_text(np.float32(0.1)), cell_text(None)
    ('a', '0.1', '')
    """
    return value if isinstance(value, str) else "" if value is None else number_text(value)


def field_text(value: Cell, form: str = TSV) -> str:
    r"""The text of a value as a field of a row, or of a line with tabs: one that would not be read back as the same is
    written as a list in JSON, as labels are (`["a\tb"]`).

    >>> field_text("a, b"), field_text("a\tb"), field_text("a\tb", ".csv")
    ('a, b', '["a\\tb"]', 'a\tb')
    """
    text = cell_text(value)
    return msgspec.json.encode([text]).decode() if _LOST[form].search(text) else text


def _json(value: Cell) -> bytes:
    if isinstance(value, str):
        return msgspec.json.encode(value)
    return cell_text(value).encode() if value is not None and math.isfinite(value) else b"null"
