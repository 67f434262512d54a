"""Reading a command's options with tyro: the signature and docstring of a function are its options and help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tyro

Result = TypeVar("Result")


def call(function: Callable[..., Result], name: str, arguments: list[str]) -> Result:
    """Calls `function` with `arguments` as read by tyro; help and usage errors exit."""
    style = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    return tyro.cli(function, prog=f"elman {name}", args=arguments, config=style)
