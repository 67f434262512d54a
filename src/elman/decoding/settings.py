"""How to choose the next token. Importing this module does not import jax."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError
from elman._types import Unknown

Count = Annotated[int, Meta(ge=1, lt=2**16)]


class Sampling(Config, frozen=True, kw_only=True):
    """How to choose the next token. `temperature=0` is greedy: always the likeliest.

    >>> Sampling(top_k=5).temperature
    1.0
    """

    temperature: Annotated[float, Meta(ge=0)] = 1.0
    """Below 1 safer, above 1 bolder, 0 always the likeliest token."""
    top_k: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    """Choose among the k likeliest tokens; 0 among all."""
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Choose among the likeliest tokens that together have this probability."""
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """The same seed gives the same text."""


class Decoding(Config, frozen=True, kw_only=True):
    """How to write the answer to an input: by beam search, or drawn.

    >>> Decoding(beam=5, n_best=3).temperature
    0.0
    """

    beam: Count = 1
    """Beginnings kept at each step of the search; 1 always takes the likeliest token."""
    n_best: Count = 1
    """Answers for each input, the best first, each with its rank and score; a beam holds no more than its width."""
    length_penalty: Annotated[float, Meta(ge=0)] = 0.0
    """Above 0 longer answers rank higher (Wu et al., 2016); 0 ranks by probability."""
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    """Above 0 answers are drawn and not searched: below 1 safer, above 1 bolder."""
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """The same seed draws the same answers."""
    tokens: str | None = None
    """What answers may hold: characters, or words with spaces between them."""
    pattern: str | None = None
    """Regular expression that answers match, the whole of each, in Python's syntax."""
    max_length: Count | None = None
    """Longest answer, in tokens (twice the longest that was learnt from)."""
    unknown: Unknown = "error"
    """skip leaves out characters of an input that the model does not know."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        if self.temperature == 0 and self.n_best > self.beam:
            raise ConfigError(f"n_best: a beam of {self.beam} holds no {self.n_best} answers; widen it with beam")
        if self.temperature > 0 and self.beam > 1:
            raise ConfigError("beam: belongs to the search; with a temperature answers are drawn, n_best of them")
