"""Examples split into parts: what every task's `read` returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from elman._errors import DataError
from elman.data.fingerprint import Fingerprint, digest

Example = TypeVar("Example")


@runtime_checkable
class AnyPart(Protocol):
    """What every part has, whatever it holds."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """A hash of its content."""
        ...


P = TypeVar("P", bound=AnyPart, covariant=True)
"""A part of the data."""


@dataclass(frozen=True)
class Part(Generic[Example]):
    """Some of the examples, and the codec that turns them into arrays."""

    name: str
    examples: tuple[Example, ...]
    codec: Any
    records_digest: str = ""
    """The digest of the records that the examples were made from, where the examples hold less."""

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def digest(self) -> str:
        """A hash of the examples and of their records."""
        return digest((self.records_digest, *self.examples))


@dataclass(frozen=True)
class Data(Generic[P]):
    """What a task learns from, split into three parts."""

    train: P
    validation: P
    test: P
    codec: Any
    source: str
    """Its name in messages."""
    places: tuple[str, ...]
    """Where it can be read again: absolute paths, or "-"; none for data in memory."""
    unit: str
    """What one element of a part is called, such as "sentence"."""

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Hashes of the parts and of the codec, in which the settings that shaped them show."""
        return Fingerprint(self.train.digest, self.validation.digest, self.test.digest, digest([self.codec]))


class Parts(NamedTuple):
    """Examples for each purpose."""

    train: Sequence[Any]
    validation: Sequence[Any]
    test: Sequence[Any]


def split(
    examples: Sequence[Any],
    *,
    validation: float,
    test: float,
    seed: int = 0,
    by: Callable[[Any], Any] | None = None,
) -> Parts:
    """Deals examples out at random, the same for the same seed.

    Args:
        examples: all there are.
        validation, test: below 1 a share, from 1 on a count.
        seed: start of the randomness.
        by: gives an example's class; then every class is dealt out by the same shares.

    Raises:
        DataError: nothing would be left to train on.

    >>> parts = split(range(10), validation=0.2, test=1)
    >>> [len(part) for part in parts], sorted(sum(parts, [])) == list(range(10))
    ([7, 2, 1], True)
    """
    total, order = len(examples), np.random.default_rng(seed).permutation(len(examples))
    shares = [part if part < 1 else part / max(total, 1) for part in (validation, test)]
    if sum(shares) >= 1:
        raise DataError(f"{total} examples leave none to train on beside validation {validation:g} and test {test:g}")
    groups: dict[Any, list[Any]] = defaultdict(list)
    for place in order:
        example = examples[place]
        groups[by(example) if by else None].append(example)
    parts: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for group in groups.values():
        tested, held_out = (round(share * len(group)) for share in (shares[1], shares[0]))
        parts["test"] += group[:tested]
        parts["validation"] += group[tested : tested + held_out]
        parts["train"] += group[tested + held_out :]
    if not parts["train"]:
        raise DataError(f"{total} examples leave none to train on beside validation {validation:g} and test {test:g}")
    return Parts(**parts)


def completed(
    parts: Parts, *, validation: float, test: float, seed: int = 0, by: Callable[[Any], Any] | None = None
) -> Parts:
    """The parts, of which those that are empty are split from the one to train on; see `split`.

    Raises:
        DataError: nothing would be left to train on.

    >>> [len(part) for part in completed(Parts([1] * 10, [], [1] * 5), validation=0.2, test=0.2)]
    [8, 2, 5]
    """
    shares = {"validation": 0.0 if parts.validation else validation, "test": 0.0 if parts.test else test}
    dealt = split(parts.train, **shares, seed=seed, by=by)
    return Parts(dealt.train, parts.validation or dealt.validation, parts.test or dealt.test)
