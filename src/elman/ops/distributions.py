"""The kinds of forecast: a number, quantiles, or a distribution, each made of a network's outputs.

| output | the network outputs | loss of a value y |
|---|---|---|
| squared, absolute | the value | (y - value)^2, abs(y - value) |
| quantile | the median and steps from it | twice the pinball loss (Koenker and Bassett, 1978), averaged over levels |
| gaussian | mean, scale | -log p(y) |
| student | location, scale, degrees of freedom | -log p(y) |
| negative-binomial | mean, dispersion | -log p(y) |

Arrays have any number of axes. The last axis of `raw` holds the parameters; quantiles and samples lie on a last axis.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.scipy.special import betainc, gammaln, ndtri, xlog1py, xlogy
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import one_of
from elman._module import Module
from elman.ops.student import student_quantile

OutputName = Literal["squared", "absolute", "quantile", "gaussian", "student", "negative-binomial"]

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
"""The levels of the quantiles that a network learns, the median in the middle."""

LEAST_SCALE = 1e-3
"""The least scale of a distribution, in the network's units: a narrower one would make single values all-important."""

_Values = Float[Array, "*batch"]


class Distribution(Module):
    """Base class of forecasts: a distribution of the value to come, for each place of a batch."""

    @property
    @abstractmethod
    def centre(self) -> _Values:
        """The forecast as one number: the one of least expected loss, and for distributions the mean."""

    @property
    @abstractmethod
    def spread(self) -> _Values:
        """The uncertainty of the forecast: 1 for a number alone, else like a standard deviation."""

    @abstractmethod
    def loss(self, values: _Values) -> _Values:
        """The loss of each value; in nats for distributions."""

    @abstractmethod
    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The value below which a share of `levels` lies, each in (0, 1)."""

    @abstractmethod
    def sample(self, key: PRNGKeyArray) -> _Values:
        """A draw for each place."""

    @abstractmethod
    def rescale(self, shift: _Values, scale: _Values) -> Distribution:
        """The distribution of shift + scale x, for a positive scale."""


class Point(Distribution):
    """A number alone, without a measure of its uncertainty.

    >>> forecast = Point(jnp.array([1.0]), "absolute")
    >>> forecast.loss(jnp.array([3.0])).tolist(), forecast.quantile(jnp.array([0.1, 0.9])).tolist()
    ([2.0], [[1.0, 1.0]])
    """

    value: _Values
    kind: str = eqx.field(static=True)

    @property
    def centre(self) -> _Values:
        """The number."""
        return self.value

    @property
    def spread(self) -> _Values:
        """1, since a number alone does not state its uncertainty."""
        return jnp.ones_like(self.value)

    def loss(self, values: _Values) -> _Values:
        """The squared or the absolute error."""
        error = values - self.value
        return error**2 if self.kind == "squared" else jnp.abs(error)

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The number at every level."""
        return jnp.broadcast_to(self.value[..., None], (*self.value.shape, len(levels)))

    def sample(self, key: PRNGKeyArray) -> _Values:
        """The number."""
        return self.value

    def rescale(self, shift: _Values, scale: _Values) -> Point:
        """The number, scaled and shifted."""
        return Point(shift + scale * self.value, self.kind)


class Quantiles(Distribution):
    """The quantiles at `LEVELS`. Between these levels and beyond both ends, they are linear in the quantiles of the
    normal distribution.

    >>> normal = Quantiles(ndtri(jnp.array(LEVELS)))
    >>> [f"{value:.2f}" for value in normal.quantile(jnp.array([0.6, 0.15, 0.99]))]
    ['0.25', '-1.04', '2.33']
    """

    values: Float[Array, "*batch level"]

    @property
    def centre(self) -> _Values:
        """The median."""
        return self.values[..., len(LEVELS) // 2]

    @property
    def spread(self) -> _Values:
        """The distance between the quantiles at 0.1 and 0.9, divided by that of the standard normal distribution."""
        low, high = LEVELS.index(0.1), LEVELS.index(0.9)
        return jnp.maximum((self.values[..., high] - self.values[..., low]) / 2.5631031, LEAST_SCALE)

    def loss(self, values: _Values) -> _Values:
        """The pinball loss 2 (level - [y < q]) (y - q), averaged over the levels."""
        return self.losses(values).mean(axis=-1)

    def losses(self, values: _Values) -> Float[Array, "*batch level"]:
        """The pinball loss of each level."""
        error, levels = values[..., None] - self.values, jnp.array(LEVELS)
        return 2 * jnp.maximum(levels * error, (levels - 1) * error)

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The quantiles at any levels."""
        return self._at(jnp.broadcast_to(levels, (*self.values.shape[:-1], len(levels))))

    def sample(self, key: PRNGKeyArray) -> _Values:
        """The quantile at a level drawn at random."""
        shares = jr.uniform(key, (*self.values.shape[:-1], 1), self.values.dtype, 1e-6, 1 - 1e-6)
        return self._at(shares)[..., 0]

    def rescale(self, shift: _Values, scale: _Values) -> Quantiles:
        """The quantiles, scaled and shifted."""
        return Quantiles(shift[..., None] + scale[..., None] * self.values)

    def _at(self, shares: Float[Array, "*batch some"]) -> Float[Array, "*batch some"]:
        knots, wanted = ndtri(jnp.array(LEVELS, self.values.dtype)), ndtri(shares)
        segment = jnp.clip(jnp.searchsorted(knots, wanted) - 1, 0, len(LEVELS) - 2)
        low, high = (jnp.take_along_axis(self.values, segment + side, axis=-1) for side in (0, 1))
        return low + (high - low) * (wanted - knots[segment]) / (knots[segment + 1] - knots[segment])


class Gaussian(Distribution):
    """The normal distribution.

    >>> [f"{value:.2f}" for value in Gaussian(jnp.array(2.0), jnp.array(3.0)).quantile(jnp.array([0.5, 0.975]))]
    ['2.00', '7.88']
    """

    mean: _Values
    scale: _Values

    @property
    def centre(self) -> _Values:
        """The mean."""
        return self.mean

    @property
    def spread(self) -> _Values:
        """The standard deviation."""
        return self.scale

    def loss(self, values: _Values) -> _Values:
        """The negative log-likelihood -log p(y)."""
        return 0.5 * ((values - self.mean) / self.scale) ** 2 + jnp.log(self.scale) + 0.5 * math.log(2 * math.pi)

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The quantiles mean + scale z."""
        return self.mean[..., None] + self.scale[..., None] * ndtri(levels)

    def sample(self, key: PRNGKeyArray) -> _Values:
        """A draw for each place."""
        return self.mean + self.scale * jr.normal(key, self.mean.shape, self.mean.dtype)

    def rescale(self, shift: _Values, scale: _Values) -> Gaussian:
        """The normal distribution, scaled and shifted."""
        return Gaussian(shift + scale * self.mean, scale * self.scale)


class StudentT(Distribution):
    """Student's t distribution, scaled and shifted; fewer degrees of freedom mean heavier tails.

    >>> forecast = StudentT(jnp.array(0.0), jnp.array(1.0), jnp.array(5.0))
    >>> [f"{value:.3f}" for value in forecast.quantile(jnp.array([0.5, 0.975]))]
    ['0.000', '2.571']
    """

    location: _Values
    scale: _Values
    freedom: _Values

    @property
    def centre(self) -> _Values:
        """The mean."""
        return self.location

    @property
    def spread(self) -> _Values:
        """The scale."""
        return self.scale

    def loss(self, values: _Values) -> _Values:
        """The negative log-likelihood -log p(y)."""
        n, z = self.freedom, (values - self.location) / self.scale
        constant = gammaln(n / 2) - gammaln((n + 1) / 2) + 0.5 * jnp.log(n * math.pi)
        return constant + jnp.log(self.scale) + (n + 1) / 2 * jnp.log1p(z**2 / n)

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The quantiles by `student_quantile`."""
        return self.location[..., None] + self.scale[..., None] * student_quantile(levels, self.freedom[..., None])

    def sample(self, key: PRNGKeyArray) -> _Values:
        """A draw for each place."""
        return self.location + self.scale * jr.t(key, self.freedom, self.location.shape, self.location.dtype)

    def rescale(self, shift: _Values, scale: _Values) -> StudentT:
        """The t distribution, scaled and shifted, with the same degrees of freedom."""
        return StudentT(shift + scale * self.location, scale * self.scale, self.freedom)


class NegativeBinomial(Distribution):
    """The negative binomial distribution of counts, of variance mean + dispersion mean^2. The network works in units of
    `unit` counts, so that series of any size look alike; values and quantiles are in these units too.

    >>> forecast = NegativeBinomial(jnp.array(3.0), jnp.array(0.5), jnp.array(1.0))
    >>> forecast.quantile(jnp.array([0.1, 0.5, 0.9])).tolist()
    [0.0, 2.0, 7.0]
    """

    mean: _Values
    """The mean, in counts."""
    dispersion: _Values
    unit: _Values

    @property
    def centre(self) -> _Values:
        """The mean."""
        return self.mean / self.unit

    @property
    def spread(self) -> _Values:
        """The standard deviation."""
        return jnp.sqrt(self.mean + self.dispersion * self.mean**2) / self.unit

    def loss(self, values: _Values) -> _Values:
        """The negative log-likelihood -log p(y) of the nearest count."""
        y, r = jnp.round(values * self.unit), 1 / self.dispersion
        share = self.mean / (r + self.mean)
        return -(gammaln(y + r) - gammaln(r) - gammaln(y + 1) + xlog1py(r, -share) + xlogy(y, share))

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The least count whose distribution function reaches the level, by bisection."""
        mean, dispersion = self.mean[..., None], self.dispersion[..., None]
        # Cantelli's inequality bounds every quantile.
        bound = mean + jnp.sqrt((mean + dispersion * mean**2) * levels / (1 - levels))
        r = 1 / dispersion

        def halved(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            below, above = ends
            middle = jnp.floor((below + above) / 2)
            reached = betainc(r, middle + 1, r / (r + mean)) >= levels
            return jnp.where(reached, below, middle), jnp.where(reached, middle, above)

        _, least = jax.lax.fori_loop(0, 32, halved, (jnp.full_like(bound, -1.0), jnp.ceil(bound)))
        return least / self.unit[..., None]

    def sample(self, key: PRNGKeyArray) -> _Values:
        """A Poisson count whose mean is drawn from a gamma distribution."""
        gamma_key, poisson_key = jr.split(key)
        r = 1 / self.dispersion
        means = jr.gamma(gamma_key, r, dtype=self.mean.dtype) * self.mean / r
        return jr.poisson(poisson_key, means).astype(self.mean.dtype) / self.unit

    def rescale(self, shift: _Values, scale: _Values) -> NegativeBinomial:
        """The same counts in other units; a count is not shifted."""
        return NegativeBinomial(self.mean, self.dispersion, self.unit / scale)


class Samples(Distribution):
    """Draws on the last axis, from a distribution without a formula; made by simulation, not learned.

    >>> Samples(jnp.arange(5.0)).quantile(jnp.array([0.5, 1.0])).tolist()
    [2.0, 4.0]
    """

    values: Float[Array, "*batch draw"]

    @property
    def centre(self) -> _Values:
        """The mean."""
        return self.values.mean(axis=-1)

    @property
    def spread(self) -> _Values:
        """The standard deviation."""
        return jnp.maximum(self.values.std(axis=-1), LEAST_SCALE)

    def loss(self, values: _Values) -> _Values:
        """The continuous ranked probability score, E|X - y| - E|X - X'| / 2."""
        ordered, count = jnp.sort(self.values, axis=-1), self.values.shape[-1]
        weights = (2 * jnp.arange(1, count + 1) - count - 1) / count**2
        return jnp.abs(self.values - values[..., None]).mean(axis=-1) - (ordered * weights).sum(axis=-1)

    def quantile(self, levels: Float[Array, " level"]) -> Float[Array, "*batch level"]:
        """The quantiles of the draws."""
        return jnp.moveaxis(jnp.quantile(self.values, levels, axis=-1), 0, -1)

    def sample(self, key: PRNGKeyArray) -> _Values:
        """One of the draws."""
        place = jr.randint(key, (*self.values.shape[:-1], 1), 0, self.values.shape[-1])
        return jnp.take_along_axis(self.values, place, axis=-1)[..., 0]

    def rescale(self, shift: _Values, scale: _Values) -> Samples:
        """The draws, scaled and shifted."""
        return Samples(shift[..., None] + scale[..., None] * self.values)


def parameters(output: OutputName) -> int:
    """The number of outputs that a network needs for each value to forecast.

    >>> parameters("gaussian"), parameters("quantile")
    (2, 13)

    Raises:
        ConfigError: an unknown output.
    """
    one_of("output", output, get_args(OutputName))
    return {"quantile": len(LEVELS), "gaussian": 2, "student": 3, "negative-binomial": 2}.get(output, 1)


def distribution(
    output: OutputName, raw: Float[Array, "*batch parameter"], *, unit: Float[Array, "*batch"] | None = None
) -> Distribution:
    """The distribution described by a network's outputs; any numbers describe one.

    Args:
        output: the kind of distribution.
        raw: `parameters(output)` numbers for each value.
        unit: for counts, the number of counts that is 1 to the network; 1 for None.

    >>> forecast = distribution("student", jnp.zeros((4, 3)))
    >>> forecast.location.shape, round(float(forecast.freedom[0]), 2)
    ((4,), 2.69)
    """
    first, *others = jnp.moveaxis(raw, -1, 0)
    positive = [jax.nn.softplus(each) + LEAST_SCALE for each in others]
    match output:
        case "quantile":
            half = len(LEVELS) // 2
            steps = jnp.cumsum(jax.nn.softplus(raw[..., 1:].reshape(*raw.shape[:-1], 2, half)), axis=-1)
            below, above = first[..., None] - steps[..., 0, ::-1], first[..., None] + steps[..., 1, :]
            return Quantiles(jnp.concatenate([below, first[..., None], above], axis=-1))
        case "gaussian":
            return Gaussian(first, positive[0])
        case "student":
            return StudentT(first, positive[0], 2 + jax.nn.softplus(others[1]))
        case "negative-binomial":
            unit = jnp.ones_like(first) if unit is None else unit
            return NegativeBinomial((jax.nn.softplus(first) + 1e-6) * unit, positive[0], unit)
        case _:
            return Point(first, output)
