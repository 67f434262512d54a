"""Batches of examples whose steps have names, as inspection reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

LONGEST = 1000
"""The steps of a text in one piece that are taken for inspection."""


class Examples(NamedTuple):
    """A batch of examples, and the names of its steps."""

    batch: Any
    steps: dict[str, tuple[str, ...]]
    """The names of the first example's steps, such as its characters or words, by the first words of the name of the
    cells that read them: {"encoder": ("a", "b"), "decoder": ("", "c")}."""
    separators: Mapping[str, str] = MappingProxyType({})
    """The text between the names, by the same words: a space between words, nothing between characters."""


class NamedBatch(NamedTuple):
    """A batch of a part of the data, and the names of the steps of its rows."""

    batch: Any
    indices: Sequence[int] = ()
    """The indices of the examples in the first rows; () where rows are no examples, as random pieces of a strip."""
    steps: Sequence[dict[str, tuple[str, ...]]] = ()
    """The names of the steps of these rows, as in `Examples.steps`."""


class Indexed(Protocol):
    """Batches that know the indices of their examples."""

    def __len__(self) -> int: ...
    def at(self, step: int) -> Any: ...
    def indices(self, step: int) -> Sequence[int]: ...


def named_rows(batches: Indexed, names: Callable[[int], dict[str, tuple[str, ...]]]) -> Iterator[NamedBatch]:
    """Yields batches with the names of their rows; `names` gives those of the steps of an example."""
    for step in range(len(batches)):
        indices = batches.indices(step)
        yield NamedBatch(batches.at(step), indices, [names(index) for index in indices])
