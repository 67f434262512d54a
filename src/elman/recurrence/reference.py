"""The reference engine: Elman, GRU and LSTM in NumPy, with back-propagation through time derived by hand.

Forward, step t computes the state after it from the state before it and its input, and keeps every gate. Backward
(Werbos, 1990), the loop visits the steps from last to first and carries `d`, the gradient of the loss by the state
after step t: the gradient from all later steps plus dy_t from the step's own output. With a = x W + h U + b, the input
of a non-linearity, and da the gradient of the loss by it, each step does this:

    da = d * derivative of the non-linearity
    dx_t = da W^T        dh_{t-1} = da U^T
    dW += x_t^T da       dU += h_{t-1}^T da       db += da

Rows are sequences, so h^T da is the outer product of state and gradient, summed over the batch. The NumPy network of
the lessons that elman grew from never learned: its dU was the inner product h . da, a single number, and it changed the
weights inside the backward loop, with a learning rate of 1e-5. Here they stay as they are until the loop is done.

Everything is float64, and nothing here needs JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman._errors import ConfigError, ShapeError
from elman._types import Padding

Arrays = Mapping[str, np.ndarray]
"""Weights, or their gradients, by name: `kernel` is W, `recurrent_kernel` U, `bias` b; gates lie side by side."""

Rows = Float[np.ndarray, "batch feature"]
Units = Float[np.ndarray, "batch hidden"]

State = Mapping[str, Units]
"""The state that passes from step to step, by name: h, and c for an LSTM. `d` holds the gradient of the loss by it."""


class Equations(NamedTuple):
    """A cell as two functions of one step. Replace one to see the effect of a fault in it.

    - `step(weights, before, x)` returns the state after the step and its gates, by name.
    - `step_backward(weights, before, x, now, d)` returns the gradients by the weights, by x and by `before`, from
      `now`, the result of `step`, and `d`, the gradient by the state after the step.

    >>> weights = {"kernel": np.ones((1, 1)), "recurrent_kernel": np.ones((1, 1)), "bias": np.zeros(1)}
    >>> ELMAN_RELU.step(weights, {"h": np.array([[2.0]])}, np.array([[3.0]]))
    {'h': array([[5.]])}
    """

    step: Callable[..., Any]
    step_backward: Callable[..., Any]
    gates: int = 1
    weights: tuple[str, ...] = ("kernel", "recurrent_kernel", "bias")
    state: tuple[str, ...] = ("h",)


def _sigmoid(x: Units) -> Units:
    return 0.5 * np.tanh(0.5 * x) + 0.5  # equals 1 / (1 + exp(-x)), where exp could overflow


def _through_kernels(
    w: Arrays, h: Units, x: Rows, da: Float[np.ndarray, "batch gates"], du: Float[np.ndarray, "batch gates"]
) -> tuple[dict[str, np.ndarray], Rows, Units]:
    """Gradients by the weights, x and h, from `da` by x W + b and `du` by h U; if the two are just added, da = du."""
    dw = {"kernel": x.T @ da, "recurrent_kernel": h.T @ du, "bias": da.sum(0)}
    return dw, da @ w["kernel"].T, du @ w["recurrent_kernel"].T


# Elman (1990): h = phi(x W + h U + b)


def _elman_step(phi: Callable, w: Arrays, before: State, x: Rows) -> State:
    return {"h": phi(x @ w["kernel"] + before["h"] @ w["recurrent_kernel"] + w["bias"])}


def _elman_backward(
    slope: Callable, w: Arrays, before: State, x: Rows, now: State, d: State
) -> tuple[Arrays, Rows, State]:
    da = d["h"] * slope(now["h"])
    dw, dx, dh = _through_kernels(w, before["h"], x, da, da)
    return dw, dx, {"h": dh}


# The derivative of each phi, as a function of its value h.
ELMAN = Equations(partial(_elman_step, np.tanh), partial(_elman_backward, lambda h: 1 - h**2))
"""The simple recurrent network with phi = tanh."""
ELMAN_RELU = Equations(
    partial(_elman_step, lambda a: np.maximum(a, 0)), partial(_elman_backward, lambda h: np.where(h > 0, 1.0, 0.0))
)
"""The simple recurrent network with phi = relu."""


# GRU, Cho et al. (2014), with the reset after the product


def _gru_step(w: Arrays, before: State, x: Rows) -> State:
    h = before["h"]
    a_r, a_z, a_n = np.split(x @ w["kernel"] + w["bias"], 3, axis=-1)
    u_r, u_z, u_n = np.split(h @ w["recurrent_kernel"], 3, axis=-1)
    r, z = _sigmoid(a_r + u_r), _sigmoid(a_z + u_z)
    n = np.tanh(a_n + r * (u_n + w["recurrent_bias"]))
    h = (1 - z) * n + z * h
    return {"h": h, "r": r, "z": z, "n": n}


def _gru_backward(w: Arrays, before: State, x: Rows, now: State, d: State) -> tuple[Arrays, Rows, State]:
    h, dh, r, z, n = before["h"], d["h"], now["r"], now["z"], now["n"]
    u_n = np.split(h @ w["recurrent_kernel"], 3, axis=-1)[2] + w["recurrent_bias"]
    # h_t = (1 - z) n + z h
    dn, dz, dh_kept = dh * (1 - z), dh * (h - n), dh * z
    # n = tanh(a_n + r u_n)
    da_n = dn * (1 - n**2)
    dr, du_n = da_n * u_n, da_n * r
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)

    da, du = np.concatenate([da_r, da_z, da_n], axis=-1), np.concatenate([da_r, da_z, du_n], axis=-1)
    dw, dx, dh_recurrent = _through_kernels(w, h, x, da, du)
    return {**dw, "recurrent_bias": du_n.sum(0)}, dx, {"h": dh_kept + dh_recurrent}


GRU = Equations(_gru_step, _gru_backward, gates=3, weights=("kernel", "recurrent_kernel", "bias", "recurrent_bias"))
"""The gated recurrent unit: gates r, z, n. It also has `recurrent_bias`, for the candidate's recurrent part."""


# LSTM, Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)


def _lstm_step(w: Arrays, before: State, x: Rows) -> State:
    a_i, a_f, a_g, a_o = np.split(x @ w["kernel"] + before["h"] @ w["recurrent_kernel"] + w["bias"], 4, axis=-1)
    i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g), _sigmoid(a_o)
    c = f * before["c"] + i * g
    h = o * np.tanh(c)
    return {"h": h, "c": c, "i": i, "f": f, "g": g, "o": o}


def _lstm_backward(w: Arrays, before: State, x: Rows, now: State, d: State) -> tuple[Arrays, Rows, State]:
    i, f, g, o, tanh_c = now["i"], now["f"], now["g"], now["o"], np.tanh(now["c"])
    # h = o tanh(c): c feeds h and the next step
    do = d["h"] * tanh_c
    dc = d["c"] + d["h"] * o * (1 - tanh_c**2)
    # c = f c_{t-1} + i g
    di, df, dg, dc_before = dc * g, dc * before["c"], dc * i, dc * f

    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=-1)
    dw, dx, dh_before = _through_kernels(w, before["h"], x, da, da)
    return dw, dx, {"h": dh_before, "c": dc_before}


LSTM = Equations(_lstm_step, _lstm_backward, gates=4, state=("h", "c"))
"""Long short-term memory: gates i, f, g, o; the state is h, the output, and c, the cell state."""


# The loop over time, the same for all cells


class Pass(NamedTuple):
    """The result of `forward`, with all that `backward` needs.

    `taps` holds the state after each step and every gate, by name; a padded step keeps the state and its gates are
    zero. `befores` holds the state before each step.
    """

    carry: dict[str, Units]
    ys: Float[np.ndarray, "batch time hidden"]
    taps: dict[str, Float[np.ndarray, "batch time hidden"]]
    befores: dict[str, Float[np.ndarray, "batch time hidden"]]
    equations: Equations
    weights: dict[str, np.ndarray]
    xs: Float[np.ndarray, "batch time feature"]
    valid: Bool[np.ndarray, "batch time"]
    resets: Bool[np.ndarray, "batch time"]
    order: range


class Gradients(NamedTuple):
    """The gradients of the loss by the inputs of `forward`. `start` is summed over the uses of the start state: at
    resets, and at the beginning if no carry was passed; `carry` is then zero.
    """

    weights: dict[str, np.ndarray]
    xs: Float[np.ndarray, "batch time feature"]
    carry: dict[str, Units]
    start: dict[str, Float[np.ndarray, " hidden"]]


def forward(
    equations: Equations,
    weights: Arrays,
    xs: Float[np.ndarray, "batch time feature"],
    carry: State | None = None,
    *,
    start: Mapping[str, Float[np.ndarray, " hidden"]] | None = None,
    lengths: Integer[np.ndarray, " batch"] | None = None,
    padding: Padding = "right",
    resets: Bool[np.ndarray, "batch time"] | None = None,
    reverse: bool = False,
) -> Pass:
    """Runs a cell along time.

    Args:
        equations: `ELMAN`, `ELMAN_RELU`, `GRU` or `LSTM`.
        weights: `kernel` (feature, gates * hidden), `recurrent_kernel` (hidden, gates * hidden), `bias`
            (gates * hidden,), and for the GRU `recurrent_bias` (hidden,).
        xs: inputs.
        carry: the state to continue from; None begins with a reset.
        start: the state that a reset returns to; None is zero.
        lengths: real steps of each sequence, 0 to time. Padded steps keep the state and output zeros.
        padding: the side of a sequence that its padding is on.
        resets: True restarts the state from `start` before that step; at padding it does nothing.
        reverse: runs from the last step to the first; outputs keep their places.

    Raises:
        ShapeError: arrays that do not fit the cell or each other, or lengths outside 0 to time.
        ConfigError: a padding that is neither right nor left.

    >>> weights = {"kernel": np.ones((1, 1)), "recurrent_kernel": np.ones((1, 1)), "bias": np.zeros(1)}
    >>> xs = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [9.0]]])
    >>> run = forward(ELMAN_RELU, weights, xs, lengths=np.array([3, 2]))
    >>> run.ys[..., 0], run.carry["h"][:, 0]
    (array([[1., 3., 6.],
           [4., 9., 0.]]), array([6., 9.]))
    """
    xs, weights, hidden = _checked(equations, weights, xs)
    batch, time, _ = xs.shape
    order = range(time)[::-1] if reverse else range(time)
    valid = _valid(lengths, padding, (batch, time))
    xs = np.where(valid[..., None], xs, 0.0)  # padding may hold anything, even nan
    resets = np.zeros((batch, time), bool) if resets is None else np.array(resets, bool)
    _expect("resets", resets.shape, (batch, time))
    resets &= valid
    if carry is None:
        resets[:, order[0]] = True
    start = _state("start", equations, start, (hidden,))
    carry = _state("carry", equations, carry, (batch, hidden))

    befores: list[State] = [{}] * time
    nows: list[State] = [{}] * time
    for t in order:
        before = _choose(resets[:, t], start, carry)
        now = equations.step(weights, before, xs[:, t])
        now = _choose(valid[:, t], now, {name: before.get(name, 0.0) for name in now})
        carry = {name: now[name] for name in equations.state}
        befores[t], nows[t] = before, now

    taps = _stack(nows)
    ys = np.where(valid[..., None], taps["h"], 0.0)
    return Pass(carry, ys, taps, _stack(befores), equations, weights, xs, valid, resets, order)


def backward(
    run: Pass, dys: Float[np.ndarray, "batch time hidden"] | None = None, dcarry: State | None = None
) -> Gradients:
    """Back-propagation through time: from the gradients of the loss by the outputs and the last carry to those by all
    inputs of `forward`. None stands for zeros. Gradients do not cross a reset, and `dys` at padding is ignored.

    Raises:
        ShapeError: gradients that do not have the shapes of `run.ys` and `run.carry`.

    >>> weights = {"kernel": np.ones((1, 1)), "recurrent_kernel": np.full((1, 1), 0.5), "bias": np.zeros(1)}
    >>> run = forward(ELMAN_RELU, weights, np.ones((1, 3, 1)))
    >>> backward(run, dcarry={"h": np.ones((1, 1))}).xs[0, :, 0]
    array([0.25, 0.5 , 1.  ])
    """
    equations = run.equations
    dys = np.zeros_like(run.ys) if dys is None else np.asarray(dys, np.float64)
    _expect("dys", dys.shape, run.ys.shape)
    d = _state("dcarry", equations, dcarry, run.carry["h"].shape)
    dweights = {name: np.zeros_like(weight) for name, weight in run.weights.items()}
    dxs = np.zeros_like(run.xs)
    dstart = {name: np.zeros(run.ys.shape[-1]) for name in equations.state}
    nothing = dict.fromkeys(equations.state, 0.0)

    for t in reversed(run.order):
        before, now = ({name: a[:, t] for name, a in arrays.items()} for arrays in (run.befores, run.taps))
        through = _choose(run.valid[:, t], {**d, "h": d["h"] + dys[:, t]}, nothing)
        past = _choose(run.valid[:, t], nothing, d)  # a padded step kept the state
        shares, dxs[:, t], by_before = equations.step_backward(run.weights, before, run.xs[:, t], now, through)
        for name, share in shares.items():
            dweights[name] += share
        d = {name: by_before[name] + past[name] for name in equations.state}

        to_start = _choose(run.resets[:, t], d, nothing)
        dstart = {name: dstart[name] + to_start[name].sum(0) for name in equations.state}
        d = _choose(run.resets[:, t], nothing, d)

    return Gradients(dweights, dxs, d, dstart)


# The loss, and learning


def softmax(logits: Float[np.ndarray, "*batch vocab"]) -> Float[np.ndarray, "*batch vocab"]:
    """The probabilities exp(logits), normalised to sum to 1.

    >>> softmax(np.array([0.2, 0.7, 0.1])).round(4)
    array([0.2814, 0.464 , 0.2546])
    """
    powers = np.exp(logits - logits.max(-1, keepdims=True))  # the shift cancels, and exp cannot overflow
    return powers / powers.sum(-1, keepdims=True)


def softmax_cross_entropy(
    logits: Float[np.ndarray, "batch time vocab"],
    targets: Integer[np.ndarray, "batch time"],
    mask: Bool[np.ndarray, "batch time"] | None = None,
) -> tuple[float, Float[np.ndarray, "batch time vocab"]]:
    """The loss -log p[target] in nats, p = softmax(logits), as the mean over real tokens; and its gradient by logits.

    By hand, with y = 1 at the target and 0 elsewhere: dL/dp = -y / p, and dp_j/dlogits_k = p_j ([j = k] - p_k), so
    dL/dlogits = p - y: the prediction minus the target. Tokens where `mask` is False are ignored; a batch without a
    real token has loss 0.

    Raises:
        ShapeError: arrays that do not fit each other, or a target that is no index of the logits.

    >>> loss, dlogits = softmax_cross_entropy(np.log([[[0.2, 0.7, 0.1]]]), np.array([[1]]))
    >>> round(loss, 12), dlogits.round(4)
    (0.356674943939, array([[[ 0.2, -0.3,  0.1]]]))
    """
    logits, mask = np.asarray(logits, np.float64), np.ones(targets.shape, bool) if mask is None else mask
    _expect("targets", targets.shape, logits.shape[:2])
    _expect("mask", mask.shape, logits.shape[:2])
    real, vocab = targets[mask], logits.shape[-1]
    if real.size and not 0 <= real.min() <= real.max() < vocab:
        raise ShapeError(f"targets: expected 0 to {vocab - 1}, places of the logits; got {real.min()} to {real.max()}")
    # log p by hand: far from the target p itself is rounded to 0, and has no logarithm.
    shifted = logits[mask] - logits[mask].max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y, count = np.eye(vocab)[real], max(real.size, 1)
    dlogits = np.zeros_like(logits)
    dlogits[mask] = (softmax(shifted) - y) / count
    return float(-log_p[y == 1].sum() / count), dlogits


def loss_and_gradients(
    equations: Equations,
    weights: Arrays,
    xs: Float[np.ndarray, "batch time feature"],
    targets: Integer[np.ndarray, "batch time"],
    carry: State | None = None,
    **how: Any,
) -> tuple[float, dict[str, np.ndarray], Pass]:
    """The loss of a network that predicts a token at every step (nats per token), its gradients by all weights, and the
    pass. Beside the cell's weights, `weights` holds the output layer's: logits = ys V + c, with V = `output_kernel`
    (hidden, vocab) and c = `output_bias` (vocab,). `carry` and `how` are as in `forward`, and so are the errors.

    >>> rng = np.random.default_rng(0)
    >>> shapes = {"kernel": (3, 4), "recurrent_kernel": (4, 4), "bias": 4, "output_kernel": (4, 3), "output_bias": 3}
    >>> weights = {name: rng.normal(scale=0.5, size=shape) for name, shape in shapes.items()}
    >>> tokens = np.array([[0, 1, 2, 2, 1, 0, 1, 2, 2, 1, 0]])
    >>> xs, targets = np.eye(3)[tokens[:, :-1]], tokens[:, 1:]
    >>> for _ in range(100):
    ...     loss, gradients, _ = loss_and_gradients(ELMAN, weights, xs, targets)
    ...     weights = {name: w - 0.5 * gradients[name] for name, w in weights.items()}
    >>> f"{loss:.2f} nats; a uniform guess has {np.log(3):.2f}"
    '0.02 nats; a uniform guess has 1.10'
    """
    _expect_names("weights", weights, (*equations.weights, "output_kernel", "output_bias"))
    run = forward(equations, {name: weights[name] for name in equations.weights}, xs, carry, **how)
    V, c = weights["output_kernel"], weights["output_bias"]
    loss, dlogits = softmax_cross_entropy(run.ys @ V + c, targets, run.valid)
    dV, dc = np.einsum("bth,btv->hv", run.ys, dlogits), dlogits.sum((0, 1))
    gradients = backward(run, dlogits @ V.T)
    return loss, {**gradients.weights, "output_kernel": dV, "output_bias": dc}, run


def gradient_check(
    function: Callable[[dict[str, np.ndarray]], float], arrays: Arrays, gradients: Arrays, *, nudge: float = 1e-5
) -> dict[str, float]:
    """The error of each gradient against central differences of `function`, by name: the largest difference, relative
    to the largest entry. The difference (f(w + nudge) - f(w - nudge)) / (2 nudge) needs two calls for each entry. Right
    gradients have an error of about 1e-8; above 1e-5 the gradient of that name is wrong.

    Raises:
        ShapeError: a gradient whose shape is not its array's.

    >>> w = {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}
    >>> loss = lambda w: float((w["a"] ** 2).sum() * w["b"][0])
    >>> errors = gradient_check(loss, w, {"a": 2 * w["a"] * w["b"], "b": np.array([4.0])})
    >>> [name for name, error in errors.items() if error > 1e-5]
    ['b']
    """
    errors = {}
    for name, gradient in gradients.items():
        array = np.array(arrays[name], np.float64)
        _expect(f"gradient by {name}", np.shape(gradient), array.shape)
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            move = np.zeros_like(array)
            move[place] = nudge
            up, down = function({**arrays, name: array + move}), function({**arrays, name: array - move})
            slope[place] = (up - down) / (2 * nudge)
        # Entries below 1e-3 are compared absolutely: relative to almost nothing, rounding would count.
        scale = max(np.abs(slope).max(initial=1e-3), np.abs(gradient).max(initial=0))
        errors[name] = float(np.abs(slope - gradient).max(initial=0) / scale)
    return errors


def _choose(rows: Bool[np.ndarray, " batch"], chosen: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`chosen` in the rows that are True, `other` in the rest."""
    return {name: np.where(rows[:, None], chosen[name], other[name]) for name in chosen}


def _stack(steps: list[State]) -> dict[str, Float[np.ndarray, "batch time hidden"]]:
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}


def _checked(equations: Equations, weights: Arrays, xs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """Inputs and copies of the weights in float64, and the number of hidden units."""
    xs = np.asarray(xs, np.float64)
    if xs.ndim != 3 or 0 in xs.shape[:2]:
        raise ShapeError(f"xs: expected (batch, time, feature), at least one sequence and one step; got {xs.shape}")
    _expect_names("weights", weights, equations.weights)
    arrays = {name: np.array(weights[name], np.float64) for name in equations.weights}
    hidden = len(arrays["recurrent_kernel"])
    feature, gates = xs.shape[-1], equations.gates * hidden
    shapes = {"kernel": (feature, gates), "recurrent_kernel": (hidden, gates), "bias": (gates,)}
    for name, array in arrays.items():
        _expect(name, array.shape, shapes.get(name, (hidden,)))
    return xs, arrays, hidden


def _state(
    what: str, equations: Equations, state: Mapping[str, np.ndarray] | None, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Checks `state` and converts it to float64; zeros for None."""
    state = dict.fromkeys(equations.state, np.zeros(shape)) if state is None else state
    _expect_names(what, state, equations.state)
    for name in equations.state:
        _expect(f"{what} {name}", state[name].shape, shape)
    return {name: np.asarray(state[name], np.float64) for name in equations.state}


def _valid(lengths: np.ndarray | None, padding: str, shape: tuple[int, int]) -> Bool[np.ndarray, "batch time"]:
    """The mask, True at real steps."""
    batch, time = shape
    if padding not in ("right", "left"):
        raise ConfigError(f"padding: expected 'right' or 'left'; got {padding!r}")
    lengths = np.full(batch, time) if lengths is None else np.asarray(lengths)
    _expect("lengths", lengths.shape, (batch,))
    if lengths.min() < 0 or lengths.max() > time:
        raise ShapeError(f"lengths: expected 0 to {time}, the steps of xs; got {lengths.min()} to {lengths.max()}")
    places = np.arange(time) if padding == "right" else np.arange(time)[::-1]
    return places < lengths[:, None]


def _expect(what: str, came: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(came) != tuple(expected):
        raise ShapeError(f"{what}: expected shape {tuple(expected)}; got {tuple(came)}")


def _expect_names(what: str, came: Iterable[str], expected: Iterable[str]) -> None:
    if set(came) != set(expected):
        raise ShapeError(f"{what}: expected {', '.join(expected)}; got {', '.join(came) or 'none'}")
