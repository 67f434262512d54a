"""The answers of a trained model item by item: how sure it is, what is right, and how wrong that makes it; and whether
it is as often right as it is sure.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman._show import Shown
from elman.metrics.calibration import Bin, error_of, reliability_of
from elman.ops.distributions import LEVELS
from elman.tasks.choices import Choices, Forecasts, Question
from elman.tasks.examples import LONGEST
from elman.tasks.fitted import Fitted, TextGenerator

SHOWN = tuple(LEVELS.index(level) for level in (0.5, 0.1, 0.9))
"""The quantiles that stand for a forecast: the median, and the ends of the interval of 80%."""


@dataclass(frozen=True)
class Answers(Shown):
    """The answers of a model to one question, at each item of the first example that has an answer."""

    question: str
    """The name of an answer: "character", "tag", "class"."""
    items: tuple[str, ...]
    """The names of the items: the character or word that was read, or the step of the horizon; else numbers from 1."""
    right: tuple[str, ...]
    """The right answers."""
    loss: Float[np.ndarray, " item"]
    """-log p of the right answer in nats; of a forecast the loss that training minimises."""
    entropy: Float[np.ndarray, " item"]
    """The entropy of the answer in nats: 0 where the model is certain; NaN for forecasts, which have quantiles."""
    choices: tuple[tuple[str, ...], ...]
    """The likeliest answers at each item, the likeliest first; of a forecast its quantiles."""
    probabilities: Float[np.ndarray, "item rank"]
    """The probabilities of `choices`, or the levels of the quantiles."""


@dataclass(frozen=True)
class Calibration(Shown):
    """The reliability of a model's probabilities for one question."""

    question: str
    count: int
    """The number of items."""
    bins: tuple[Bin, ...]
    """For choices, the items of similar confidence, with their accuracy; for forecasts, for each level the share of
    right values below its quantile."""
    error: float
    """The mean distance of confidence and accuracy, weighted by the counts of the bins: the expected calibration error.
    """


class _Judged(NamedTuple):
    """The answers to one question over a batch, as arrays of JAX or of NumPy."""

    loss: Any
    entropy: Any
    choices: Any
    """The numbers of the likeliest choices, or the quantiles."""
    probabilities: Any
    right: Any
    weights: Any


def answers(fitted: Fitted[Any], inputs: Any, *, count: int = 5, longest: int = LONGEST) -> tuple[Answers, ...]:
    """The answers of a model at each token, word or other item of the first of some inputs, for each question that it
    answers: loss, entropy, and the likeliest answers.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        count: the most likely answers for each item.
        longest: the most steps that are taken of a text in one piece.

    Raises:
        DataError: inputs that the model does not take.
        ConfigError: a task that names no questions.

    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> [seen] = answers(fitted, "hello", count=2)
    >>> seen.question, "".join(seen.items), "".join(seen.right), seen.probabilities.shape
    ('character', 'hell', 'ello', (4, 2))
    """
    examples = fitted.examples(inputs, longest=longest)
    questions = fitted.questions(examples)
    judged, _ = _judge(fitted, count)(fitted.model, _carry(fitted, examples.batch), examples.batch)
    first = jax.tree.map(lambda leaf: np.asarray(leaf[0]), judged)
    return tuple(_named(question, one) for question, one in zip(questions, first, strict=True))


def calibration(fitted: Fitted[Any], part: Any, *, bins: int = 15, most: int = 200_000) -> tuple[Calibration, ...]:
    """The reliability of a model's probabilities over a part of the data: of predictions that are 80% sure, four in
    five should be right; of right values, one in ten should lie below the quantile of 0.1. Questions of which the part
    has no right answer are left out.

    Args:
        fitted: a trained model of any task.
        part: a part of the data, such as `data.test` or `fitted.read(path)`; of a language model also a text.
        bins: the number of bins from 0 to 1.
        most: the number of items after which no further batch is read.

    Raises:
        DataError: an empty part, or a single input of a model whose own answers would count as right.
        ConfigError: a task that names no questions.
    """
    texts = isinstance(part, str) and isinstance(fitted, TextGenerator)
    if not texts and not is_part(part):
        raise DataError(
            "expected a part of the data, such as data.test or fitted.read(path): a single input does not say what is "
            f"right; got {type(part).__name__}"
        )
    batches = _One(fitted.examples(part, longest=most).batch) if texts else fitted.task.evaluation_batches(part)
    carry, judge, parts, total = _carry(fitted, batches.at(0)), _judge(fitted, 1), list[Any](), 0
    for step in range(len(batches)):
        judged, carry = judge(fitted.model, carry, batches.at(step))
        parts.append(jax.tree.map(np.asarray, judged))
        total += int((parts[-1][0].weights > 0).sum())
        if total >= most:
            break
    questions = fitted.questions(fitted.examples(part))
    joined = [_joined([part[place] for part in parts]) for place in range(len(questions))]
    known = [pair for pair in zip(questions, joined, strict=True) if len(pair[1].weights)]
    return tuple(_calibrated(question, one, bins) for question, one in known)


def is_part(inputs: Any) -> bool:
    """True for a part of the data, which says what is right; False for an input as `predict` takes it."""
    return isinstance(inputs, Sized) and getattr(inputs, "codec", None) is not None


class _One:
    """A single batch in the form of many."""

    def __init__(self, batch: Any):
        self._batch = batch

    def __len__(self) -> int:
        return 1

    def at(self, step: int) -> Any:
        return self._batch


def _carry(fitted: Fitted[Any], batch: Any) -> Any:
    return fitted.task.init_carry(fitted.model, len(jax.tree.leaves(batch)[0]))


def _judge(fitted: Fitted[Any], count: int) -> Any:
    def judge(model: Any, carry: Any, batch: Any) -> tuple[tuple[_Judged, ...], Any]:
        seen, carry = fitted.choices(model, carry, batch)
        return tuple(_judged(one, count) for one in seen), carry

    return jax.jit(judge)


def _judged(one: Choices | Forecasts, count: int) -> _Judged:
    if isinstance(one, Forecasts):
        levels = jnp.broadcast_to(jnp.array(LEVELS), one.quantiles.shape)
        return _Judged(one.loss, jnp.full_like(one.loss, jnp.nan), one.quantiles, levels, one.right, one.weights)
    loss = -jnp.take_along_axis(one.logs, one.right[..., None], axis=-1)[..., 0]
    shares = jnp.exp(one.logs)
    entropy = -jnp.sum(jnp.where(shares > 0, shares * one.logs, 0), axis=-1)
    most, choices = jax.lax.top_k(one.logs, min(count, one.logs.shape[-1]))
    return _Judged(loss, entropy, choices, jnp.exp(most), one.right, one.weights)


def _named(question: Question, one: _Judged) -> Answers:
    places = np.flatnonzero(one.weights > 0)
    names = question.items or tuple(map(str, range(1, len(one.weights) + 1)))
    items = tuple(names[place] for place in places.tolist())
    loss, entropy = one.loss[places], one.entropy[places]
    if not question.choices:
        right = tuple(f"{value:.6g}" for value in one.right[places].tolist())
        shown = tuple(tuple(f"{value:.6g}" for value in row) for row in one.choices[places][:, SHOWN].tolist())
        levels = np.tile(np.array([LEVELS[level] for level in SHOWN]), (len(places), 1))
        return Answers(question.name, items, right, loss, entropy, shown, levels)
    right = tuple(question.choices[place] for place in one.right[places].tolist())
    likeliest = tuple(tuple(question.choices[place] for place in row) for row in one.choices[places].tolist())
    return Answers(question.name, items, right, loss, entropy, likeliest, one.probabilities[places])


def _joined(parts: Sequence[_Judged]) -> _Judged:
    """The real items of several batches."""
    real = [part.weights > 0 for part in parts]
    fields = zip(*parts, strict=True)
    return _Judged(*(np.concatenate([one[mask] for one, mask in zip(field, real, strict=True)]) for field in fields))


def _calibrated(question: Question, one: _Judged, bins: int) -> Calibration:
    if question.choices:
        table = reliability_of(one.probabilities[:, 0], one.choices[:, 0] == one.right, bins=bins)
    else:
        below = (one.right[:, None] <= one.choices).mean(axis=0)
        table = tuple(Bin(len(one.weights), level, float(share)) for level, share in zip(LEVELS, below, strict=True))
    return Calibration(question.name, len(one.weights), table, error_of(table))
