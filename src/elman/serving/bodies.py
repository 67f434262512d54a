"""The JSON of requests as values."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request

from elman.serving.problems import Problem

Value = TypeVar("Value", bound=msgspec.Struct)


async def body(request: Request, kind: type[Value], *, empty: bool = False) -> Value:
    """The JSON of a request as a value of a type; with `empty`, nothing stands for the value's defaults.

    Raises:
        Problem: no JSON, or of another form.
    """
    data = await request.body()
    if empty and not data.strip():
        data = b"{}"
    return parsed(data, kind)


def parsed(data: bytes | str, kind: type[Value]) -> Value:
    """JSON as a value of a type.

    Raises:
        Problem: no JSON, or of another form.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Problem("unusable", str(error)) from None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Problem("not-json", f"expected JSON: {error}") from None
