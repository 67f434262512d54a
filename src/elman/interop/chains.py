"""Any network or layer of elman as a chain."""

from __future__ import annotations

from typing import Any

from elman._errors import ConversionError
from elman._module import Module
from elman.cells import Cell
from elman.layers import Bidirectional, Stack
from elman.layers.chain import Chain, Chained, stack_parts
from elman.tasks.fitted import Fitted


def chain_of(network: Any) -> Chain:
    """The layers of a trained model, of its network, of a stack, or of one layer.

    >>> import jax
    >>> import elman
    >>> chain_of(elman.GRU(3, 4, key=jax.random.key(0))).names
    ('cell',)

    Raises:
        ConfigError: a network whose layers are not in a row.
        ConversionError: no network of elman's.
    """
    match network:
        case Chain():
            return network
        case Fitted():
            return chain_of(network.model)
        case Chained():
            return network.as_chain()
        case Stack():
            return Chain(stack_parts(network))
        case Cell() | Bidirectional():
            return Chain({"cell": network})
        case Module() if not any(isinstance(part, Module | tuple) for part in vars(network).values()):
            return Chain({"layer": network})
    raise ConversionError(
        f"{type(network).__name__}: expected a trained model, or a network whose layers are one after the other; the "
        "layers of others can be converted one by one, and ONNX takes any"
    )


def no_such(path: str, part: Any, library: str, instead: str) -> ConversionError:
    """The error for a part that a library does not have."""
    name = type(part).__name__
    return ConversionError(f"{path}: {library} has no {name} as elman computes it; {instead}")
