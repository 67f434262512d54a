"""Ridge regression: a linear readout in closed form (Hoerl and Kennard, 1970).

    W = (X^T X + penalty I)^-1 X^T Y

with X and Y centred, so that the bias is not penalised.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float

from elman._errors import ConfigError


def ridge(
    features: Float[Array | np.ndarray, "sample feature"],
    targets: Float[Array | np.ndarray, "sample target"],
    *,
    penalty: float,
) -> tuple[Float[np.ndarray, "feature target"], Float[np.ndarray, " target"]]:
    """The kernel and the bias that minimise |features kernel + bias - targets|^2 + penalty |kernel|^2, in float64
    whatever the samples are: X^T X squares the spread of their scales, which float32 does not survive.

    Raises:
        ConfigError: a penalty that is not above 0; without one, linearly dependent features have no unique solution.

    >>> kernel, bias = ridge(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]), penalty=1e-9)
    >>> kernel.round(6).tolist(), bias.round(6).tolist()
    ([[2.0]], [1.0])
    """
    if not penalty > 0:
        raise ConfigError(f"penalty: expected above 0; got {penalty}")
    x, y = np.asarray(features, np.float64), np.asarray(targets, np.float64)
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    kernel = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return kernel, y_mean - x_mean @ kernel
