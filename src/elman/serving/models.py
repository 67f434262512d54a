"""The models of a service. The texts of a language model are written in one batch; all else takes turns in a thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from elman._config import Config
from elman._errors import ConfigError, nearest
from elman.serving.batching import Batcher
from elman.serving.limits import Limits
from elman.serving.problems import Problem
from elman.tasks.fitted import Fitted, Predictor, TextGenerator
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.language_modelling.session import TextSession
from elman.tasks.registry import option_name
from elman.tasks.session import Session

Value = TypeVar("Value")


class Model:
    """A model that is served under a name."""

    def __init__(self, name: str, fitted: Fitted[Any], limits: Limits):
        self.name, self.fitted, self.limits = name, fitted, limits
        self.waiting = 0
        """The requests that wait for their turn, or have it."""
        self.batcher: Batcher | None = None
        """The batch of a language model, while the service is at work."""
        self._turn = CapacityLimiter(1)

    async def run(self, function: Callable[..., Value], *arguments: Any, **options: Any) -> Value:
        """Calls a function in the model's turn, in a thread. A caller that is cancelled waits for its end, so that
        nothing else uses meanwhile what the function changes.

        Raises:
            Problem: too many wait.
        """
        if self.waiting >= self.limits.waiting:
            detail = f"{self.waiting:,} requests wait for {self.name}; expected fewer than {self.limits.waiting:,}"
            raise Problem("too-many-requests", detail, Retry_After="1")
        self.waiting += 1
        try:
            return await anyio.to_thread.run_sync(partial(function, *arguments, **options), limiter=self._turn)
        finally:
            self.waiting -= 1

    def begin(self, options: Mapping[str, Any]) -> Session:
        """A new session.

        Raises:
            ConfigError: a model that cannot go on, or an unknown option.
        """
        return self.fitted.plain_session(**options)

    async def feed(self, session: Session, value: Any) -> Any:
        """Feeds an input to a session; returns the answer. An input that cannot be read leaves the session as it was.

        Raises:
            InputError: an input that cannot be read.
            Problem: too many wait.
        """
        if self.batcher is not None and isinstance(session, TextSession) and isinstance(value, str):
            return await self.batcher.feed(session, value)
        return await self.run(session.feed_plain, value)

    async def write(self, session: Session, **options: Any) -> AsyncGenerator[Any]:
        """Yields the next text of a session in pieces, or its next forecast as a whole.

        Raises:
            ConfigError: a model that writes nothing, or options that cannot be.
            Problem: too many wait.
        """
        if self.batcher is None or not isinstance(session, TextSession):
            yield await self.run(session.next_plain, **options)
            return
        async with aclosing(self.batcher.generate(session, **options)) as pieces:
            async for piece in pieces:
                yield piece

    @asynccontextmanager
    async def at_work(self, observe: Callable[[float, int], None]) -> AsyncGenerator[None]:
        """A block in which the texts of a language model are written in one batch; `observe` is told of each step."""
        if isinstance(self.fitted, FittedLanguageModel):
            self.batcher = Batcher(self.fitted, waiting=self.limits.waiting, observe=observe)
        try:
            yield
        finally:
            if self.batcher is not None:
                await self.batcher.close()

    def answers(self, verb: str, inputs: list[Any], options: dict[str, Any]) -> list[dict[str, Any]]:
        """The answers to inputs, if the model does what the verb says.

        Raises:
            Problem: it does something else.
            InputError: an input that cannot be read, or an unknown option.
        """
        if verb not in self.verbs or not isinstance(self.fitted, Predictor):
            raise Problem("wrong-model", f"{self.name} does not {verb}; it does: {', '.join(self.verbs)}")
        chosen = (type(self.fitted.task).options or Config)(**options)
        return self.fitted.answers(inputs, options=chosen)

    @property
    def verbs(self) -> tuple[str, ...]:
        """The words for what the model does."""
        if isinstance(self.fitted, Predictor):
            return tuple(dict.fromkeys(("predict", self.fitted.verb)))
        return ("generate",) if isinstance(self.fitted, TextGenerator) else ()

    @property
    def about(self) -> dict[str, Any]:
        """The model as lists of models show it."""
        return {
            "id": self.name,
            "object": "model",
            "created": 0,
            "owned_by": "elman",
            "task": option_name(type(self.fitted.task).__name__),
            "does": self.verbs,
            "knows": self.fitted.summary,
        }


class Models(dict[str, Model]):
    """Models by name."""

    def __missing__(self, name: str) -> Model:
        raise Problem("unknown-model", f"no model {name[:60]!r}{nearest(name, self)}; there are {', '.join(self)}")


def named(places: Iterable[str]) -> dict[str, Path]:
    """The places of models by their names: NAME=PATH, or a path whose last part names it.

    >>> [*named(["texts.elman", "new=models/texts.elman"])]
    ['texts', 'new']

    Raises:
        ConfigError: two of one name, or a name that stands in no address.
    """
    models = dict[str, Path]()
    for place in places:
        name, equals, path = place.partition("=")
        if not equals or "/" in name:
            path = place
            name = Path(place).absolute().name.removesuffix(".elman")
        if not name or not all(one.isalnum() or one in "-._" for one in name) or name.startswith("."):
            raise ConfigError(f"{place}: expected a name of letters, digits and -._ ; name the model: NAME={path}")
        if name in models:
            raise ConfigError(f"{place}: there are two models {name!r}; name one of them: NAME={path}")
        models[name] = Path(path)
    if not models:
        raise ConfigError("expected a model to serve; name one or several: elman serve MODEL ...")
    return models
