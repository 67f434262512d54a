"""The studio's server: a port that is free, and the application behind its guard."""

from __future__ import annotations

import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import uvicorn

from elman._errors import ConfigError
from elman.studio.app import TICK, Studio
from elman.studio.folder import Folder
from elman.studio.guard import Guard
from elman.web.callers import LOOPBACK
from elman.web.port import is_everywhere, listen, shown_host

TRIES = 50
"""The ports, from the one wished for on, of which the first free one is taken."""


class Opened(NamedTuple):
    """A studio that is about to be served."""

    server: uvicorn.Server
    socket: socket.socket
    studio: Studio
    address: str
    """The address with the token."""
    port: int

    def serve(self) -> None:
        """Serves until Ctrl-C."""
        with self.socket, suppress(KeyboardInterrupt):  # which uvicorn passes on when it has ended
            self.server.run(sockets=[self.socket])


def open_studio(folder: Path, *, host: str, port: int, token: str, largest: int) -> Opened:
    """Takes a port and makes the server for a folder.

    Args:
        folder: the folder of data and models.
        host: the address to listen on.
        port: the port wished for; if it is taken, the next free one is used.
        token: the token, of letters, digits and -._~, which stand in an address as they are; by default a new one.
        largest: the most bytes of an upload.

    Raises:
        ConfigError: no folder, another token, or no free port.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder; make it first, or name another")
    token = token or secrets.token_urlsafe(24)
    if not re.fullmatch(r"[\w.~-]+", token, re.ASCII):
        raise ConfigError("the token of the studio: expected letters, digits and -._~ alone; choose another")
    taken, number = listen(host, port, tries=TRIES)
    shown = shown_host(host)
    studio = Studio(Folder(folder, largest=largest))
    guard = Guard(studio.app(), token=token, hosts={shown, *LOOPBACK}, port=number, by_address=is_everywhere(host))
    config = uvicorn.Config(
        guard,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(2 * TICK) + 1,
        lifespan="off",
        ws="none",
    )
    server = uvicorn.Server(config)
    studio.is_ending = lambda: server.should_exit
    return Opened(server, taken, studio, f"http://{shown}:{number}/?token={token}", number)
