"""Layers one after the other: the form in which a network comes from another library, or goes to one.

Small layers that elman's own networks write as functions are parts here, so that a network is a list of named parts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._errors import ShapeError, one_of
from elman._module import Module
from elman._types import Carry
from elman.cells import Cell
from elman.layers.batch_norm import BatchNorm, BatchStatistics
from elman.layers.bidirectional import Bidirectional
from elman.layers.dense import Dense
from elman.layers.pooling import Pooling
from elman.layers.recurrent import run, start
from elman.layers.stack import Stack
from elman.ops.activations import sigmoid
from elman.recurrence import start_carry, unroll
from elman.recurrence.steps import Holes, Steps

OUTPUT_ACTIVATIONS = {
    "elu": jax.nn.elu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.01),
    "linear": lambda x: x,
    "log_softmax": jax.nn.log_softmax,
    "relu": jax.nn.relu,
    "sigmoid": sigmoid,
    "silu": jax.nn.silu,
    "softmax": jax.nn.softmax,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}
"""The activations that a part of a chain can name; a softmax is over the features."""


class Activation(Module):
    """An activation by its name.

    >>> Activation("relu")(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    name: str = eqx.field(static=True)

    def __init__(self, name: str):
        """Raises `ConfigError` for a name that is not in `OUTPUT_ACTIVATIONS`."""
        one_of("activation", name, OUTPUT_ACTIVATIONS)
        self.name = name

    def __call__(self, xs: Float[Array, ...]) -> Float[Array, ...]:
        """Applies the activation."""
        return OUTPUT_ACTIVATIONS[self.name](xs)


class Dropout(Module):
    """Dropout, which changes nothing here: a chain computes as a trained network does. It keeps the rate."""

    rate: float = eqx.field(static=True)


class Masked(Module):
    """Treats steps as padding where every feature, or the token, is `value`."""

    value: float = eqx.field(static=True)

    def mask(self, xs: Array) -> Bool[Array, "batch time"]:
        """True at real steps."""
        real = xs != self.value
        return real if xs.ndim == 2 else real.any(axis=-1)


class FrozenNorm(Module):
    """Batch normalisation with running values that no longer change."""

    norm: BatchNorm
    statistics: BatchStatistics

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Normalises by the running values."""
        return self.norm(xs, self.statistics)


class Backward(Module):
    """A cell that reads each sequence from its end. `flipped`: its outputs come in the order of reading."""

    cell: Cell
    flipped: bool = eqx.field(static=True)

    @property
    def hidden_size(self) -> int:
        """The number of features of an output."""
        return self.cell.hidden_size


class Halves(Module):
    """Joins the two halves of the features, which are a bidirectional layer's two directions."""

    how: Literal["sum", "mul", "ave"] = eqx.field(static=True)

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch half"]:
        """The sum, the product or the mean of both halves."""
        a, b = jnp.split(xs, 2, axis=-1)
        return a * b if self.how == "mul" else (a + b) / (2 if self.how == "ave" else 1)


class Skip(Module):
    """Adds the inputs of a chain to its outputs."""

    chain: Chain


class Run(NamedTuple):
    """The results of a run of a chain."""

    carry: Carry
    outputs: list[Array]
    """The outputs of each part."""
    mask: Bool[Array, "batch time"] | None


class Chain(Module):
    """Layers one after the other, with their names.

    The carry is a tuple with an entry for each part, empty for those without a state. A part is a cell, one of
    `elman.layers`, a pooling, or one of this module's.

    >>> import jax
    >>> from elman.cells import GRU
    >>> from elman.layers import Dense
    >>> keys = jax.random.split(jax.random.key(0))
    >>> chain = Chain({"read": GRU(3, 4, key=keys[0]), "head": Dense(4, 2, key=keys[1])})
    >>> carry, ys = chain(jnp.ones((1, 6, 3)), lengths=jnp.array([5]))
    >>> ys.shape, chain.names
    ((1, 6, 2), ('read', 'head'))
    """

    parts: tuple[Any, ...]
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, parts: dict[str, Any]):
        self.parts, self.names = tuple(parts.values()), tuple(parts)

    def init_carry(self, batch: int) -> tuple[Carry, ...]:
        """The start states of the parts for `batch` sequences."""
        return tuple(_start(part, batch) for part in self.parts)

    def __call__(
        self,
        xs: Array | np.ndarray,
        carry: tuple[Carry, ...] | None = None,
        *,
        lengths: Int[Array, " batch"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
    ) -> tuple[tuple[Carry, ...], Array]:
        """The last states, and the outputs of the last part.

        Args:
            xs: tokens (batch, time), or features (batch, time, feature).
            carry: the states to go on from; None for those of `init_carry`.
            lengths: the steps of each sequence, as in `unroll`.
            mask: False at steps to leave out, in place of `lengths`.
        """
        result = self.run(xs, carry, lengths=lengths, mask=mask)
        return result.carry, result.outputs[-1]

    def run(
        self, xs: Array | np.ndarray, carry: tuple[Carry, ...] | None = None, *, lengths: Any = None, mask: Any = None
    ) -> Run:
        """The last states, the outputs of every part, and the mask of real steps."""
        xs = jnp.asarray(xs)
        carry = self.init_carry(len(xs)) if carry is None else carry
        mask = Steps(lengths).valid(xs.shape[1]) if mask is None and lengths is not None else mask
        last, outputs = list[Carry](), list[Array]()
        for part, state in zip(self.parts, carry, strict=True):
            if isinstance(part, Masked):
                own = part.mask(xs)
                mask = own if mask is None else mask & own
            state, xs = _apply(part, state, xs, mask)
            mask = None if isinstance(part, Pooling) else mask
            last.append(state)
            outputs.append(xs)
        return Run(tuple(last), outputs, mask)


@runtime_checkable
class Chained(Protocol):
    """A network that is a chain."""

    def as_chain(self) -> Chain:
        """The network as named layers, one after the other.

        Raises:
            ConfigError: a network with parts that are not in a row; the message names them.
        """
        ...


def _start(part: Any, batch: int) -> Carry:
    match part:
        case Backward():
            return start_carry(part.cell, batch)
        case Cell() | Bidirectional():
            return start(part, batch)
        case Skip():
            return part.chain.init_carry(batch)
        case _:
            return ()


def _apply(part: Any, state: Carry, xs: Array, mask: Array | None) -> tuple[Carry, Array]:
    match part:
        case Dropout() | Masked():
            return state, xs
        case Cell():
            return unroll(part, xs, state, mask=mask)
        case Backward():
            state, ys = unroll(part.cell, xs, state, mask=mask, reverse=True)
            return state, ys[:, ::-1] if part.flipped else ys
        case Skip():
            result = part.chain.run(xs, state, mask=mask)
            return result.carry, result.outputs[-1] + xs
        case Bidirectional() if mask is not None:
            holes = Holes.of(mask)
            state, ys = run(part, holes.pack(xs), state, lengths=holes.lengths)
            return state, holes.spread(ys)
        case Bidirectional():
            return run(part, xs, state)
        case Pooling() if mask is not None:
            holes = Holes.of(mask)
            return state, part(holes.pack(xs), lengths=holes.lengths)
        case _:
            return state, part(xs)


def parts_of(chain: Chain, inside: str = "") -> list[tuple[str, Any]]:
    """The parts of a chain by their path, those of chains in it too, in the order of computation."""
    found = list[tuple[str, Any]]()
    for name, part in zip(chain.names, chain.parts, strict=True):
        path = f"{inside}{name}"
        found += parts_of(part.chain, f"{path}.") if isinstance(part, Skip) else [(path, part)]
    return found


def stack_parts(stack: Stack, *, inside: str = "layers") -> dict[str, Any]:
    """The layers of a stack as parts of a chain, by the names that their weights have in a saved model."""
    parts = dict[str, Any]()
    for layer, cell in enumerate(stack.cells):
        own = {} if stack.norms is None else {f"{inside}.norms.{layer}": stack.norms[layer]}
        own[f"{inside}.cells.{layer}"] = cell
        if stack.residual and cell.input_size == cell.hidden_size:
            own = {f"{inside}.residual.{layer}": Skip(Chain(own))}
        parts |= own
        if stack.dropout:
            parts[f"{inside}.dropout.{layer}"] = Dropout(stack.dropout)
    return parts


def with_arrays(kind: Callable[..., Any], *sizes: int, key: bool = True, **arrays: Any) -> Any:
    """A layer of these sizes whose weights are `arrays`, by the names of its fields; none are drawn. `key`: the class
    takes a key for random weights.

    Raises:
        ShapeError: an array of another shape than the layer's.
    """
    options = {"key": jax.random.key(0)} if key else {}
    shapes = eqx.filter_eval_shape(kind, *sizes, **options)
    for name, array in arrays.items():
        if np.shape(array) != getattr(shapes, name).shape:
            raise ShapeError(f"{name}: expected shape {getattr(shapes, name).shape}; got {np.shape(array)}")
    values = [jnp.asarray(array) for array in arrays.values()]
    return eqx.tree_at(lambda layer: [getattr(layer, name) for name in arrays], shapes, values)


def dense(kernel: Any, bias: Any = None) -> Dense:
    """A dense layer with these weights; without a bias it has zeros.

    >>> dense(np.ones((3, 2)))(jnp.ones(3)).tolist()
    [3.0, 3.0]
    """
    inputs, outputs = np.shape(kernel)
    bias = jnp.zeros(outputs, jnp.asarray(kernel).dtype) if bias is None else bias
    return with_arrays(Dense, inputs, outputs, kernel=kernel, bias=bias)


def frozen_norm(scale: Any, shift: Any, mean: Any, variance: Any, *, epsilon: float) -> FrozenNorm:
    """Batch normalisation with these weights and running values."""
    if np.shape(mean) != np.shape(variance):
        raise ShapeError(f"variance: expected shape {np.shape(mean)}, the mean's; got {np.shape(variance)}")
    norm = with_arrays(partial(BatchNorm, epsilon=epsilon), len(mean), key=False, scale=scale, shift=shift)
    return FrozenNorm(norm, BatchStatistics(jnp.asarray(mean), jnp.asarray(variance)))
