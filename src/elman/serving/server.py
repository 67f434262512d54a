"""The service's server: a port, the application behind its guard, and connections that stall and are cut off."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from elman._errors import ConfigError
from elman.serving.app import Service
from elman.serving.guard import Guard
from elman.serving.limits import Limits
from elman.serving.models import Model, Models
from elman.serving.store import Store
from elman.tasks.fitted import Fitted
from elman.web.callers import LOOPBACK, Callers
from elman.web.port import is_loopback, listen, shown_host

UNSENT = 1 << 17
"""The bytes that the system keeps for a client that does not take them."""

KEEP_ALIVE = 75
"""The seconds that a connection stays open for the next request: longer than clients keep theirs, so that none uses one
that ends just then."""

STOP_SECONDS = 10
"""The time that streams have to end when the service stops."""


class Opened(NamedTuple):
    """A service that is about to be served."""

    server: uvicorn.Server
    socket: socket.socket
    service: Service
    address: str

    def serve(self) -> None:
        """Serves until Ctrl-C or SIGTERM; all sessions are on disk then."""
        with self.socket, suppress(KeyboardInterrupt):  # which uvicorn passes on when it has ended
            self.server.run(sockets=[self.socket])


def open_service(
    models: dict[str, Fitted[Any]], folder: Path, *, host: str, port: int, tokens: Sequence[str], limits: Limits
) -> Opened:
    """Takes a port and the folder of sessions, and makes the server of models.

    Args:
        models: the models, by the names they are served under.
        folder: the folder in which sessions are kept.
        host: the address to listen on.
        port: the port; 0 for any that is free.
        tokens: the tokens of which callers show one; none for a service that this machine alone reaches.
        limits: what callers may have.

    Raises:
        ConfigError: an address that others reach without a token, a port or a folder that is taken.
    """
    check_tokens(host, tokens)
    taken, number = listen(host, port)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT)  # of each connection: who stalls is soon known
    try:
        served = Models((name, Model(name, fitted, limits)) for name, fitted in models.items())
        service = Service(served, Store(folder, served), limits)
    except BaseException:
        taken.close()
        raise
    shown = shown_host(host)
    known = Callers(tokens=tokens, hosts={shown, *LOOPBACK}, port=number)
    guard = Guard(
        service.app(), callers=None if tokens else known, tokens=known, limits=limits, measures=service.measures
    )
    config = uvicorn.Config(
        guard,
        http=patient(limits),
        ws="wsproto",
        ws_max_size=limits.body,
        log_level="critical",  # what failed is printed by the service itself
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    service.is_ending = lambda: server.should_exit
    return Opened(server, taken, service, f"http://{shown}:{number}")


def check_tokens(host: str, tokens: Sequence[str]) -> None:
    """Checks tokens, before anything is loaded.

    Raises:
        ConfigError: a token that stands in no header, or none where others reach the service.
    """
    for token in tokens:
        if not re.fullmatch(r"[\w.~+/=-]{8,}", token, re.ASCII):
            raise ConfigError("a token: expected 8 or more letters, digits and -._~+/= alone; choose another")
    if not tokens and not is_loopback(host):
        raise ConfigError(
            f"--host {host}: others on the network can reach it; set a token in ELMAN_SERVE_TOKEN, or name a file of "
            "tokens with --token-file"
        )


def patient(limits: Limits) -> type[H11Protocol]:
    """The protocol of connections that waits for a client so long and no longer."""

    class Patient(H11Protocol):
        """A connection whose client sends its request, and takes the answer, without stalling."""

        _before = -1, False
        """The bytes that waited to be sent at the last look, and whether a request was awaited then."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self.loop.call_later(limits.stall_seconds, self._look_again)

        def _look_again(self) -> None:
            transport = self.transport
            waiting = transport.get_write_buffer_size()
            begun = self.cycle is None or bool(self.conn.trailing_data[0])  # else it is open for the next request
            now = waiting, begun and self.conn.their_state is IDLE and not transport.is_closing()
            if now == self._before and (waiting or now[1]):
                transport.abort()
            elif waiting or not transport.is_closing():
                self._before = now
                self.loop.call_later(limits.stall_seconds, self._look_again)

    return Patient
