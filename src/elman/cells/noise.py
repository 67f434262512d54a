"""Wrappers that add noise to a cell in training. `sample(key)` returns the cell for one pass; unsampled, and after
`sample(None)`, a cell computes without noise, as after training.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from elman._errors import ConfigError
from elman._module import Module
from elman._types import Carry
from elman.cells._cell import Cell
from elman.cells._wrapper import (
    Wrapper,
    around,
    change_recurrent_kernel,
    check_rate,
    check_recurrent_kernel,
    recurrent_kernel,
    with_key,
)


class Zoneout(Wrapper):
    """Zoneout: units that keep their old value at random (Krueger et al., 2017).

    In training each number of the carry keeps its old value with probability `rate`, drawn anew for every step; after
    training it is the expected value, rate * old + (1 - rate) * new. If the output is a part of the carry, as h is, it
    is the part after the noise: put `Residual` outside. An Elman (tanh), GRU or LSTM keeps its native engine.

    Args:
        inner: any cell.
        rate: at least 0 and below 1; one number for the whole carry, or a carry of rates, such as the paper's
            `LSTMCarry(h=0.05, c=0.5)`.

    Raises:
        ConfigError: a rate outside its range, or rates that do not fit the carry.

    >>> from elman.cells import GRU
    >>> cell = Zoneout(GRU(3, 4, key=jr.key(0)), rate=0.25)
    >>> old, a = jnp.ones(4), jnp.zeros(12)
    >>> new, _ = cell.inner.step(old, a)
    >>> mixed, y = cell.step(old, a)
    >>> bool(jnp.allclose(mixed, 0.25 * old + 0.75 * new)), bool((y == mixed).all())
    (True, True)
    """

    rate: Any = eqx.field(static=True)
    key: PRNGKeyArray | None

    def __init__(self, inner: Cell, *, rate: float | Carry):
        super().__init__(inner)
        for one in jax.tree.leaves(rate):
            check_rate(one)
        start = jax.eval_shape(inner.init_carry)
        if not isinstance(rate, float | int) and jax.tree.structure(rate) != jax.tree.structure(start):
            raise ConfigError(f"rate: expected a number, or one for each part of the carry {start}; got {rate!r}")
        self.rate, self.key = rate, None

    def sample(self, key: PRNGKeyArray | None) -> Cell:
        """The cell with a mask of kept units drawn from `key`; None takes the expected value."""
        own, inner = (None, None) if key is None else jr.split(key)
        return with_key(around(self, self.inner.sample(inner)), own)

    def project(self, xs: Float[Array, "time batch feature"]) -> Any:
        """The inner cell's projection; if sampled, also a mask for each part of the carry, True for kept units."""
        projected, (time, batch, _) = self.inner.project(xs), xs.shape
        return projected if self.key is None else (projected, self.kept(batch, time))

    def kept(self, batch: int, time: int) -> Carry | None:
        """The masks (time, batch, hidden) , True for numbers that keep their old values; None if unsampled."""
        if self.key is None:
            return None
        parts, structure = jax.tree.flatten(jax.eval_shape(self.inner.init_carry))
        masks = [
            jr.bernoulli(key, rate, (time, batch, *part.shape))
            for key, rate, part in zip(jr.split(self.key, len(parts)), self.rates(), parts, strict=True)
        ]
        return structure.unflatten(masks)

    def gates(self, carry: Any, x: Any) -> Any:
        """The inner cell's gates."""
        return self.inner.gates(carry, x if self.key is None else x[0])

    def step(self, carry: Any, x: Any) -> tuple[Carry, Float[Array, " hidden"]]:
        """The inner cell's step, after which the masked units get their old values back."""
        projected, kept = (x, None) if self.key is None else x
        after, y = self.inner.step(carry, projected)
        olds, (news, structure) = jax.tree.leaves(carry), jax.tree.flatten(after)
        if kept is None:
            pairs = zip(olds, news, self.rates(), strict=True)
            mixed = [rate * old + (1 - rate) * new for old, new, rate in pairs]
        else:
            mixed = list(map(jnp.where, jax.tree.leaves(kept), olds, news))
        # A cell whose output is its h returns the same array object twice.
        y = next((part for part, new in zip(mixed, news, strict=True) if new is y), y)
        return structure.unflatten(mixed), y

    def rates(self) -> list[float]:
        """The rate of each part of the carry."""
        parts = len(jax.tree.leaves(jax.eval_shape(self.inner.init_carry)))
        rates = jax.tree.leaves(self.rate)
        return rates if len(rates) == parts else rates * parts


class RecurrentDropout(Wrapper):
    """Dropout of the state before the recurrent kernel, with one mask for all steps of a sequence (Gal and Ghahramani,
    2016, "variational", one mask for all gates).

    Only the product h U is masked; elementwise parts of the state, such as an LSTM's c or a GRU's z * h, are not.
    (Semeniuta et al., 2016, instead drop the candidate, which needs the inside of each cell.) It serves cells that
    compute `h @ self.recurrent_kernel`, as those of elman do. Unsampled, the inner cell keeps its fast engine.

    Raises:
        ConfigError: a rate outside [0, 1), or a cell without recurrent_kernel.

    >>> from elman.cells import LSTM
    >>> cell = RecurrentDropout(LSTM(3, 4, key=jr.key(0)), rate=0.5)
    >>> type(cell.core).__name__, type(cell.sample(jr.key(1)).core).__name__
    ('LSTM', 'RecurrentDropout')
    """

    rate: float = eqx.field(static=True)
    key: PRNGKeyArray | None

    def __init__(self, inner: Cell, *, rate: float):
        check_rate(rate)
        check_recurrent_kernel("RecurrentDropout", inner)
        super().__init__(inner)
        self.rate, self.key = rate, None

    @property
    def core(self) -> Cell:
        """The inner cell's core if there is no noise, else this wrapper."""
        return self.inner.core if self.key is None else self

    def sample(self, key: PRNGKeyArray | None) -> Cell:
        """The cell with masks drawn from `key`; None means no dropout."""
        own, inner = (None, None) if key is None else jr.split(key)
        return with_key(around(self, self.inner.sample(inner)), own)

    def project(self, xs: Float[Array, "time batch feature"]) -> Any:
        """The inner cell's projection; if sampled, also each sequence's mask at every step."""
        projected = self.inner.project(xs)
        if self.key is None:
            return projected
        time, batch, _ = xs.shape
        rows = recurrent_kernel(self.inner).shape[0]
        kept = jr.bernoulli(self.key, 1 - self.rate, (batch, rows))
        return projected, jnp.broadcast_to(kept, (time, batch, rows))

    def gates(self, carry: Any, x: Any) -> Any:
        """The inner cell's gates, with the state masked."""
        inner, x = self._masked(x)
        return inner.gates(carry, x)

    def step(self, carry: Any, x: Any) -> tuple[Carry, Float[Array, " hidden"]]:
        """The inner cell's step, with the state masked."""
        inner, x = self._masked(x)
        return inner.step(carry, x)

    def _masked(self, x: Any) -> tuple[Cell, Any]:
        if self.key is None:
            return self.inner, x
        x, kept = x
        return change_recurrent_kernel(self.inner, lambda kernel: _MaskedKernel(kernel, kept, 1 - self.rate)), x


class WeightDropout(Wrapper):
    """DropConnect of the recurrent kernel: in training each weight of U is 0 with probability `rate`, for all steps and
    sequences of a pass, and the rest are scaled by 1 / (1 - rate) (Merity, Keskar and Socher, 2018, AWD-LSTM).

    A sample is the inner cell with another U, so the fast engines also serve in training.

    Raises:
        ConfigError: a rate outside [0, 1), or a cell without recurrent_kernel.

    >>> from elman.cells import LSTM
    >>> sampled = WeightDropout(LSTM(3, 64, key=jr.key(0)), rate=0.5).sample(jr.key(1))
    >>> type(sampled).__name__, round(float((sampled.recurrent_kernel == 0).mean()), 1)
    ('LSTM', 0.5)
    """

    rate: float = eqx.field(static=True)

    def __init__(self, inner: Cell, *, rate: float):
        check_rate(rate)
        check_recurrent_kernel("WeightDropout", inner)
        super().__init__(inner)
        self.rate = rate

    @property
    def core(self) -> Cell:
        """The inner cell's core."""
        return self.inner.core

    def sample(self, key: PRNGKeyArray | None) -> Cell:
        """The inner cell with weights dropped by `key`; None drops no weights."""
        if key is None:
            return self.inner.sample(None)
        own, inner = jr.split(key)
        return change_recurrent_kernel(self.inner.sample(inner), lambda kernel: _dropped(kernel, self.rate, own))


class _MaskedKernel(Module):
    """The kernel diag(kept / share) U as an operand of `h @ U`, without a copy of U for every sequence."""

    kernel: Any
    kept: Bool[Array, " hidden"]
    share: float

    def __rmatmul__(self, h: Float[Array, " hidden"]) -> Float[Array, " gates"]:
        return (h * (self.kept / self.share).astype(h.dtype)) @ self.kernel

    def __getitem__(self, place: Any) -> _MaskedKernel:
        return _MaskedKernel(self.kernel[place], self.kept, self.share)


def _dropped(kernel: Float[Array, "hidden gates"], rate: float, key: PRNGKeyArray) -> Float[Array, "hidden gates"]:
    kept = jr.bernoulli(key, 1 - rate, kernel.shape)
    return kernel * (kept / (1 - rate)).astype(kernel.dtype)
