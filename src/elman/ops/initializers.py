"""Initial values of weights."""

from __future__ import annotations

import math
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import one_of


def glorot(key: PRNGKeyArray, inputs: int, outputs: int) -> Float[Array, "inputs outputs"]:
    """A kernel uniform in +-sqrt(6 / (inputs + outputs)), so that a dense layer preserves the variance of activations
    and gradients (Glorot and Bengio, 2010).

    >>> bool(abs(glorot(jr.key(0), 3, 3)).max() <= 1)
    True
    """
    limit = math.sqrt(6 / (inputs + outputs))
    return jr.uniform(key, (inputs, outputs), minval=-limit, maxval=limit)


def orthogonal(key: PRNGKeyArray, size: int) -> Float[Array, "size size"]:
    """A random orthogonal matrix: a recurrent kernel that neither shrinks nor grows the state (Saxe et al., 2014).

    >>> w = orthogonal(jr.key(0), 5)
    >>> bool(jnp.allclose(w @ w.T, jnp.eye(5), atol=1e-5))
    True
    """
    return jr.orthogonal(key, size)


RecurrentStart = Literal["orthogonal", "identity", "glorot"]


def recurrent(key: PRNGKeyArray, size: int, start: RecurrentStart) -> Float[Array, "size size"]:
    """A recurrent kernel by the name of its start: orthogonal, the identity (which keeps the state; Le, Jaitly and
    Hinton, 2015), or Glorot's, with which the state fades.

    >>> recurrent(jr.key(0), 2, "identity").tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Raises:
        ConfigError: an unknown name.
    """
    one_of("recurrent_start", start, get_args(RecurrentStart))
    match start:
        case "orthogonal":
            return orthogonal(key, size)
        case "identity":
            return jnp.eye(size)
        case "glorot":
            return glorot(key, size, size)


def gate_blocks(initializer, key: PRNGKeyArray, gates: int) -> Float[Array, "inputs gates"]:
    """A kernel with an independent block for each gate, side by side, so that a gate's initial values do not depend on
    the number of gates. `initializer(key)` returns one block."""
    return jnp.concatenate([initializer(k) for k in jr.split(key, gates)], axis=1)


def normal(key: PRNGKeyArray, shape: tuple[int, ...], deviation: float | Array) -> Float[Array, ...]:
    """Normal random numbers with mean 0 and standard deviation `deviation`.

    >>> bool((normal(jr.key(0), (3,), 0.5) == 0.5 * jr.normal(jr.key(0), (3,))).all())
    True
    """
    # The barrier keeps a compiler from merging the deviation with the factor inside jr.normal, which rounds otherwise:
    # a model that is built in one compiled program has the bits of one that is built operation by operation.
    return jax.lax.optimization_barrier(jr.normal(key, shape)) * deviation


def embedding(key: PRNGKeyArray, vocab: int, size: int, *, deviation: float = 0.3) -> Float[Array, "vocab size"]:
    """An embedding table, normal with a deviation that is large enough for tokens to differ from the first step on.

    >>> bool(abs(embedding(jr.key(0), 1000, 8, deviation=2.0).std() - 2) < 0.1)
    True
    """
    return normal(key, (vocab, size), deviation)


def gated_kernels(
    key: PRNGKeyArray, inputs: int, hidden: int, gates: int
) -> tuple[Float[Array, "inputs gates"], Float[Array, "hidden gates"]]:
    """The two kernels of a gated cell, one block for each gate: Glorot's for the input, orthogonal for the state.

    >>> kernel, recurrent_kernel = gated_kernels(jr.key(0), 3, 2, gates=4)
    >>> kernel.shape, recurrent_kernel.shape
    ((3, 8), (2, 8))
    """
    kernel_key, recurrent_key = jr.split(key)
    kernel = gate_blocks(lambda k: glorot(k, inputs, hidden), kernel_key, gates)
    return kernel, gate_blocks(lambda k: orthogonal(k, hidden), recurrent_key, gates)


def forget_bias(hidden: int) -> Float[Array, " gates"]:
    """The bias of an LSTM for i, f, g, o: 1 for the forget gate, so that an untrained cell keeps its state (Jozefowicz
    et al., 2015), else 0.
    """
    return jnp.zeros(4 * hidden).at[hidden : 2 * hidden].set(1.0)
