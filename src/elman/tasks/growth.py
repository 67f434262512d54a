"""The growth of a saved model that goes on with new data: tokens and labels that it lacks come after its own, so that
what it has keeps its numbers and its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from elman import artefact
from elman._errors import ConfigError, quantity

if TYPE_CHECKING:
    from elman.tasks.task import Task

MOST_NAMES = 8
"""The most names that a sentence lists."""


class Growth(NamedTuple):
    """The codec of a model after growth, and sentences that say what is new."""

    codec: Any
    notes: tuple[str, ...] = ()


def label_news(unit: str, before: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """Sentences on labels of new data that a model lacks, and on those of the model that new data lack.

    >>> label_news("label", ("a", "b"), ("b", "c"))
    ('1 label is new: c', '1 label is not in these data: a; it stays, but fades unless some of its data are added')
    """
    new, absent = [one for one in there if one not in before], [one for one in before if one not in there]
    stay = "it stays, but fades unless some of its" if len(absent) == 1 else "they stay, but fade unless some of their"
    sentences = (("new", new, ""), ("not in these data", absent, f"; {stay} data are added"))
    return tuple(f"{_are(len(names), unit)} {text}: {_listed(names)}{more}" for text, names, more in sentences if names)


def token_news(unit: str, before: int, after: int) -> tuple[str, ...]:
    """A sentence on the number of new tokens; none where nothing is new.

    >>> token_news("word", 10, 12), token_news("word", 10, 10)
    (('2 words are new',), ())
    """
    return (f"{_are(after - before, unit)} new",) if after > before else ()


def check_settings(before: Task, now: Task, codec: Any, *, model: str) -> None:
    """Refuses settings with which a saved model would be another one. `model` names it in messages.

    Raises:
        ConfigError: names the setting, and the model's value.
    """
    values, ours = before.to_builtins(), now.to_builtins()
    names = {name for name in ours if ours[name] != values.get(name) and ours[name] is not None}
    kept = [name for name in ours if name in names and (name in (*before.fixed, "cell") or ours[name] in before.cells)]
    others = {name: getattr(now, name) for name in names}
    if not kept and _shapes(before, others, codec) != _shapes(before, {}, codec):
        own = _shapes(before, {}, codec)
        kept = [name for name in ours if name in names and _shapes(before, {name: others[name]}, codec) != own]
        kept = kept or sorted(names)
    if kept:
        raise ConfigError(
            f"{kept[0]}: {model} has {values[kept[0]]!r} and cannot go on with {ours[kept[0]]!r}; leave it out, or "
            "train anew"
        )


def with_settings(task: Task, before: Task) -> Task:
    """The task with the settings of another one in place of those that are None."""
    chosen = {name: getattr(before, name) for name in task.__struct_fields__ if getattr(task, name) is None}
    return msgspec.structs.replace(task, **chosen)


def grow_model(model: Any, shapes: Any, *, unknown: Mapping[str, int], what: str) -> Any:
    """The model with the shapes of a network for a grown codec. Its weights are its own; the new rows and columns are
    the means of those before them, or in the parts named in `unknown` the row of the unknown token.

    >>> model, shapes = {"head": np.array([[1.0, 3.0]])}, {"head": jax.ShapeDtypeStruct((1, 3), np.float64)}
    >>> grow_model(model, shapes, unknown={}, what="m")["head"].tolist()
    [[1.0, 3.0, 2.0]]

    The means add little to the sum in a softmax, and so they hardly change the probabilities of what the model knows
    (Hewitt, 2021). Where a token was unknown before, the model reads as it did.
    """
    sizes = artefact.shapes_by_name(shapes)

    def row_of(name: str) -> int | None:
        return next((row for part, row in unknown.items() if name == part or name.startswith(part + ".")), None)

    arrays = artefact.named_arrays(model)
    grown = {name: _grown(array, sizes.get(name, array.shape), row_of(name)) for name, array in arrays.items()}
    return artefact.fill(shapes, grown, what=what)


def _grown(array: np.ndarray, shape: tuple[int, ...], row: int | None) -> np.ndarray:
    if len(shape) != array.ndim or any(new < old for new, old in zip(shape, array.shape, strict=True)):
        return array  # which `fill` refuses
    for axis, (old, new) in enumerate(zip(array.shape, shape, strict=True)):
        if new > old:
            known = array.mean(axis, keepdims=True) if row is None or axis else array[row : row + 1]
            array = np.concatenate([array, np.repeat(known.astype(array.dtype), new - old, axis)], axis)
    return array


def _shapes(task: Task, settings: Mapping[str, Any], codec: Any) -> Any:
    """The shapes of the network with other settings; None where there is no such network."""
    try:
        return artefact.shapes_by_name(msgspec.structs.replace(task, **settings).shapes(codec))
    except ConfigError:
        return None


def _are(count: int, unit: str) -> str:
    return f"{quantity(count, unit)} {'is' if count == 1 else 'are'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
