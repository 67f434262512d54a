"""Measures of a language model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from elman._errors import ConfigError
from elman._types import Whole
from elman.metrics.measures import Measures
from elman.metrics.saved import restore


@dataclass(frozen=True)
class LanguageMetrics(Measures):
    """The measures of a language model on a part, in the units of the field.

    >>> metrics = LanguageMetrics(nats_per_token=math.log(2), tokens=100, unit="character")
    >>> metrics.bits_per_char, round(metrics.perplexity, 6), str(metrics)
    (1.0, 2.0, '0.6931 nats per character, 1.000 bits per character')
    """

    nats_per_token: float
    tokens: Whole
    unit: str

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> LanguageMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return restore(cls, values)

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: nats per token."""
        return self.nats_per_token

    @property
    def bits_per_char(self) -> float:
        """Bits per character; undefined for a model of other tokens (see `bits_per_byte`, `perplexity`)."""
        return self._bits_per("character")

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of UTF-8, for a model of bytes."""
        return self._bits_per("byte")

    @property
    def perplexity(self) -> float:
        """exp(nats per token): the number of equally likely tokens that would be as hard to guess."""
        return math.exp(min(self.nats_per_token, 700.0))

    def report(self) -> str:
        """The line of `str()`, and the number of tokens."""
        return f"{self}, over {self.tokens:,} {self.unit}s"

    def to_builtins(self) -> dict[str, float | int | str]:
        """Plain values, each with its unit in its name."""
        values: dict[str, float | int | str] = {
            "nats_per_token": self.nats_per_token,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "unit": self.unit,
        }
        if self.unit == "character":
            values["bits_per_char"] = self.bits_per_char
        if self.unit == "byte":
            values["bits_per_byte"] = self.bits_per_byte
        return values

    def __str__(self) -> str:
        nats = f"{self.nats_per_token:.4f} nats per {self.unit}"
        if self.unit in ("word", "subword"):
            return f"{nats}, perplexity {self.perplexity:.2f}"
        return f"{nats}, {self.nats_per_token / math.log(2):.3f} bits per {self.unit}"

    def _bits_per(self, unit: str) -> float:
        if self.unit != unit:
            raise ConfigError(f"bits per {unit}: this model predicts {self.unit}s; read nats_per_token or perplexity")
        return self.nats_per_token / math.log(2)
