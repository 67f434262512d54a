"""Networks of packed layers, step by step in one native call: for streams, and for text that is generated.

The structures are those of `kernels/packed.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from elman.recurrence.native.engine import kind_of, native_function
from elman.recurrence.native.packed import FORMATS, PackedCell, PackedDense

_pointer, _whole, _Start = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class Layer(NamedTuple):
    """A layer of a network."""

    weights: PackedCell | PackedDense
    residual: bool = False
    """Whether the output is h + x."""


class Tokens(NamedTuple):
    """The tokens of a network that reads and writes texts."""

    table: Float[np.ndarray, "vocab feature"]
    """The embedding."""
    allowed: Bool[np.ndarray, " vocab"]
    """False for tokens that must never be chosen, such as padding."""
    first: Int[np.ndarray, " vocab"] | None = None
    last: Int[np.ndarray, " vocab"] | None = None
    fits: Bool[np.ndarray, "last first"] | None = None
    """The joints, as `words.joints` has them; None where all tokens may stand side by side."""


_ARRAYS = (("kernel", "recurrent_kernel"), ("scales", "recurrent_scales"), ("bias", "extra"))


class _PackedLayer(ctypes.Structure):
    _fields_ = (
        *((name, _whole) for name in ("kind", "format", "features", "hidden", "residual")),
        *((name, _pointer) for names in _ARRAYS for name in names),
    )


class _Sampler(ctypes.Structure):
    _fields_ = (
        *((name, _whole) for name in ("vocab", "kinds", "block")),
        *((name, _pointer) for name in ("table", "allowed", "first", "last", "fits")),
        *((name, _pointer) for name in ("temperature", "top_p", "top_k", "draws", "place", "before", "ids", "nats")),
    )


class _Steps(ctypes.Structure):
    _fields_ = (
        ("layers", _pointer),
        *((name, _whole) for name in ("layer_count", "rows", "steps")),
        *((name, _pointer) for name in ("xs", "state", "new_state", "ys", "slots", "sampler")),
    )


class Network:
    """Packed layers, one after the other, with the pointers to their weights."""

    def __init__(self, layers: Sequence[Layer]):
        self.layers = tuple(layers)
        self.features, self.outputs = _sizes(self.layers[0])[0], _sizes(self.layers[-1])[1]
        self._arrays: list[np.ndarray] = []  # what the pointers point to
        self.described = (_PackedLayer * len(self.layers))(*map(self._describe, self.layers))
        self._step = native_function("elman_step")
        self._step.argtypes = (_pointer, _whole, _whole, _pointer, _pointer, _pointer)
        self._step.restype = _whole

    def state_size(self, rows: int) -> int:
        """The numbers in the state of `rows` sequences."""
        return rows * sum(_states(layer) * _sizes(layer)[1] for layer in self.layers)

    def step(self, state: Any, x: Any) -> tuple[Float[np.ndarray, " state"], Float[np.ndarray, "batch outputs"]]:
        """The state after the next step of some sequences, and its outputs, by two arrays of float32. Nobody writes to
        them later, so a state may be kept, and steps may go on from it more than once."""
        rows, size = len(x), len(state)
        both = np.empty(size + rows * self.outputs, np.float32)
        arrays: tuple[Any, ...] = (x, state, both)
        places = (ctypes.byref(_Start.from_buffer(array)) for array in arrays)
        if not self._step(self.described, len(self.layers), rows, *places):
            raise MemoryError("no memory for a step of a network")
        return both[:size], both[size:].reshape(rows, self.outputs)

    def _describe(self, layer: Layer) -> _PackedLayer:
        weights, kind = layer.weights, 0
        if isinstance(weights, PackedCell):
            kind = kind_of(weights.inner)
            kernels, biases = (weights.kernel, weights.recurrent_kernel), (weights.bias, weights.extra)
        else:
            kernels, biases = (weights.stored,), (weights.stored_bias,)
        columns = ([one.values for one in kernels], [one.scales for one in kernels], biases)
        numbers = (kind, FORMATS.index(weights.format), *_sizes(layer), layer.residual)
        described = _PackedLayer(*numbers)
        for names, arrays in zip(_ARRAYS, columns, strict=True):
            for name, array in zip(names, map(np.asarray, arrays), strict=False):
                self._arrays.append(array)
                setattr(described, name, _address(array))
        return described


class Texts:
    """Texts side by side that a network reads and writes, token by token: each has a slot in every array. What becomes
    of a text does not depend on its slot, nor on those beside it.

    `tokens` must stay as they are; the other arrays are for the caller to fill.
    """

    def __init__(self, network: Network, tokens: Tokens, *, slots: int, block: int):
        """`block` is the number of tokens for which there are draws."""
        vocab = network.outputs
        self.network, self.slots, self.block = network, slots, block
        self.states = np.zeros((slots, network.state_size(1)), np.float32)
        """The state of each text: layer after layer its h, then its c."""
        self.logits = np.zeros((slots, vocab), np.float32)
        """The logits of the next token."""
        self.before = np.zeros(slots, np.int32)
        """The last token."""
        self.temperature, self.top_p = np.ones(slots, np.float32), np.ones(slots, np.float32)
        self.top_k = np.zeros(slots, np.int64)
        """The rule by which the next token is chosen; see `tasks.decoding.Sampling`."""
        self.draws = np.zeros((slots, block, vocab), np.float32)
        """Numbers from Gumbel's distribution, by which tokens are sampled."""
        self.place = np.zeros(slots, np.int64)
        """The place in the block of the next token's draws."""
        self._tokens = Tokens(
            _plain(tokens.table, np.float32),
            _plain(tokens.allowed, np.bool_),
            *(_plain(array, np.int32) for array in (tokens.first, tokens.last)),
            _plain(tokens.fits, np.bool_),
        )
        self._walk = native_function("elman_walk")
        self._walk.argtypes, self._walk.restype = (_pointer,), _whole

    def walk(
        self, slots: Int[np.ndarray, " rows"], ids: Int[np.ndarray, "rows steps"]
    ) -> Float[np.ndarray, "rows steps"]:
        """Takes the next tokens of the texts in `slots`, each of which is there once. Where `ids` is -1 a token is
        chosen, by the draws at `place`, and replaces it; the others are read. Returns -ln of each token's probability.
        """
        rows, steps = ids.shape
        nats, slots = np.empty((rows, steps), np.float32), _plain(slots, np.int64)
        assert ids.dtype == np.int32
        by_slot = (self.temperature, self.top_p, self.top_k, self.draws, self.place, self.before)
        kinds = 0 if self._tokens.fits is None else len(self._tokens.fits)
        places = map(_address, (*self._tokens, *by_slot, ids, nats))
        sampler = _Sampler(self.logits.shape[1], kinds, self.block, *places)
        states = _address(self.states)
        call = _Steps(
            ctypes.addressof(self.network.described), len(self.network.layers), rows, steps,
            None, states, states, _address(self.logits), _address(slots), ctypes.addressof(sampler),
        )  # fmt: skip
        if not self._walk(ctypes.addressof(call)):
            raise MemoryError("no memory for the steps of a network")
        return nats


def _sizes(layer: Layer) -> tuple[int, int]:
    """The numbers of features and of outputs."""
    weights = layer.weights
    if isinstance(weights, PackedCell):
        return weights.input_size, weights.hidden_size
    features, outputs = weights.kernel.shape
    return features, outputs


def _states(layer: Layer) -> int:
    """The number of arrays in the state of a layer."""
    weights = layer.weights
    return len(jax.tree.leaves(jax.eval_shape(weights.init_carry))) if isinstance(weights, PackedCell) else 0


def _plain(array: Any, dtype: Any) -> Any:
    """An array of this type in plain memory, copied only if it is not; None stays None."""
    return None if array is None else np.ascontiguousarray(array, dtype)


def _address(array: np.ndarray | None) -> int | None:
    """The place of an array in memory; None for one that is missing or empty."""
    if array is None or not array.size:
        return None
    assert array.flags.c_contiguous
    return array.ctypes.data
