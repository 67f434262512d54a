"""The callers of a local server: by which names it is called, from which pages, and with which token.

A server that listens on the loopback address is still reached by every page that a browser shows. A name of another
site may even be made to lead there (DNS rebinding), so that the header Host is checked too.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine for itself."""


class Callers:
    """The rules on who may call."""

    def __init__(self, *, tokens: Iterable[str], hosts: Iterable[str], port: int, by_address: bool = False):
        """`hosts` are the names that the server is called by; with `by_address` also any number, which no name leads
        to."""
        self.hosts = {f"{host}:{port}" for host in hosts} | ({*hosts} if port == 80 else set())
        self._port, self._by_address = port, by_address
        self._tokens = [hashlib.sha256(token.encode()).digest() for token in tokens]

    def knows(self, host: str) -> bool:
        """True for a name of this server."""
        if host.lower() in self.hosts:
            return True
        name, _, port = host.rpartition(":")
        return self._by_address and port == str(self._port) and _is_number(name.strip("[]"))

    def is_strange(self, method: str, headers: Headers) -> bool:
        """True for a page of another origin that would change something."""
        origin = headers.get("origin")
        return method not in ("GET", "HEAD") and origin is not None and not self.knows(origin.partition("://")[2])

    def fits(self, token: str) -> bool:
        """True for a token of this server. The time of the comparison depends neither on where the tokens differ nor on
        their lengths."""
        shown = hashlib.sha256(token.encode()).digest()
        return sum(secrets.compare_digest(shown, known) for known in self._tokens) > 0  # any would stop at the first


def bearer(headers: Headers) -> str:
    """The token that a request bears; empty where it bears none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
