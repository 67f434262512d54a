"""Answers of the server: JSON of plain values and arrays, streams of lines, and errors as sentences."""

from __future__ import annotations

import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from elman._errors import DataError, ElmanError
from elman.studio.folder import Outside, TooLarge
from elman.web.answers import as_json, compute, encode

Value = TypeVar("Value")

LARGEST_REQUEST = 4_000_000
"""The most bytes of a request that is no upload."""


async def body(request: Request, kind: type[Value]) -> Value:
    """The JSON of a request as a value of a type.

    Raises:
        DataError: no JSON, another type, or too much of it.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_REQUEST:
            raise DataError(f"expected a request of at most {LARGEST_REQUEST:,} bytes")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataError(f"not what the page sends: {error}") from None


async def lines_of(items: Iterator[Any]) -> Response:
    """A stream of JSON lines, each sent as soon as it is known; an error on the way is its last line. What fails before
    the first is an error of the whole answer."""
    first = await compute(next, items, None)

    async def stream() -> AsyncIterator[bytes]:
        item = first
        while item is not None:
            yield encode(item) + b"\n"
            try:
                item = await compute(next, items, None)
            except ElmanError as error:
                yield encode({"error": str(error)}) + b"\n"
                return

    return StreamingResponse(stream(), media_type="application/x-ndjson")


def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that cannot be met, for reasons that are named."""
    status = 413 if isinstance(error, TooLarge) else 403 if isinstance(error, Outside) else 400
    named = isinstance(error, OSError) and error.strerror
    return as_json({"error": f"{error.filename}: {error.strerror}" if named else str(error)}, status)


def leave(request: Request, error: Exception) -> Response:
    """The end of a request that the browser has given up, which nobody reads."""
    return Response(status_code=400)


def fail(request: Request, error: Exception) -> Response:
    """The answer where the studio itself is at fault, with all that helps to report it."""
    text = "".join(traceback.format_exception(error))
    print(text, file=sys.stderr)
    return as_json({"error": f"the studio failed: {error!r}", "details": text}, 500)
