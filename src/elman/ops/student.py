"""Quantiles of Student's t distribution, which JAX does not have."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.scipy.special import betainc, gammaln, ndtri
from jaxtyping import Array, Float


def student_quantile(levels: Float[Array, "*#batch"], freedom: Float[Array, "*#batch"]) -> Float[Array, "*batch"]:
    """The quantiles of Student's t distribution with two or more degrees of freedom: the expansion of Hill (1970,
    algorithm 396), refined by Newton's steps on the distribution function.

    >>> [f"{value:.3f}" for value in student_quantile(jnp.array([0.9, 0.995]), jnp.array(3.0))]
    ['1.638', '5.841']
    """
    tail, n = jnp.minimum(levels, 1 - levels), freedom
    t = _hill(2 * tail, n)
    for _ in range(3):
        half = 0.5 * jnp.ones_like(n)
        inside = betainc(half, n / 2, t**2 / (n + t**2))  # near the median, the share on the next line rounds to 1
        outside = betainc(n / 2, half, n / (n + t**2))
        beyond = jnp.where(tail > 0.25, 0.5 - 0.5 * inside, 0.5 * outside)
        log_density = gammaln((n + 1) / 2) - gammaln(n / 2) - 0.5 * jnp.log(n * math.pi)
        density = jnp.exp(log_density - (n + 1) / 2 * jnp.log1p(t**2 / n))
        t = jnp.maximum(t + (beyond - tail) / density, 0.0)
    return jnp.where(levels < 0.5, -t, t)


def _hill(two_tails: Array, n: Array) -> Array:
    """The positive t whose two tails, beyond -t and t, together hold a probability of `two_tails`."""
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * jnp.sqrt(a * math.pi / 2) * n
    y = (d * two_tails) ** (2 / n)

    x = ndtri(two_tails / 2)
    s = x**2
    c = c + jnp.where(n < 5, 0.3 * (n - 4.5) * (x + 0.6), 0.0)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    z = (((((0.4 * s + 6.3) * s + 36) * s + 94.5) / c - s - 3) / b + 1) * x
    near = jnp.expm1(a * z**2)

    far = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (
        n + 2
    ) + 1 / y
    return jnp.sqrt(n * jnp.where(y > 0.05 + a, near, far))
