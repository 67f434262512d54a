"""Whether probabilities can be taken at their word, and a temperature that mends them (Guo et al., 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman.measures.classification import check_examples, log_softmax

TEMPERATURES = (0.01, 100.0)
"""The range of temperatures that are looked at."""


@dataclass(frozen=True)
class Bin:
    """The predictions of about one confidence: their number, mean confidence and the share of right ones."""

    count: int
    confidence: float
    accuracy: float


def reliability(
    probabilities: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"], *, bins: int = 15
) -> tuple[Bin, ...]:
    """Predictions by confidence, the probability of the likeliest class: `bins` of equal width from 0 to 1, each
    without its lower end; empty ones are left out.

    >>> reliability(np.array([[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]]), np.array([0, 0, 0]), bins=2)
    (Bin(count=1, confidence=0.5, accuracy=1.0), Bin(count=2, confidence=0.875, accuracy=0.5))
    """
    check_examples(probabilities, truth)
    confidence, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == truth
    place = np.ceil(confidence * bins).astype(int).clip(1, bins)
    return tuple(_bin(confidence[place == i], right[place == i]) for i in range(1, bins + 1) if (place == i).any())


def expected_calibration_error(
    probabilities: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"], *, bins: int = 15
) -> float:
    """The mean distance of confidence and accuracy over bins of equal width, weighted by their predictions.

    >>> round(expected_calibration_error(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]), bins=10), 6)
    0.45
    """
    table = reliability(probabilities, truth, bins=bins)
    return sum(part.count * abs(part.accuracy - part.confidence) for part in table) / len(truth)


def fit_temperature(logits: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"]) -> float:
    """The temperature T for which softmax(logits / T) fits the true classes best: the least cross-entropy, which is
    convex in 1 / T.

    The truth is smoothed after Platt (1999): with N examples of K classes, each has (N + 1) / (N + K) for its class and
    1 / (N + K) for every other, so that few examples that are all right do not ask for certainty. T is kept in
    `TEMPERATURES`; predictions that are no better than chance end at its upper bound, near equal probabilities.

    >>> logits = np.array([[4.0, 0.0]] * 90 + [[0.0, 4.0]] * 10)  # 98% sure, 90% right
    >>> temperature = fit_temperature(logits, np.zeros(100, int))
    >>> round(temperature, 2), np.round(np.exp(log_softmax(logits[:1] / temperature)), 2).tolist()
    (1.89, [[0.89, 0.11]])
    """
    check_examples(logits, truth)
    examples, classes = logits.shape
    expected = np.full(logits.shape, 1 / (examples + classes))
    expected[np.arange(examples), truth] += examples / (examples + classes)
    centred = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)

    def slope(inverse: float) -> float:
        """The derivative of the cross-entropy by 1 / T, which never falls."""
        return float(((np.exp(log_softmax(centred * inverse)) - expected) * centred).sum())

    if slope(1.0) == 0:  # equal logits say nothing about T
        return 1.0
    low, high = (-math.log(temperature) for temperature in reversed(TEMPERATURES))
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def scaled(logits: Float[np.ndarray, "example classes"], temperature: float) -> Float[np.ndarray, "example classes"]:
    """The probabilities at `temperature`.

    >>> scaled(np.log(np.array([[0.8, 0.2]])), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    return np.exp(log_softmax(logits / temperature))


def _bin(confidence: Float[np.ndarray, " part"], right: Bool[np.ndarray, " part"]) -> Bin:
    return Bin(len(right), float(confidence.mean()), float(right.mean()))
