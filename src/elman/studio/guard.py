"""The guard in front of the studio: only a page of its own address, with the token, gets through; see `web.callers`."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elman.web.callers import Callers, bearer

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""The page's content security policy: nothing comes from elsewhere."""

SEALED = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer."""

CLOSED = "The studio is opened by the address with its token, which `elman studio` has printed when it was started."


class Guard:
    """Middleware that refuses other hosts, other origins and requests without the token."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str], port: int, by_address: bool = False):
        """`hosts` are the names that it is called by; with `by_address` also any number, which no name leads to."""
        self._app, self._token, self._cookie = app, token, f"elman-studio-{port}"
        self._callers = Callers(tokens=[token], hosts=hosts, port=port, by_address=by_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SEALED)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, sealed)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that does not get through; None for others."""
        headers = Headers(scope=scope)
        if not self._callers.knows(headers.get("host", "")):
            return PlainTextResponse(f"expected one of {', '.join(sorted(self._callers.hosts))} as host\n", 403)
        if self._callers.is_strange(scope["method"], headers):
            return PlainTextResponse("a page of another origin may change nothing here\n", 403)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and "token" in query and self._callers.fits(query["token"][0]):
            return self._entrance()
        if self._callers.fits(self._shown(headers)):
            return None
        return JSONResponse({"error": CLOSED}, 401) if scope["path"] != "/" else PlainTextResponse(f"{CLOSED}\n", 401)

    def _shown(self, headers: Headers) -> str:
        """The token of a request: that of a script's header, or the cookie of a page."""
        if token := bearer(headers):
            return token
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""

    def _entrance(self) -> Response:
        """The way in: the token leaves the address bar, and stays in a cookie that no script reads. It is "lax", since
        a browser sends no "strict" one where the address was followed from a page of another origin, such as a message;
        another page can only go where it leads, which changes nothing, and reads nothing."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return answer
