"""A corpus as the units of one cell read it: a long text, or all examples of a part of the data.

A text is read once, which takes as long as a forward pass, and keeps a bit for each unit and step: whether the unit is
above a threshold. Stretches are then marked and matched in a fraction of a second (`matching`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

from elman._errors import ConfigError, DataError, nearest
from elman._types import Carry
from elman.cells import Cell
from elman.inspection.answers import is_part
from elman.inspection.matching import UnitStates
from elman.inspection.record import record
from elman.inspection.watched import Call, named_states, own_steps, valid_steps, watched_pass
from elman.recurrence import tap, unroll
from elman.recurrence.steps import Steps
from elman.tasks.examples import Examples, NamedBatch
from elman.tasks.fitted import Fitted, TextGenerator

LONGEST = 2_000_000
"""The most tokens of a corpus."""
STREAMS, CHUNK = 64, 64
"""The parts of a long text that are read side by side, and the tokens of each in one call."""
SHORT = 2_000
"""The fewest tokens of such a part; a shorter text has fewer of them."""
WARM = 200
"""The tokens before its own that a part reads first, so that it begins with the state that the text has there."""
GAP = "\n"
"""The token between two examples, at which no unit is on."""

Bits = UInt8[np.ndarray, "time byte"]
Run = Callable[[Any, Carry, Any], tuple[Carry, tuple[Array, Array]]]
"""A function of the model, its state and a batch: the state after it, the packed bits and the mask of real steps."""


class _Shape(NamedTuple):
    """A call of `unroll`, and the sizes in it."""

    call: Call
    rows: int
    sizes: dict[str, int]
    """The numbers of units of the arrays of its cell's state."""


def unit_states(
    fitted: Fitted[Any],
    inputs: Any,
    *,
    cell: str = "",
    state: str = "",
    threshold: float = 0.3,
    longest: int = LONGEST,
) -> UnitStates:
    """Reads a text or a part of the data, and tells which units of a cell are above a threshold after each token.

    A text of more than 2,000 tokens that a language model reads is read in parts side by side, each of which begins 200
    tokens early. Other models read a part of the data example by example; between two, there is a token of a line's end
    at which no unit is on. Steps without names, as those of series, are named after their example and place: "3:12" is
    the twelfth step of the third example.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, such as `data.train` or `fitted.read(path)`, or of most tasks an input as `predict`
            takes it; see `Fitted.examples`.
        cell: the cell's place in the model, such as "layers.cells.0"; by default the last one.
        state: the array of its state, such as "c"; by default "h", or the first.
        threshold: the value above which a unit counts as on.
        longest: the most tokens of a text; of a part, no further batch is read after so many.

    Raises:
        ConfigError: no such cell or state.
        DataError: inputs that the model does not take.

    >>> task = elman.LanguageModelling(hidden_size=8, num_layers=1, batch_size=4, embedding_size=8)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> states = unit_states(fitted, "hello world. " * 20, threshold=0.0)
    >>> states.stretch("world", which=2), states.on((0, 7)).shape
    ((19, 24), (259, 2))
    """
    examples = fitted.examples(inputs, longest=longest)
    is_text = isinstance(fitted, TextGenerator)
    shapes = _shapes(fitted, _first_step(examples.batch) if is_text else examples.batch)
    place, state = _chosen(shapes, examples, cell, state)
    call, run = shapes[place].call, _program(fitted, place, state, threshold)
    names = call.steps(examples)
    if is_text:
        tokens, bits = names, _read_text(run, fitted, examples.batch)
    else:
        one = NamedBatch(examples.batch, (0,), (examples.steps,))
        tokens, bits = _read(run, fitted, call, fitted.named_batches(inputs) if is_part(inputs) else [one], longest)
    separator = call.separator(examples) if names else " "
    size = shapes[place].sizes[state]
    return UnitStates(call.name, state, threshold, tokens, separator, not names, size, bits)


def mark_threshold(fitted: Fitted[Any], inputs: Any, part: str, *, cell: str = "", state: str = "") -> float | None:
    """The threshold below which a unit of a cell counts as on over the first occurrence of a part of the text; None
    where the first thousand tokens do not hold it, which alone are read.

    Raises:
        ConfigError: as `unit_states`.
    """
    examples = fitted.examples(inputs)
    shapes = _shapes(fitted, examples.batch)
    place, state = _chosen(shapes, examples, cell, state)
    call = shapes[place].call
    names = call.steps(examples)
    seen = next(one for one in record(fitted, inputs).cells if one.name == call.name)
    values = seen.states[state][0][seen.valid[0]]
    empty = np.zeros((len(values), 1), np.uint8)
    tokens = names or tuple(f"1:{step + 1}" for step in range(len(values)))
    beginning = UnitStates(call.name, state, 0.0, tokens, call.separator(examples), not names, 0, empty)
    try:
        start, stop = beginning.stretch(part)
    except DataError:
        return None
    return float(values[start:stop].reshape(stop - start, -1).min(axis=0).max())


def _shapes(fitted: Fitted[Any], batch: Any) -> list[_Shape]:
    """The calls of `unroll` over a batch."""
    shapes = list[_Shape]()

    def run(model: Any) -> None:
        def watch(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
            sizes = {name: leaf[0].size for name, leaf in named_states(carry).items()}
            return unroll(cell, xs, carry, **steps._asdict()), (len(xs), sizes)

        start = fitted.task.init_carry(model, _rows(batch))
        _, _, calls, kept = watched_pass(fitted.task, model, start, batch, watch)
        shapes.extend(_Shape(call, *one) for call, one in zip(calls, kept, strict=True))

    jax.eval_shape(run, fitted.model)
    return shapes


def _rows(batch: Any) -> int:
    return len(jax.tree.leaves(batch)[0])


def _first_step(batch: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[:, :1] if leaf.ndim > 1 else leaf, batch)


def _chosen(shapes: Sequence[_Shape], examples: Examples, cell: str, state: str) -> tuple[int, str]:
    """The place of the chosen cell among the calls, and the name of its array. A cell that reads no row of the batch,
    such as one over the letters of each word, cannot be chosen."""
    named = {one.call.name: place for place, one in enumerate(shapes) if one.call.steps(examples)}
    rows = _rows(examples.batch)
    known = named or {one.call.name: place for place, one in enumerate(shapes) if one.rows == rows}
    if not known:
        raise ConfigError("no cell of this model reads its inputs step by step")
    if cell and cell not in known:
        raise ConfigError(f"no cell {cell!r}{nearest(cell, known)}; the model has {', '.join(known)}")
    place = known[cell] if cell else [*known.values()][-1]
    sizes = shapes[place].sizes
    if state and state not in sizes:
        raise ConfigError(f"no state {state!r}{nearest(state, sizes)}; the cell has {', '.join(sizes)}")
    return place, state or ("h" if "h" in sizes else next(iter(sizes)))


def _program(fitted: Fitted[Any], place: int, state: str, threshold: float) -> Run:
    @jax.jit
    def run(model: Any, carry: Any, batch: Any) -> tuple[Any, tuple[Array, Array]]:
        def watch(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
            if number != place:
                return unroll(cell, xs, carry, **steps._asdict()), None
            last, ys, seen = tap(cell, xs, carry, names="carry", **steps._asdict())
            values = named_states(seen["carry"])[state].reshape(*xs.shape[:2], -1)
            return (last, ys), (jnp.packbits(values > threshold, axis=-1), valid_steps(xs, steps))

        _, carry, _, kept = watched_pass(fitted.task, model, carry, batch, watch)
        return carry, kept[place]

    return run


def _read(
    run: Run, fitted: Fitted[Any], call: Call, batches: Iterable[NamedBatch], longest: int
) -> tuple[tuple[str, ...], Bits]:
    """The tokens of all examples in order, and the packed bits of the units after each."""
    parts, count, carry = list[tuple[int, tuple[str, ...], Bits]](), 0, None
    for one in batches:
        carry = fitted.task.init_carry(fitted.model, _rows(one.batch)) if carry is None else carry
        carry, kept = run(fitted.model, carry, one.batch)
        bits, valid = map(np.asarray, kept)
        for row, own in _own(one, valid):
            number = one.indices[row] if len(one.indices) else len(parts)
            names = call.steps(Examples(one.batch, one.steps[row])) if one.steps else ()
            own = own_steps(own, names)
            tokens = names or tuple(f"{number + 1}:{step + 1}" for step in range(int(own.sum())))
            parts.append((number, tokens, bits[row][own]))
            count += len(tokens)
        if count >= longest:
            break
    parts.sort(key=lambda part: part[0])
    gap = np.zeros((1, parts[0][2].shape[1]), np.uint8)
    tokens = chain.from_iterable((GAP, *names) for _, names, _ in parts)
    rows = chain.from_iterable((gap, bits) for _, _, bits in parts)
    return tuple(tokens)[1:], np.concatenate([*rows])[1:]


def _own(one: NamedBatch, valid: Bool[np.ndarray, "batch time"]) -> list[tuple[int, Bool[np.ndarray, " time"]]]:
    """The rows of a batch that hold examples, and their real steps."""
    rows = valid[: len(one.indices)] if len(one.indices) else valid
    return [(row, own) for row, own in enumerate(rows) if own.any()]


def _read_text(run: Run, fitted: Fitted[Any], batch: Any) -> Bits:
    """The packed bits of the units after each token of a long text."""
    pairs: Int[np.ndarray, "2 time"] = np.stack([batch.inputs[0], batch.targets[0]])
    time = pairs.shape[1]
    rows = max(1, min(STREAMS, time // SHORT))
    own = -(-time // rows)
    begins = np.maximum(np.arange(rows) * own - WARM, 0)
    length = own + (WARM if rows > 1 else 0)
    carry, parts = fitted.task.init_carry(fitted.model, rows), list[np.ndarray]()
    for first in range(0, length, CHUNK):
        places = np.minimum(begins[:, None] + first + np.arange(CHUNK), time - 1)
        inputs, targets = pairs[:, places]
        weights, lengths = np.ones(places.shape, np.float32), np.full(rows, CHUNK, np.int32)
        carry, (bits, _) = run(fitted.model, carry, type(batch)(inputs, targets, lengths, weights))
        parts.append(np.asarray(bits))
    whole = np.concatenate(parts, axis=1)
    starts = np.arange(rows) * own - begins
    return np.concatenate([row[start : start + own] for row, start in zip(whole, starts, strict=True)])[:time]
