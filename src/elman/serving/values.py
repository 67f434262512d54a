"""The bodies of requests and answers. Their JSON schemas are those of /openapi.json."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Whole = Annotated[int, Meta(ge=0, lt=2**31)]
Temperature = Annotated[float, Meta(ge=0, description="Randomness: 0 always takes the likeliest token.")]
TopK = Annotated[int, Meta(ge=0, lt=2**31, description="Sample from the k likeliest tokens; 0 from all.")]
TopP = Annotated[float, Meta(gt=0, le=1, description="Sample from the tokens that together have this probability.")]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Stop = Annotated[list[str], Meta(max_length=4)] | str | None


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body of a request; a field that it does not know is an error."""


class Inputs(Body, frozen=True):
    """Inputs to answer."""

    inputs: list[Any]
    """Texts, lists of words, lists of numbers, or tables by column, as the model's task takes them."""
    options: dict[str, Any] = {}
    """The options of `elman predict` for the model."""


class NewSession(Body, frozen=True):
    """A session to begin."""

    input: Any = None
    """The first input that it reads."""
    options: dict[str, Any] = {}
    """The options of `Fitted.session` for the model: the seed of draws, the sampling rate."""


class Feed(Body, frozen=True):
    """An input that a session reads on: a text, samples, or rows of a table by column."""

    input: Any = None
    end: bool = False
    """Also say what is left to say, as nothing more will come for now: the last beats, the last word of a text."""


class Fork(Body, frozen=True):
    """A copy of a session."""

    seed: Seed | None = None
    """A seed of its own, with which the copy writes another text."""


class Next(Body, frozen=True):
    """A wish for the next text or forecast of a session."""

    count: Annotated[int, Meta(ge=1, lt=2**31)] = 100
    """Tokens of a text; a forecast has the steps of its model."""
    temperature: Temperature | UnsetType = UNSET
    top_k: TopK | UnsetType = UNSET
    top_p: TopP | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    """A seed whose draws begin anew; by default those of the session go on."""
    stop: Stop = None
    """Texts before which to end. The session has read the one that came."""
    options: dict[str, Any] = {}
    """The options of a forecast: `level` and `intervals`."""
    stream: bool = False
    """Send each piece as an event as soon as it is there."""

    @property
    def sampling(self) -> dict[str, Any]:
        """The options of sampling that were given."""
        names = "temperature", "top_k", "top_p", "seed"
        return {name: value for name in names if (value := getattr(self, name)) is not UNSET}

    @property
    def stops(self) -> list[str]:
        """The texts before which to end."""
        return [text for text in ([self.stop] if isinstance(self.stop, str) else self.stop or []) if text]


class About(msgspec.Struct, frozen=True):
    """A session: `position` counts the tokens, samples or rows that it has read and written."""

    id: str
    model: str
    position: Whole
    saved: bool
    """True if it is on disk as it is now."""


class Fed(msgspec.Struct, frozen=True):
    """The answer of the model to an input, and the position after it."""

    output: Any
    position: Whole
    rest: Any = None


Reason = Literal["length", "stop", "time", "stopping"]


class Written(msgspec.Struct, frozen=True):
    """The text or forecast that was written, the reason for its end, and the position after it."""

    output: Any
    reason: Reason
    position: Whole


class Answers(msgspec.Struct, frozen=True):
    """An answer for each input."""

    answers: list[dict[str, Any]]


class Completion(Body, frozen=True):
    """A wish for completions, as OpenAI's clients send it; `top_k` is elman's own."""

    model: str
    prompt: str | list[str] = ""
    max_tokens: Annotated[int, Meta(ge=0, lt=2**31)] | None = 16
    temperature: Temperature | None = 1.0
    top_p: TopP | None = 1.0
    top_k: TopK | None = 0
    n: Annotated[int, Meta(ge=1, le=128)] | None = 1
    stop: Stop = None
    seed: Seed | None = 0
    echo: bool | None = False
    stream: bool | None = False
    stream_options: dict[str, bool] | None = None
    user: str | None = None
    best_of: int | None = None
    logprobs: int | None = None
    suffix: str | None = None
    presence_penalty: float | None = 0.0
    frequency_penalty: float | None = 0.0
    logit_bias: dict[str, float] | None = None
