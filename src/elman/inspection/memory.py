"""The memory of a trained cell: how far back its state depends on its earlier states, and how fast each unit forgets.

With s_t the whole state after step t (h and c of an LSTM), the Jacobian ds_t/ds_k tells what is left at t of a change
at k. It is a product of one factor for each step between them, so that it vanishes or explodes with the lag t - k
(Bengio, Simard and Frasconi, 1994; Pascanu, Mikolov and Bengio, 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from elman._errors import DataError
from elman._show import Shown
from elman._types import Carry
from elman.cells import Cell
from elman.inspection.watched import Call, as_numpy, named_states, own_steps, valid_steps, watch_examples
from elman.recurrence import scan, start_carry
from elman.recurrence.steps import Steps
from elman.tasks.fitted import Fitted

LONGEST = 200
"""The largest lag that is measured."""
BLOCK, ROUNDS, GAIN = 8, 16, 1e-3
"""The directions of the subspace iteration that finds a Jacobian's largest singular value, the most rounds of it, and
the share of the value below which what a round adds ends it. Long products need few rounds."""
VANISHED, EXPLODED = 1e-3, 1e3
"""The norms at the largest lag beyond which a memory counts as vanishing or exploding."""
MEASURED = 32
"""The steps over which a unit's retention is averaged."""

Verdict = Literal["vanishing", "exploding", "healthy"]

ADVICE: dict[Verdict, str] = {
    "vanishing": "an earlier step hardly changes the state: what lies further back is not learned. Gated cells (LSTM, "
    "GRU), a forget bias above 0, layer_norm or attention carry further; so does a shorter sequence",
    "exploding": "a small change grows with every step: training needs gradient clipping, a lower learning rate, or an "
    "orthogonal recurrent kernel",
    "healthy": "changes neither die out nor grow over these lags",
}


@dataclass(frozen=True)
class Memory(Shown):
    """The memory of one cell over the first example."""

    name: str
    kind: str
    lags: Int[np.ndarray, " lag"]
    """Steps between the two states: 1, 2, 4 and so on, and the largest that the example has."""
    norms: Float[np.ndarray, " lag"]
    """||ds_t/ds_k||, the largest singular value, with t the last step and k as many steps before it as the lag."""
    time_constants: dict[str, np.ndarray]
    """For each unit of each array of the state, the steps in which a change falls to 1/e by itself: -1 / ln r, where r
    is the mean of ds_i,t/ds_i,t-1; 0 where r <= 0, and infinite where r >= 1."""

    @property
    def verdict(self) -> Verdict:
        """The norm at the largest lag: "vanishing" below 1e-3, "exploding" above 1e3, else "healthy"."""
        last = self.norms[-1]
        return "vanishing" if last < VANISHED else "exploding" if not last <= EXPLODED else "healthy"

    @property
    def advice(self) -> str:
        """The meaning of the verdict, and what mends it."""
        return ADVICE[self.verdict]


def memory(fitted: Fitted[Any], inputs: Any, *, longest: int = LONGEST) -> tuple[Memory, ...]:
    """The memory of every cell of a model that reads two steps or more, over the first of some inputs.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        longest: the largest lag; lags are counted back from the last step.

    Raises:
        DataError: inputs that the model does not take, or of one step.

    >>> task = elman.LanguageModelling(cell=elman.Elman, hidden_size=8, num_layers=1, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> [cell] = memory(fitted, "hello world. hello world. hello")
    >>> cell.lags.tolist(), cell.norms.shape, cell.time_constants["h"].shape
    ([1, 2, 4, 8, 16, 29], (6,), (8,))
    """
    examples = fitted.examples(inputs)
    _, calls, kept = watch_examples(fitted, examples, _keep)
    own = (
        (call, cell, xs, own_steps(valid, call.steps(examples)), *states)
        for call, (cell, xs, valid, *states) in zip(calls, kept, strict=True)
    )
    cells = tuple(_memory(*one, longest=longest) for one in own if one[3].sum() > 1)
    if not cells:
        raise DataError("expected an input of at least 2 steps, between which a state can change")
    return cells


def _keep(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
    start = start_carry(cell, len(xs))
    last, ys, seen = scan.run(cell.core, xs, carry, start=start, steps=steps, wanted=("carry",))
    first, states = jax.tree.map(lambda leaf: leaf[0], (carry, seen["carry"]))
    return (last, ys), (cell.core, xs[0], valid_steps(xs, steps)[0], first, states)


def _memory(
    call: Call, cell: Cell, xs: Array, valid: np.ndarray, first: Carry, states: Carry, *, longest: int
) -> Memory:
    order = np.flatnonzero(valid)[:: -1 if call.reverse else 1]
    # The state before each step, in the order of reading.
    before = jax.tree.map(lambda one, all_: jnp.concatenate([one[None], all_[order[:-1]]]), first, states)
    kept = order[-longest - 1 :]
    begin = len(order) - len(kept)
    last = jax.tree.map(lambda leaf: leaf[begin:], before)
    lags = np.array([*(1 << np.arange((len(kept) - 2).bit_length())), len(kept) - 1])
    norms = _norms(cell, xs[kept], last, jnp.asarray(lags))
    measured = np.unique(np.linspace(0, len(order) - 1, MEASURED).round().astype(int))
    retention = _retention(cell, xs[order[measured]], jax.tree.map(lambda leaf: leaf[measured], before))
    constants = named_states(jax.tree.map(_time_constants, as_numpy(retention)))
    return Memory(call.name, call.kind, lags, np.asarray(norms), constants)


@jax.jit
def _norms(cell: Cell, xs: Array, before: Carry, lags: Array) -> Array:
    """The norms of the Jacobians of the last state by those after earlier steps: of products of one factor for each
    step, which acts on a block of directions without being formed."""
    flat, unravel = _flat(before)
    projected, steps = _projected(cell, xs), len(xs)

    def factor(step: Array) -> Any:
        """The step as a function of the state before it, and this state."""
        x = jax.tree.map(lambda leaf: leaf[step], projected)
        return lambda state: ravel_pytree(cell.step(unravel(state), x)[0])[0], flat[step]

    def forward(step: Array, directions: Array) -> Array:
        run, state = factor(step)
        return jax.vmap(lambda direction: jax.jvp(run, (state,), (direction,))[1])(directions)

    def back(count: Array, images: Array) -> Array:
        run, state = factor(steps - 1 - count)
        return jax.vmap(lambda image: jax.vjp(run, state)[1](image)[0])(images)

    def norm(lag: Array) -> Array:
        def measured(directions: Array) -> tuple[Array, Array]:
            images = jax.lax.fori_loop(steps - lag, steps, forward, directions)
            return images, jnp.linalg.svd(images, compute_uv=False)[0]

        def grows(rounds: tuple) -> Array:
            count, _, before, now = rounds
            return (now > (1 + GAIN) * before) & (count < ROUNDS)

        def improve(rounds: tuple) -> tuple:
            count, images, _, before = rounds
            directions = jnp.linalg.qr(jax.lax.fori_loop(0, lag, back, images).T)[0].T
            images, now = measured(directions)
            return count + 1, images, before, now

        random = jax.random.normal(jax.random.key(0), (flat.shape[1], min(BLOCK, flat.shape[1])))
        images, first = measured(jnp.linalg.qr(random)[0].T)
        return jax.lax.while_loop(grows, improve, (0, images, jnp.zeros_like(first), first))[3]

    return jax.lax.map(norm, lags)


@jax.jit
def _retention(cell: Cell, xs: Array, before: Carry) -> Carry:
    """The mean of ds_i,t/ds_i,t-1 over steps, of every unit. Each array of the state by itself: a gated state changes
    unit by unit, which costs no product with the recurrent weights."""

    def diagonals(state: Carry, x: Any) -> Carry:
        leaves, tree = jax.tree.flatten(state)

        def diagonal(place: int) -> Array:
            def step(leaf: Array) -> Array:
                given = tree.unflatten([*leaves[:place], leaf.reshape(leaves[place].shape), *leaves[place + 1 :]])
                return jax.tree.leaves(cell.step(given, x)[0])[place].ravel()

            return jnp.diag(jax.jacfwd(step)(leaves[place].ravel())).reshape(leaves[place].shape)

        return tree.unflatten([diagonal(place) for place in range(len(leaves))])

    each = jax.lax.map(lambda now: diagonals(*now), (before, _projected(cell, xs)))
    return jax.tree.map(lambda leaf: leaf.mean(0), each)


def _projected(cell: Cell, xs: Array) -> Any:
    """The inputs of the cell's steps."""
    return jax.tree.map(lambda leaf: leaf[:, 0], cell.project(xs[:, None]))


def _flat(states: Carry) -> tuple[Float[Array, "time unit"], Any]:
    """States as vectors, and the function that makes a state of a vector."""
    unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], states))[1]
    return jax.vmap(lambda state: ravel_pytree(state)[0])(states), unravel


def _time_constants(retention: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        constants = -1 / np.log(retention)
    return np.where(retention <= 0, 0.0, np.where(retention >= 1, np.inf, constants))
