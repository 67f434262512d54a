"""The computations of another library between two layers, found by trying: an activation, the last step, the mean or
the maximum over time, or two of these. The proof of the conversion then runs both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain as joined
from itertools import permutations, product
from typing import Any

import jax.numpy as jnp
import numpy as np

from elman._errors import ConversionError
from elman.layers import Bidirectional
from elman.layers.chain import OUTPUT_ACTIVATIONS, Activation
from elman.layers.pooling import LastPooling, MaxPooling, MeanPooling

CLOSE = 1e-4
"""The largest difference, as a share of the values, by which a guess is still tried in the proof."""


def batch_first(array: np.ndarray, batch: int, time: int, *, time_first: bool) -> np.ndarray:
    """An array (batch, time, feature) or (batch, feature), whatever the order of its axes, flattened or not."""
    shape = array.shape
    if shape[:2] != (batch, time):
        if shape[:2] == (time, batch):
            return np.swapaxes(array, 0, 1)
        if len(shape) == 3 and shape[0] == batch and shape[2] == time:
            return np.swapaxes(array, 1, 2)
        if len(shape) == 2 and shape[0] == batch * time and time > 1:
            blocks = array.reshape(time, batch, -1) if time_first else array.reshape(batch, time, -1)
            return np.swapaxes(blocks, 0, 1) if time_first else blocks
    return array


def between(
    name: str,
    last: str,
    following: str,
    before: np.ndarray,
    after: np.ndarray,
    parts: dict[str, Any],
    *,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parts that explain how `after` comes of `before`, the outputs of the last of `parts`.

    Args:
        name: the network.
        last, following: the layers before and after, for names and messages.
        more: norms to try too, by their names.

    Raises:
        ConversionError: none of them explains it.
    """
    if same(before, after):
        return {}
    half = next((part.forward.hidden_size for part in reversed(parts.values()) if isinstance(part, Bidirectional)), 0)
    size = before.shape[-1]
    poolings = {"last": LastPooling(size), "mean": MeanPooling(), "max": MaxPooling(), "ends": LastPooling(half)}
    activations = {key: Activation(key) for key in OUTPUT_ACTIVATIONS if key != "linear"}
    for guess in _guesses(poolings if before.ndim == 3 else {}, more or {}, activations):
        ys = jnp.asarray(before)
        for _, part in guess:
            ys = part(ys)
        if same(np.asarray(ys), after):
            return {f"{last}.{key}": part for key, part in guess}
    raise ConversionError(
        f"{name}: between {last}, of shape {before.shape}, and {following}, of shape {after.shape}, it computes "
        "something that is no activation, last step, mean or maximum over time; import the layers one by one"
    )


def _guesses(
    poolings: Mapping[str, Any], norms: Mapping[str, Any], activations: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Yields a part or none of each kind, in any order, the fewest first."""
    kinds = [[(), *((one,) for one in kind.items())] for kind in (poolings, norms, activations)]
    for chosen in sorted(product(*kinds), key=lambda parts: sum(map(len, parts))):
        yield from permutations(joined.from_iterable(chosen))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """True for arrays that are close enough for the proof to compare them."""
    return a.shape == b.shape and bool(np.abs(a - b).max() <= CLOSE * max(1.0, float(np.abs(b).max())))


def with_feature_axis(outputs: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The outputs of a network; a single feature, whose axis is left out, gets it back."""
    single = before.shape[-1] == 1 and outputs.shape == before.shape[:-1]
    return outputs[..., None] if single else outputs


def stacked(rows: list[np.ndarray], ours: Any) -> np.ndarray:
    """The outputs for sequences that ran alone, as one array of the shape of ours, padded with zeros."""
    result = np.zeros_like(ours)
    for n, row in enumerate(rows):
        if result.ndim == 3:
            result[n, : len(row[0]) if row.ndim == 3 else len(row)] = row.reshape(-1, result.shape[-1])
        else:
            result[n] = row.reshape(-1)
    return result


def shaped_as(array: np.ndarray, ours: Any) -> np.ndarray:
    """The array in the shape of ours, where it is that of one step or one sequence, or has no axis of time."""
    return array if ours is None or array.shape == ours.shape or array.size != ours.size else array.reshape(ours.shape)
