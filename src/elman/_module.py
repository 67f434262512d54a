"""The base class of networks and their parts."""

from __future__ import annotations

import equinox as eqx
import jax

from elman._show import Shown, fields_of, lines, table


class Module(Shown, eqx.Module):
    """A module of Equinox that shows itself in three lines at the most: its weights, and the parts they are in.

    >>> from elman.layers import Dense
    >>> Dense(64, 2, key=jax.random.key(0))
    Dense(130 weights: kernel=float32[64,2], bias=float32[2])
    """

    def __repr__(self) -> str:
        parts = [f"{name}={text}" for name, text in _parts(self).items()]
        return lines(f"{type(self).__name__}({weights(self):,} weights: ", parts, ")")

    def _repr_html_(self) -> str:
        return table(_parts(self).items(), caption=f"{type(self).__name__}, {weights(self):,} weights")


def weights(model: object) -> int:
    """The number of weights in a module, or in any tree of arrays."""
    return sum(getattr(leaf, "size", 1) for leaf in jax.tree.leaves(model))


def _parts(module: Module) -> dict[str, str]:
    inner = {name: value for name, value in vars(module).items() if isinstance(value, eqx.Module)}
    return {
        name: f"{type(inner[name]).__name__}({weights(inner[name]):,})" if name in inner else text
        for name, text in fields_of(module).items()
    }
