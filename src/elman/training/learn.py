"""Training of your own network: any module and any loss, epoch by epoch, with nothing saved or printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from elman._errors import ConfigError, NonFiniteError
from elman._show import Shown
from elman.tasks.task import Batches


class Loss(Protocol):
    """A function that returns the loss summed over a batch with the number of its terms, and the next carry, as
    `Task.loss` does."""

    def __call__(self, model: Any, carry: Any, batch: Any, /, *, key: PRNGKeyArray) -> tuple[tuple[Any, Any], Any]: ...


@dataclass(frozen=True)
class Epoch(Shown):
    """The state of a training after an epoch."""

    number: int
    """The number of the epoch, counted from 1; it continues that of `after`."""
    loss: float
    """The mean loss over the epoch, each batch measured just before its update."""
    seconds: float
    model: Any
    carry: Any
    """The carry that the loss returned with the last batch."""
    optimiser_state: Any
    """The optimiser's state."""

    def __str__(self) -> str:
        return f"epoch {self.number}: loss {self.loss:.4f}, {self.seconds:.1f} s"


def learn(
    model: Any,
    loss: Loss,
    batches: Batches,
    *,
    epochs: int,
    carry: Any = (),
    optimiser: optax.GradientTransformation | None = None,
    seed: int = 0,
    after: Epoch | None = None,
) -> Iterator[Epoch]:
    """Trains `model`, and yields an `Epoch` after each pass over `batches`. For a task of elman, use `fit`.

    Args:
        model: a module whose every leaf is an array to train.
        loss: `loss(model, carry, batch, key=key)` returns ((sum, count), carry). The carry is passed on to the next
            batch; a network without one returns its argument.
        batches: `Shuffled`, `Streams`, or anything with `len()` and `at(step)`.
        epochs: the number of passes over the batches.
        carry: the carry at the start of each epoch.
        optimiser: any of optax; None is Adam (Kingma and Ba, 2015) at a learning rate of 0.001.
        seed: the seed of `key`, which the loss may use for noise.
        after: an epoch to continue from, with its weights and the optimiser's state; `model` is then ignored.

    Raises:
        ConfigError: fewer than 1 epoch.
        NonFiniteError: an epoch whose loss is infinite or not a number.

    >>> from elman.training.shuffled import Shuffled
    >>> xs = np.linspace(-1, 1, 64, dtype=np.float32)
    >>> def loss(model, carry, batch, *, key):
    ...     x, y = batch
    ...     return (((model["slope"] * x - y) ** 2).sum(), len(x)), carry
    >>> batches = Shuffled(xs, 3 * xs, batch_size=8)
    >>> *_, last = learn({"slope": jnp.zeros(())}, loss, batches, epochs=20, optimiser=optax.sgd(0.1))
    >>> last.number, round(float(last.model["slope"]), 3)
    (20, 3.0)
    """
    if epochs < 1:
        raise ConfigError(f"epochs: expected at least 1; got {epochs}")
    optimiser = optimiser or optax.adam(0.001)
    step, base_key = _make_step(loss, optimiser), jax.random.key(seed)
    model, optimiser_state = _own(
        (model, optimiser.init(model)) if after is None else (after.model, after.optimiser_state)
    )
    first = 0 if after is None else after.number
    for number in range(first, first + epochs):
        began, sums, now = time.monotonic(), [], _own(carry)
        for place in range(number * len(batches), (number + 1) * len(batches)):
            key = jax.random.fold_in(base_key, place)
            model, optimiser_state, now, sums_of_batch = step(model, optimiser_state, now, batches.at(place), key)
            sums.append(sums_of_batch)
        total, count = np.asarray(jax.device_get(sums), np.float64).sum(0).tolist()
        mean = total / max(count, 1.0)
        if not np.isfinite(mean):
            raise NonFiniteError(f"epoch {number + 1}: the loss is infinite or not a number; try a lower learning rate")
        yield Epoch(number + 1, mean, time.monotonic() - began, *_own((model, now, optimiser_state)))


def _make_step(loss: Loss, optimiser: optax.GradientTransformation) -> Callable:
    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(model: Any, optimiser_state: Any, carry: Any, batch: Any, key: PRNGKeyArray) -> tuple:
        def mean(model: Any) -> tuple:
            (total, count), after = loss(model, carry, batch, key=key)
            return total / jnp.maximum(count, 1), ((total, count), after)

        gradient, (sums, after) = jax.grad(mean, has_aux=True)(model)
        updates, new_optimiser_state = optimiser.update(gradient, optimiser_state, model)
        return optax.apply_updates(model, updates), new_optimiser_state, after, sums

    return step


def _own(arrays: Any) -> Any:
    """Copies arrays, since a step reuses the buffers of its arguments."""
    return jax.tree.map(lambda array: jnp.array(array, copy=True), arrays)
