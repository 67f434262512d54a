"""How to choose the next token. Importing this module does not import jax."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from elman._config import Config


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
