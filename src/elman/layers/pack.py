"""Packing: a copy of a model whose weights are laid out for the native kernels, for streams and generation."""

from __future__ import annotations

from typing import Any, TypeVar

import jax

from elman._errors import ConfigError, one_of
from elman._types import WeightFormat
from elman.cells import Cell
from elman.layers.dense import Dense
from elman.recurrence.native import layout, pack_cell, packed_refusal
from elman.recurrence.native.packed import FORMATS, PackedCell, PackedDense

Model = TypeVar("Model")


def pack(model: Model, weights: WeightFormat = "float32") -> Model:
    """Returns a copy of a model, or of a part of one, with packed cells and dense layers: what needs few sequences at
    once is faster, and nothing else changes. Cells that cannot be packed stay as they are (`unpacked` names them).

    Args:
        model: any module.
        weights: the format of recurrent and dense weights. float32 changes no bit of a cell's outputs; bfloat16 and
            int8, with a scale for each column, take a half and a quarter of the memory and round the weights.

    Raises:
        ConfigError: an unknown format, a model that is packed already, or one of which no cell can be packed.

    >>> import elman
    >>> cell = elman.LSTM(3, 4, key=jax.random.key(0))
    >>> xs = jax.random.normal(jax.random.key(1), (1, 5, 3))
    >>> bool((elman.unroll(elman.pack(cell), xs)[1] == elman.unroll(cell, xs)[1]).all())
    True
    >>> rough = elman.unroll(elman.pack(cell, "int8"), xs)[1]
    >>> 0 < float(abs(rough - elman.unroll(cell, xs)[1]).max()) < 0.01
    True
    """
    one_of("weights", weights, FORMATS)
    if is_packed(model):
        raise ConfigError("the model is packed already; pack the one from which it was made")
    if not is_packable(model):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unpacked(model).items())
        raise ConfigError(f"no cell of this model can be packed ({reasons or 'it has none'}); use it as it is")
    return jax.tree.map(lambda part: _packed(part, weights), model, is_leaf=_is_part)


def plain(model: Any) -> Any:
    """The weights of a model by the names that they have where nothing is packed; those of a packed model are as its
    format holds them.

    >>> import elman
    >>> cell = elman.LSTM(3, 4, key=jax.random.key(0))
    >>> [jax.tree.leaves(plain(each))[0].shape for each in (cell, elman.pack(cell))]
    [(3, 16), (3, 16)]
    """

    def unpacked(part: Any) -> Any:
        if isinstance(part, PackedDense):
            return {"kernel": part.kernel, "bias": part.bias}
        return part.inner if isinstance(part, PackedCell) else part

    return jax.tree.map(unpacked, model, is_leaf=_is_part)


def is_packable(model: Any) -> bool:
    """Whether any cell of a model can be packed."""
    parts = jax.tree.leaves(model, is_leaf=_is_part)
    return any(_is_cell(part) and packed_refusal(part) is None for part in parts)


def is_packed(model: Any) -> bool:
    """Whether any part of a model is packed."""
    parts = jax.tree.leaves(model, is_leaf=_is_part)
    return any(isinstance(part, PackedCell | PackedDense) for part in parts)


def unpacked(model: Any) -> dict[str, str]:
    """The reason why a cell of a model is not packed, or cannot be, for each such cell by its name.

    >>> import elman
    >>> unpacked((elman.MinGRU(3, 4, key=jax.random.key(0)),))
    {'0': 'MinGRU has no native kernel'}
    """
    parts = jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_part)[0]
    reasons = {
        jax.tree_util.keystr(path, simple=True, separator="."): packed_refusal(part)
        for path, part in parts
        if _is_cell(part)
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _packed(part: Any, weights: WeightFormat) -> Any:
    if isinstance(part, Dense):
        return PackedDense(part.kernel, part.bias, weights, layout=layout())
    return pack_cell(part, weights) if _is_cell(part) and packed_refusal(part) is None else part


def _is_part(part: Any) -> bool:
    """Whether a module is packed, or left alone, as a whole. A wrapper that does not change its cell's step is not."""
    return _is_cell(part) or isinstance(part, Dense | PackedCell | PackedDense)


def _is_cell(part: Any) -> bool:
    return isinstance(part, Cell) and not isinstance(part, PackedCell) and part.core is part
