"""`elman serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

from elman._errors import ConfigError
from elman._terminal import say
from elman._types import WeightFormat
from elman.cli._parse import call
from elman.cli._weights import in_format, say_cost
from elman.serving.limits import Limits

TOKEN = "ELMAN_SERVE_TOKEN"
"""The environment variable with the token that callers show."""

NEEDED = ("starlette", "uvicorn", "wsproto", "prometheus_client", "anyio", "h11")


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "serve", arguments)


def main(
    models: tyro.conf.Positional[tuple[str, ...]],
    /,
    port: Annotated[int, tyro.conf.arg(metavar="N")] = 8100,
    host: str = "127.0.0.1",
    folder: Path = Path("elman-sessions"),
    token_file: Path | None = None,
    weights: WeightFormat = "float32",
    limits: Limits = Limits(),
) -> int:
    """Serve models over HTTP, with a state for each session: predict, tag, translate, forecast, write, read streams.

    Ctrl-C or SIGTERM ends the service; its sessions are written to the folder, and go on when it is started again.

    Args:
        models: Saved models; NAME=MODEL gives one another name than its folder's.
        port: The port; 0 for any that is free.
        host: The address to listen on; any but this machine's own needs a token.
        folder: The folder in which sessions are kept while they are idle, or the service is not running.
        token_file: A file of tokens, one a line, of which callers show one; ELMAN_SERVE_TOKEN has a single one.
        weights: Format of the weights: bfloat16 and int8 are rounded, and faster.
        limits: What callers may have.
    """
    try:
        from elman.serving.models import named
        from elman.serving.server import check_tokens, open_service
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        raise ConfigError("serve needs an extra: pip install 'elman[serve]'") from None
    from elman.tasks.load import load

    places, tokens = named(models), _tokens(token_file)
    check_tokens(host, tokens)
    fitted = {name: in_format(load(place), weights) for name, place in places.items()}
    for place in places.values():
        say_cost("serve", place, weights)
    opened = open_service(fitted, folder, host=host, port=port, tokens=tokens, limits=limits)
    print(opened.address, flush=True)
    say(f"Serving {', '.join(fitted)}; Ctrl-C ends the service and keeps its sessions in {folder}.", sys.stderr)
    opened.serve()
    return 0


def _tokens(file: Path | None) -> list[str]:
    """The tokens of a file and of the environment."""
    try:
        lines = [] if file is None else file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token-file {file}: cannot be read ({error})") from None
    tokens = [line.strip() for line in [*lines, os.environ.get(TOKEN, "")] if line.strip()]
    if file is not None and not any(map(str.strip, lines)):
        raise ConfigError(f"--token-file {file}: expected a token in a line; it has none")
    return tokens
