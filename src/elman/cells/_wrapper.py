"""The base class of wrappers: cells around a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ConfigError
from elman._types import Carry
from elman.cells._cell import Cell

Wrapped = TypeVar("Wrapped", bound="Wrapper")


class Wrapper(Cell):
    """A cell that behaves like its inner cell, except for the methods that a subclass overrides.

    A wrapper that changes neither `project` nor `step` returns the inner cell's `core`, which keeps the fast engines. A
    wrapper with noise holds the key of a pass in a field that is None until `sample`, so that all its leaves are
    weights; it draws in `project`, which sees time and batch, and passes the noise to `step` beside the inner cell's
    input.
    """

    inner: Cell

    def __init__(self, inner: Cell):
        self.inner = inner
        self.input_size, self.hidden_size = inner.input_size, inner.hidden_size

    def init_carry(self) -> Carry:
        """The inner cell's start state."""
        return self.inner.init_carry()

    def project(self, xs: Float[Array, "time batch feature"]) -> Any:
        """The inner cell's projection."""
        return self.inner.project(xs)

    def gates(self, carry: Any, x: Any) -> Any:
        """The inner cell's gates."""
        return self.inner.gates(carry, x)

    def step(self, carry: Any, x: Any) -> tuple[Carry, Float[Array, " hidden"]]:
        """The inner cell's step."""
        return self.inner.step(carry, x)

    def sample(self, key: PRNGKeyArray | None) -> Cell:
        """The wrapper around a sample of the inner cell."""
        return around(self, self.inner.sample(key))


class Outside(Wrapper):
    """A wrapper that changes only what goes into its cell's recurrence and what comes out of it, at all steps alike: it
    overrides `before` or `after`. Engines run the inner cell between the two, so it keeps its fast engine.
    """

    def __init__(self, inner: Cell):
        super().__init__(inner)

    def before(self, xs: Float[Array, "*steps feature"]) -> Float[Array, "*steps feature"]:
        """The inputs of the inner cell."""
        return xs

    def after(
        self, ys: Float[Array, "*steps hidden"], xs: Float[Array, "*steps feature"]
    ) -> Float[Array, "*steps hidden"]:
        """The outputs, from those of the inner cell and the wrapper's inputs."""
        return ys

    def project(self, xs: Float[Array, "time batch feature"]) -> tuple[Any, Float[Array, "time batch feature"]]:
        """The inner cell's projection, and the input itself."""
        return self.inner.project(self.before(xs)), xs

    def gates(self, carry: Any, x: Any) -> Any:
        """The inner cell's gates."""
        return self.inner.gates(carry, x[0])

    def step(self, carry: Any, x: Any) -> tuple[Carry, Float[Array, " hidden"]]:
        """The inner cell's step, with its output changed."""
        projected, x = x
        carry, y = self.inner.step(carry, projected)
        return carry, self.after(y, x)


def unwrap(cell: Cell) -> tuple[Cell, tuple[Outside, ...]]:
    """Returns the cell that engines run, and the wrappers that act outside its recurrence, the outermost first."""
    outer: list[Outside] = []
    while isinstance(core := cell.core, Outside) and _acts_outside(type(core)):
        outer.append(core)
        cell = core.inner
    return core, tuple(outer)


def around(wrapper: Wrapped, inner: Cell) -> Wrapped:
    """A copy of `wrapper` with another inner cell."""
    return eqx.tree_at(lambda wrapper: wrapper.inner, wrapper, inner)


def with_key(wrapper: Wrapped, key: PRNGKeyArray | None) -> Wrapped:
    """A copy of `wrapper` with noise from `key`, or without noise for None."""
    return eqx.tree_at(lambda wrapper: wrapper.key, wrapper, key, is_leaf=lambda node: node is None)


def check_rate(rate: float) -> None:
    """Raises `ConfigError` for a rate outside [0, 1)."""
    if not 0 <= rate < 1:
        raise ConfigError(f"rate: expected a share of at least 0 and below 1; got {rate!r}")


def check_recurrent_kernel(wrapper: str, cell: Cell) -> None:
    """Raises `ConfigError` for a cell without the recurrent kernel that `wrapper` changes."""
    innermost = _innermost(cell)
    if not eqx.is_array(getattr(innermost, "recurrent_kernel", None)):
        raise ConfigError(
            f"{wrapper}: expected a cell whose step multiplies by its field recurrent_kernel; "
            f"{type(innermost).__name__} has none"
        )


def recurrent_kernel(cell: Any) -> Any:
    """The recurrent kernel of a cell, or of the cell that it wraps."""
    return _innermost(cell).recurrent_kernel


def change_recurrent_kernel(cell: Cell, change: Callable[[Any], Any]) -> Cell:
    """A copy of `cell` with its recurrent kernel replaced by `change(kernel)`."""
    return eqx.tree_at(recurrent_kernel, cell, replace_fn=change)


def _acts_outside(kind: type[Outside]) -> bool:
    """Whether a class leaves all but `before` and `after` as they are."""
    return (kind.project, kind.gates, kind.step) == (Outside.project, Outside.gates, Outside.step)


def _innermost(cell: Any) -> Any:
    while isinstance(cell, Wrapper):
        cell = cell.inner
    return cell
