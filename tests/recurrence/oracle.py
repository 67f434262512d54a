"""The cells as NumPy loops in float64, written from the papers' equations: the oracle of the engines."""

from typing import Any

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elman_step(cell, carry, x):
    h = x @ cell["kernel"] + carry["h"] @ cell["recurrent_kernel"] + cell["bias"]
    h = np.tanh(h) if cell["activation"] == "tanh" else np.maximum(h, 0)
    return {"h": h}, h


def gru_step(cell, carry, x):
    h, n = carry["h"], len(carry["h"])
    w, u, b = cell["kernel"], cell["recurrent_kernel"], cell["bias"]
    r = sigmoid(x @ w[:, :n] + h @ u[:, :n] + b[:n])
    z = sigmoid(x @ w[:, n : 2 * n] + h @ u[:, n : 2 * n] + b[n : 2 * n])
    candidate = np.tanh(x @ w[:, 2 * n :] + b[2 * n :] + r * (h @ u[:, 2 * n :] + cell["recurrent_bias"]))
    h = (1 - z) * candidate + z * h
    return {"h": h}, h


def lstm_step(cell, carry, x):
    n = len(carry["h"])
    a = x @ cell["kernel"] + carry["h"] @ cell["recurrent_kernel"] + cell["bias"]
    i, f, g, o = sigmoid(a[:n]), sigmoid(a[n : 2 * n]), np.tanh(a[2 * n : 3 * n]), sigmoid(a[3 * n :])
    c = f * carry["c"] + i * g
    h = o * np.tanh(c)
    return {"h": h, "c": c}, h


STEPS = {"Elman": elman_step, "GRU": gru_step, "LSTM": lstm_step}


def loop(cell, xs, *, lengths=None, resets=None, reverse=False):
    """The expected result of `unroll`: (carry, ys) of one batch, from zero states."""
    step, size = STEPS[type(cell).__name__], cell.hidden_size
    weights: dict[str, Any] = {
        name: np.asarray(value, np.float64) for name, value in vars(cell).items() if hasattr(value, "dtype")
    }
    weights["activation"] = getattr(cell, "activation", None)
    names = ("h", "c") if type(cell).__name__ == "LSTM" else ("h",)
    batch, time = xs.shape[:2]
    ys, carries = np.zeros((batch, time, size)), []
    for row in range(batch):
        carry = {name: np.zeros(size) for name in names}
        length = time if lengths is None else lengths[row]
        for t in reversed(range(length)) if reverse else range(length):
            if resets is not None and resets[row, t]:
                carry = {name: np.zeros(size) for name in names}
            carry, ys[row, t] = step(weights, carry, np.asarray(xs[row, t], np.float64))
        carries.append(carry)
    return {name: np.stack([carry[name] for carry in carries]) for name in names}, ys
