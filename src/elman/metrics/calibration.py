"""The calibration of probabilities, and a temperature that improves it (Guo et al., 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman._show import Shown
from elman.metrics.classification import check_examples, log_softmax, negative_log_likelihood

TEMPERATURES = (0.01, 100.0)
"""The range of temperatures that are searched."""

SPREAD = math.log(2)
"""Standard deviation of the prior on log T."""


@dataclass(frozen=True)
class Bin(Shown):
    """The predictions of similar confidence: their number, mean confidence and accuracy."""

    count: int
    confidence: float
    accuracy: float


def reliability(
    probabilities: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"], *, bins: int = 15
) -> tuple[Bin, ...]:
    """Groups predictions by confidence, the probability of the most likely class, into `bins` bins of equal width from
    0 to 1, each without its lower bound; empty ones are left out.

    >>> reliability(np.array([[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]]), np.array([0, 0, 0]), bins=2)
    (Bin(count=1, confidence=0.5, accuracy=1.0), Bin(count=2, confidence=0.875, accuracy=0.5))

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    check_examples(probabilities, truth)
    return reliability_of(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth, bins=bins)


def reliability_of(
    confidence: Float[np.ndarray, " example"], right: Bool[np.ndarray, " example"], *, bins: int = 15
) -> tuple[Bin, ...]:
    """Groups predictions by confidence as `reliability` does.

    >>> reliability_of(np.array([0.75, 1.0, 0.5]), np.array([True, False, True]), bins=2)
    (Bin(count=1, confidence=0.5, accuracy=1.0), Bin(count=2, confidence=0.875, accuracy=0.5))
    """
    confidence = confidence.astype(np.float64)
    place = np.ceil(confidence * bins).astype(int).clip(1, bins)
    return tuple(_bin(confidence[place == i], right[place == i]) for i in range(1, bins + 1) if (place == i).any())


def expected_calibration_error(
    probabilities: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"], *, bins: int = 15
) -> float:
    """The mean distance between confidence and accuracy over bins of equal width, weighted by their counts.

    >>> round(expected_calibration_error(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]), bins=10), 6)
    0.45

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    return error_of(reliability(probabilities, truth, bins=bins))


def error_of(bins: Sequence[Bin]) -> float:
    """The mean distance between confidence and accuracy over bins, weighted by their counts.

    >>> error_of([Bin(3, 0.5, 0.75), Bin(1, 0.5, 0.5)])
    0.1875
    """
    return sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / sum(part.count for part in bins)


def fit_temperature(logits: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"]) -> float:
    """The temperature T at which softmax(logits / T) has the least cross-entropy.

    A normal prior on log T puts T at 1 up to a factor of about 2, so that a few right examples do not make the model
    certain, nor a few wrong ones uniform. With many examples the prior does not matter.

    >>> logits = np.array([[4.0, 0.0]] * 900 + [[0.0, 4.0]] * 100)  # 98% sure, 90% right
    >>> temperature = fit_temperature(logits, np.zeros(1000, int))
    >>> round(temperature, 2), apply_temperature(logits[:1], temperature).round(2).tolist()
    (1.82, [[0.9, 0.1]])

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    check_examples(logits, truth)

    def surprise(log_temperature: float) -> float:
        nats = len(truth) * negative_log_likelihood(logits / math.exp(log_temperature), truth)
        return nats + (log_temperature / SPREAD) ** 2 / 2

    grid = np.linspace(math.log(TEMPERATURES[0]), math.log(TEMPERATURES[1]), 25).tolist()
    best = int(np.argmin([surprise(place) for place in grid]))
    return math.exp(_least(surprise, grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]))


def apply_temperature(
    logits: Float[np.ndarray, "example classes"], temperature: float
) -> Float[np.ndarray, "example classes"]:
    """The probabilities at `temperature`.

    >>> apply_temperature(np.log(np.array([[0.8, 0.2]])), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    return np.exp(log_softmax(logits / temperature))


def _bin(confidence: Float[np.ndarray, " part"], right: Bool[np.ndarray, " part"]) -> Bin:
    return Bin(len(right), float(confidence.mean()), float(right.mean()))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """The argument between `low` and `high` that minimises `function`, by golden section (Kiefer, 1953)."""
    golden = (math.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-5:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = function(right)
    return (low + high) / 2
