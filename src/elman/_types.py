"""The axes and types that signatures name.

| axis | means |
|---|---|
| batch | sequences side by side |
| time | steps of one sequence |
| feature | numbers at one step |
| hidden | units of a recurrent layer |
| gates | gate blocks of a recurrent layer, side by side: 4 hidden for an LSTM |
| vocab | tokens that a model knows, index 0 being padding for characters and words |

Public arrays are batch first. Inside a recurrence, time comes first.
"""

from __future__ import annotations

from typing import Any, Literal

Carry = Any
"""Recurrent state: a pytree of arrays, named by the cell (`h`, or `h` and `c`)."""

VocabularyKind = Literal["characters", "bytes", "words", "subwords"]
"""What a token is."""

Unknown = Literal["error", "skip"]
"""What to do with a token that a vocabulary does not hold."""

Padding = Literal["right", "left"]
"""The side of a sequence that its padding is on."""
