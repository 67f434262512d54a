"""Joint probabilities of leads that were recorded together: their geometric mean, a logarithmic opinion pool (Genest
and Zidek, 1986), in which a confident lead counts more than an uncertain one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

LEAST = 1e-4
"""Least probability of a label in a lead, so that no lead alone rules a label out."""


def join_leads(
    probabilities: Float[np.ndarray, "lead time label"], sound: Bool[np.ndarray, "lead time"]
) -> Float[np.ndarray, "time label"]:
    """The joint probabilities of all sound leads; where no lead is sound, the first label has probability 1.

    >>> leads = np.array([[[0.01, 0.99], [0.5, 0.5]], [[0.8, 0.2], [0.5, 0.5]]])
    >>> join_leads(leads, np.ones((2, 2), bool)).round(2).tolist()
    [[0.17, 0.83], [0.5, 0.5]]
    >>> join_leads(leads, np.array([[True, False], [False, False]])).round(2).tolist()
    [[0.01, 0.99], [1.0, 0.0]]
    """
    weights = sound / np.maximum(sound.sum(axis=0), 1)
    together = np.exp((np.log(np.maximum(probabilities, LEAST)) * weights[..., None]).sum(axis=0))
    together /= together.sum(axis=-1, keepdims=True)
    together[~sound.any(axis=0)] = np.arange(probabilities.shape[-1]) == 0
    return together
