"""The continuous ranked probability score: the distance of a distribution from the observed value."""

from __future__ import annotations

import math
from itertools import pairwise

import jax.numpy as jnp
from jax.scipy.special import betainc, betaln, ndtr
from jaxtyping import Array, Float

from elman.ops.distributions import LEVELS, Distribution, Gaussian, Point, Quantiles, Samples, StudentT


def crps(forecast: Distribution, values: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The continuous ranked probability score of each value (Matheson and Winkler, 1976). For a point it is the
    absolute error; for normal and t distributions (Jordan et al., 2019) and for draws it is exact; for others it is
    computed from their quantiles at `LEVELS`, each weighted by the share of levels nearest to it.

    >>> print(f"{crps(Gaussian(jnp.array(0.0), jnp.array(1.0)), jnp.array(0.0)):.4f}")
    0.2337
    """
    match forecast:
        case Point():
            return jnp.abs(values - forecast.value)
        case Gaussian():
            z = (values - forecast.mean) / forecast.scale
            density = jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
            return forecast.scale * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
        case StudentT():
            z, n = (values - forecast.location) / forecast.scale, forecast.freedom
            inside = 1 - betainc(n / 2, 0.5 * jnp.ones_like(n), n / (n + z**2))  # between -z and z
            density = jnp.exp(-StudentT(jnp.zeros_like(z), jnp.ones_like(z), n).loss(z))
            constant = jnp.exp(betaln(0.5, n - 0.5) - 2 * betaln(n / 2, 0.5)) * jnp.sqrt(n)
            return forecast.scale * (jnp.abs(z) * inside + 2 * (density * (n + z**2) - constant) / (n - 1))
        case Samples():
            return forecast.loss(values)
        case _:
            losses = Quantiles(forecast.quantile(jnp.array(LEVELS))).losses(values)
            edges = [0.0, *((low + high) / 2 for low, high in pairwise(LEVELS)), 1.0]
            return losses @ jnp.array([high - low for low, high in pairwise(edges)])
