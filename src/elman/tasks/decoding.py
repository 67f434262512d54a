"""Settings of sampling and of search. Importing this module does not import jax."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError
from elman._types import Unknown

Count = Annotated[int, Meta(ge=1, lt=2**16)]


class Sampling(Config, frozen=True, kw_only=True):
    """Settings of sampling the next token. `temperature=0` is greedy: it always takes the most likely token.

    >>> Sampling(top_k=5).temperature
    1.0
    """

    temperature: Annotated[float, Meta(ge=0)] = 1.0
    """Randomness of sampling: below 1 safer, above 1 bolder, 0 always the most likely token."""
    top_k: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    """Sample from the k most likely tokens; 0 from all."""
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Sample from the most likely tokens that together have this probability."""
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of sampling; the same seed gives the same text."""


class Decoding(Config, frozen=True, kw_only=True):
    """Settings of answering inputs, by beam search or by sampling.

    >>> Decoding(beam=5, n_best=3).temperature
    0.0
    """

    beam: Count = 1
    """Prefixes kept at each step of the search; 1 always takes the most likely token."""
    n_best: Count = 1
    """Answers for each input, the best first, each with its rank and score; at most `beam` of them without sampling."""
    length_penalty: Annotated[float, Meta(ge=0)] = 0.0
    """Strength of the preference for longer answers (Wu et al., 2016); 0 ranks by probability."""
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    """Above 0, sample answers instead of searching: below 1 safer, above 1 bolder."""
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of sampling; the same seed gives the same answers."""
    tokens: str | None = None
    """Allowed tokens of answers: characters, or words separated by spaces."""
    pattern: str | None = None
    """Regular expression, in Python's syntax, that each whole answer must match."""
    max_length: Count | None = None
    """Longest answer, in tokens (twice the longest training answer)."""
    unknown: Unknown = "error"
    """skip leaves out characters of an input that the model does not know."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        if self.temperature == 0 and self.n_best > self.beam:
            advice = f"use a wider beam, --beam {self.n_best}"
            raise ConfigError(f"n_best: expected at most beam={self.beam}; got {self.n_best}; {advice}")
        if self.temperature > 0 and self.beam > 1:
            raise ConfigError("beam: belongs to search, but a temperature above 0 samples answers; use n_best instead")
