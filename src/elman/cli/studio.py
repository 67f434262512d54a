"""`elman studio`."""

from __future__ import annotations

import os
import secrets
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import tyro

from elman import _trust
from elman._errors import ConfigError
from elman._terminal import say
from elman.cli._parse import call
from elman.web.port import is_loopback

TOKEN = "ELMAN_STUDIO_TOKEN"
"""The environment variable with a token of one's own, which keeps the page's address from one start to the next."""


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "studio", arguments)


def main(
    folder: tyro.conf.Positional[Path] = Path("."),
    /,
    port: Annotated[int, tyro.conf.arg(metavar="N")] = 8765,
    host: str = "127.0.0.1",
    upload_mb: int = 512,
    browser: bool = False,
) -> int:
    """Open a page in the browser in which models are trained, looked into and used.

    Trainings that were started there go on when the page or this command is ended; the next studio of the same folder
    shows them again.

    Args:
        folder: The folder of data and models; nothing outside it is read or written.
        port: The port; if it is taken, the next free one is used.
        host: The address to listen on; with any but this machine's own, others on the network may knock.
        upload_mb: Most megabytes of a file that is dropped into the page.
        browser: Open the page in the browser.
    """
    try:
        from elman.studio.server import open_studio
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "anyio", "fcntl"):
            raise
        mend = "runs on Linux and macOS" if error.name == "fcntl" else "needs an extra: pip install 'elman[studio]'"
        raise ConfigError(f"the studio {mend}") from None

    opened = open_studio(
        folder, host=host, port=port, token=os.environ.get(TOKEN, ""), largest=max(0, upload_mb) * 1_000_000
    )
    _trust.FOLDERS.append(str(opened.studio.folder.path))  # in which trainings look for users' own cells
    if port not in (0, opened.port):
        say(f"port {port} is taken; this is {opened.port}", sys.stderr)
    if not is_loopback(host):
        say(
            "Others on the network can reach this address and read what is sent; a tunnel (ssh -L) is safer.",
            sys.stderr,
        )
    print(opened.address, flush=True)
    say("Open this address in a browser; it has the token. Ctrl-C ends the studio.", sys.stderr)
    threading.Thread(target=_warm_up, daemon=True).start()
    with _shown(opened.studio.own, opened.address) if browser else nullcontext():
        opened.serve()
    alive = [run.name for run in opened.studio.runs.all() if run.alive]
    if alive:
        say(f"Still at work: {', '.join(alive)}. Start the studio again to see them.", sys.stderr)
    return 0


@contextmanager
def _shown(folder: Path, address: str) -> Generator[None]:
    """Opens the address in the browser by a page that nobody else can read and that leads there: the arguments of a
    process, which the browser is, everybody on the machine can list."""
    import webbrowser

    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"open-{secrets.token_hex(8)}.html"
    try:
        page.touch(0o600)
        page.write_text(
            f'<!DOCTYPE html>\n<html lang="en"><title>elman studio</title>\n'
            f'<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">elman studio</a></html>\n'
        )
        webbrowser.open(page.as_uri())
        yield
    finally:
        page.unlink(missing_ok=True)


def _warm_up() -> None:
    """Imports what the first model needs, while the page is loaded."""
    import elman.tasks.load
    import elman.tasks.task  # noqa: F401
