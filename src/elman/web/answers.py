"""Answers of a server: JSON of plain values and arrays, and functions that are called in threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
import msgspec
import numpy as np
from starlette.responses import Response

Value = TypeVar("Value")


def as_json(
    value: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    """A value as JSON; numbers that are none of JSON's, such as NaN, are null."""
    return Response(encode(value), status, headers, media_type)


def encode(value: Any) -> bytes:
    """The JSON of plain values, arrays and named tuples."""
    return msgspec.json.encode(value, enc_hook=_plain)


async def compute(function: Callable[..., Value], *arguments: Any, **options: Any) -> Value:
    """Calls a function in a thread, so that the server goes on answering."""
    return await anyio.to_thread.run_sync(partial(function, *arguments, **options))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"no JSON for {type(value).__name__}")
