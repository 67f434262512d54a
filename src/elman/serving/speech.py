"""The answers of a session to inputs, and the text or forecasts that it writes piece by piece."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from elman.serving.problems import Problem
from elman.serving.sessions import Live
from elman.serving.values import Feed, Next, Reason
from elman.tasks.stops import Stops

if TYPE_CHECKING:
    from elman.serving.app import Service

SLICE = 128
"""The tokens after which the time, and the end of the service, are looked at: a text that ends there is whole."""


class Speech:
    """A session that is fed and writes, while it is in use."""

    def __init__(self, service: Service, live: Live):
        self._service, self._live = service, live
        self._ended = time.monotonic() + service.limits.seconds
        self.reason: Reason = "length"
        """The reason why the writing ended."""
        self.written = 0
        """The tokens or steps that were written."""

    async def feed(self, value: Any) -> Any:
        """Feeds an input to the session; returns the answer of the model.

        Raises:
            InputError: an input that cannot be read; the session stays as it was.
        """
        live = self._live
        output = await live.model.feed(live.state, value)
        live.changed = True
        return output

    async def fed(self, wish: Feed) -> dict[str, Any]:
        """The answer to an input.

        Raises:
            InputError: an input that cannot be read; the session stays as it was.
        """
        live = self._live
        if wish.input is None and not wish.end:
            raise Problem("unusable", 'expected an input, {"input": ...}, or {"end": true}')
        answer = {"output": None if wish.input is None else await self.feed(wish.input)}
        if wish.end:
            live.changed = True
            answer["rest"] = await live.model.run(live.state.rest_plain)
        return answer | {"position": live.position}

    async def next(self, wish: Next) -> AsyncGenerator[Any]:
        """Yields the next text or forecast, in pieces.

        Raises:
            Problem: more than one request may have.
            InputError: options that cannot be.
        """
        live, limits = self._live, self._service.limits
        if wish.count > limits.length:
            raise Problem("unusable", f"count: expected at most {limits.length:,}; got {wish.count:,}")
        if "generate" not in live.model.verbs:
            async with aclosing(self._write(**wish.sampling, **wish.options)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        if wish.options:
            raise Problem("unusable", "options: those of a forecast; a text has its own fields, such as temperature")
        stops = Stops(wish.stops)
        size, options = 1 if wish.stops else SLICE, wish.sampling
        while self.written < wish.count and not stops.ended:
            async with aclosing(self._write(count=min(size, wish.count - self.written), **options)) as texts:
                async for text in texts:
                    if piece := stops.feed(text):
                        yield piece
            options = {name: value for name, value in options.items() if name != "seed"}  # its draws go on
            if self._service.is_ending() or time.monotonic() > self._ended:
                self.reason = "stopping" if self._service.is_ending() else "time"
                break
        if stops.ended:
            self.reason = "stop"
        elif piece := stops.rest():
            yield piece

    async def _write(self, **options: Any) -> AsyncGenerator[Any]:
        live = self._live
        before, written = live.position, live.state.written
        try:
            async with aclosing(live.model.write(live.state, **options)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            live.changed = True
            self.written += live.state.written - written
            self._service.measures.tokens.labels(live.model.name).inc(live.position - before)

    def joined(self, pieces: Sequence[Any]) -> Any:
        """The pieces of `next` as one output."""
        return "".join(pieces) if "generate" in self._live.model.verbs else pieces[0]
