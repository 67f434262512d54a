"""The guard in front of a service: who may call, how often, and how much is sent how fast; and the count of it all."""

from __future__ import annotations

import time
from collections import OrderedDict
from math import ceil
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from elman.serving.limits import Limits
from elman.serving.metrics import Measures
from elman.serving.problems import Problem, problem_of
from elman.web.callers import Callers, bearer

OPEN = ("/health", "/ready")
"""The addresses that need no token, for those who watch over the service."""

CALLERS = 10_000
"""The callers whose rate is remembered."""

ROUTE = "elman_route"
"""The key of a request's scope under which its route stands, once it is known."""


class Rates:
    """A bucket of requests for each caller, which fills at the rate that is allowed."""

    def __init__(self, rate: float):
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, now: float) -> float:
        """Takes a request from a caller's bucket: 0, or the seconds until there is one again.

        >>> rates = Rates(2)
        >>> [rates.wait("a", now) for now in (0.0, 0.0, 0.0, 0.5)]
        [0.0, 0.0, 0.5, 0.0]
        """
        if not self._rate:
            return 0.0
        most = max(1.0, self._rate)
        left, before = self._buckets.pop(caller, (most, now))
        left = min(most, left + (now - before) * self._rate)
        self._buckets[caller] = (left - 1 if left >= 1 else left), now
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self._rate


class Guard:
    """Middleware that refuses, limits and counts requests."""

    def __init__(self, app: ASGIApp, *, callers: Callers | None, tokens: Callers, limits: Limits, measures: Measures):
        """`callers` are checked where no token keeps pages of other sites away, which could not know it."""
        self._app, self._callers, self._tokens = app, callers, tokens
        self._limits, self._measures, self._rates = limits, measures, Rates(limits.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, _Measured(scope, receive, self._limits), counted)
        except Exception as error:
            if not status:  # which else was answered, and is raised again for the server's log
                await _answer(problem_of(error), scope, receive, counted)
        finally:
            route = scope.get(ROUTE, "none")
            self._measures.requests.labels(route, str(status)).inc()
            self._measures.seconds.labels(route).observe(time.perf_counter() - begin)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._callers is not None:
            if not self._callers.knows(headers.get("host", "")):
                known = ", ".join(sorted(self._callers.hosts))
                raise Problem("other-site", f"expected one of {known} as host; got {headers.get('host', '')[:60]!r}")
            method = scope.get("method", "POST")  # a WebSocket, which a page of any site may open
            if self._callers.is_strange(method, headers):
                raise Problem("other-site", "a page of another origin may change nothing here")
        elif scope["path"] not in OPEN and not self._tokens.fits(bearer(headers)):
            raise Problem("no-token", "expected a token of this service", WWW_Authenticate="Bearer")
        client = scope.get("client") or ("",)
        wait = self._rates.wait(bearer(headers) if self._callers is None else client[0], time.monotonic())
        if wait and scope["path"] not in OPEN:
            detail = f"expected at most {self._limits.rate:g} requests a second"
            raise Problem("too-many-requests", detail, Retry_After=str(ceil(wait)))


class _Measured:
    """The body of a request as it arrives: not too much, and not too slowly."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits):
        self._receive, self._limits, self._bytes = receive, limits, 0
        self._arriving = scope["type"] == "http"
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal():
            self._check(int(announced))

    async def __call__(self) -> Message:
        if not self._arriving:
            return await self._receive()
        try:
            with anyio.fail_after(self._limits.stall_seconds):
                message = await self._receive()
        except TimeoutError:
            detail = f"nothing came for {self._limits.stall_seconds:g} seconds in the middle of the request"
            raise Problem("too-slow", detail) from None
        self._bytes += len(message.get("body", b""))
        self._arriving = bool(message.get("more_body"))
        self._check(self._bytes)
        return message

    def _check(self, count: int) -> None:
        if count > self._limits.body:
            raise Problem("too-large", f"expected a request of at most {self._limits.body_kb:,} kB")


async def _answer(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # its wish to connect
        await WebSocket(scope, receive, send).send_denial_response(problem.response(HTTPConnection(scope)))
    else:
        await problem.response(HTTPConnection(scope))(scope, receive, send)


def route_of(scope: Any, route: str) -> None:
    """Notes the route of a request, under which it is counted."""
    scope[ROUTE] = route
