"""The axes of a device mesh over which arrays vary, inside `jax.shard_map`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def vary_alike(tree: Any) -> Any:
    """The arrays of `tree`, each made to vary over all axes of a device mesh over which any of them varies.

    Inside `jax.shard_map`, JAX knows which arrays differ from device to device, and a loop's state must be of one kind.
    The gradient of an array that was the same everywhere is summed over the devices, as it is where JAX does this by
    itself. Elsewhere nothing changes.
    """
    varying = {axis for leaf in jax.tree.leaves(tree) for axis in _axes(leaf)}

    def vary(leaf: Any) -> Any:
        missing = tuple(sorted(varying - _axes(leaf)))
        return jax.lax.pcast(leaf, missing, to="varying") if missing else leaf

    return jax.tree.map(vary, tree) if varying else tree


def _axes(leaf: Any) -> frozenset:
    """The axes over which an array varies."""
    plain = not jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.extended)
    return jax.typeof(leaf).manual_axis_type.varying if plain else frozenset()
