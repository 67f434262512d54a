"""The axes and types named in signatures.

| axis | means |
|---|---|
| batch | sequences side by side |
| time | steps of one sequence |
| feature | numbers at one step |
| hidden | units of a recurrent layer |
| gates | gate blocks of a recurrent layer, side by side: 4 hidden for an LSTM |
| vocab | tokens of the vocabulary; index 0 is padding for characters and words |

Public arrays are batch first. Inside a recurrence, time comes first.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

Carry = Any
"""The recurrent state: a pytree of arrays, named by the cell (`h`, or `h` and `c`)."""

Whole = Annotated[int, Meta(ge=0, lt=2**53)]
"""A whole number that every program reads exactly."""

VocabularyKind = Literal["characters", "bytes", "words", "subwords"]
"""The unit that a token is."""

Unknown = Literal["error", "skip"]
"""The treatment of a token that is not in the vocabulary."""

NormalForm = Literal["NFC", "NFD", "NFKC", "NFKD", "none"]
"""The normal form of Unicode in which texts are compared; "none" compares them as they are spelt."""

Padding = Literal["right", "left"]
"""The side of a sequence that its padding is on."""

WeightFormat = Literal["float32", "bfloat16", "int8"]
"""The format in which a packed model stores its weights; int8 has a scale for each column."""

StampKind = Literal[
    "times", "numbers", "dates", "weeks", "seconds", "milliseconds", "microseconds", "nanoseconds",
    "spreadsheet", "spreadsheet-1904", "day-first", "month-first",
]  # fmt: skip
"""Kinds of stamps: times in ISO 8601; whole numbers that count; dates of digits alone (202401, 20240131); weeks of
digits alone (202405); units of time since 1970; days of spreadsheets, whose day 1 is the first of 1900 or the second of
1904; dates such as 31.1.2024 and 1/31/2024."""
