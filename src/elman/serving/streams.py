"""Streams: events that a server sends (SSE), with what was wrong as the last one, and an end when nobody listens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from elman.serving.problems import problem_of
from elman.web.answers import encode


class Events(Response):
    """An answer of events, each sent as soon as it is there. What fails before the first is an error of the answer."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]):
        self._events, self.status_code, self.background = events, 200, None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    def init_headers(self, headers: Any = None) -> None:
        """Makes the headers; a stream has no length."""
        pairs = {"content-type": f"{self.media_type}; charset=utf-8"} | (headers or {})
        self.raw_headers = [(name.encode(), value.encode()) for name, value in pairs.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events) as events:
            piece = await anext(events, None)
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, receive, group.cancel_scope)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                while piece is not None:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await anyio.lowlevel.checkpoint()  # so that the end of a connection is seen before the next write
                    piece = await self._next(scope, events)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()

    async def _next(self, scope: Scope, events: AsyncGenerator[bytes]) -> bytes | None:
        """The next event; a problem that comes too late for another answer is the last one."""
        try:
            return await anext(events, None)
        except Exception as error:
            problem = problem_of(error).document(scope["path"])
            return event({"problem": problem, "error": problem["error"]})


def event(value: Any, name: str = "") -> bytes:
    r"""A value as an event, of a name if it is no message.

    >>> event({"text": "a"}), event({}, "end")
    (b'data: {"text":"a"}\n\n', b'event: end\ndata: {}\n\n')
    """
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + encode(value) + b"\n\n"


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
