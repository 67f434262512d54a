"""Activation functions, written for speed on CPUs."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def sigmoid(x: Float[Array, ...]) -> Float[Array, ...]:
    """The logistic function 1 / (1 + exp(-x)), through tanh, which XLA vectorises better.

    >>> float(sigmoid(jnp.array(0.0)))
    0.5
    """
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


ActivationName = Literal["tanh", "relu", "sigmoid", "linear"]

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": sigmoid, "linear": lambda x: x}
"""The activations that a cell's option can name; linear is the identity."""
