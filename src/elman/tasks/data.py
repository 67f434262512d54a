"""Examples split into parts, as every task's `read` returns them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from elman._errors import DataError, plural, quantity
from elman._show import WIDTH, Shown, brief, brief_table, lines, short, table
from elman.tasks.fingerprint import Fingerprint, digest

Example = TypeVar("Example")


@runtime_checkable
class AnyPart(Protocol):
    """The interface of every part of the data: a length and a digest."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """A hash of the part's content."""
        ...


P = TypeVar("P", bound=AnyPart, covariant=True)
"""A part of the data."""


@dataclass(frozen=True)
class Part(Shown, Generic[Example]):
    """The examples of one part, and the codec that encodes them as arrays."""

    name: str
    examples: tuple[Example, ...]
    codec: Any
    records_digest: str = ""
    """The digest of the records that the examples were made from, where examples hold less than their records."""
    encoded: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    """These records."""
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """Sentences on what was left out as it was read to be measured."""

    @classmethod
    def of(cls, name: str, records: Sequence[Any], codec: Any, encode: Callable[[Any, Any], Any] | None = None) -> Self:
        """The part of these records; `encode(codec, record)` makes an example of each, and without it they are the
        examples."""
        if encode is None:
            return cls(name, tuple(records), codec)
        examples = tuple(encode(codec, record) for record in records)
        return cls(name, examples, codec, digest(records), tuple(records))

    @property
    def records(self) -> tuple[Any, ...]:
        """The records as they were read, one for each example."""
        return self.encoded or self.examples

    def where(self, mask: Iterable[bool]) -> Self:
        """The part with those examples alone for which the mask is True.

        >>> Part("test", ("a", "b"), None).where([False, True]).examples
        ('b',)
        """
        kept = [place for place, is_kept in enumerate(mask) if is_kept]
        encoded = tuple(self.encoded[place] for place in kept) if self.encoded else ()
        return replace(self, examples=tuple(self.examples[place] for place in kept), encoded=encoded)

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def digest(self) -> str:
        """A hash of the examples and of their records."""
        return digest((self.records_digest, *self.examples))


@dataclass(frozen=True)
class Data(Shown, Generic[P]):
    """The data of a task, split into three parts."""

    train: P
    validation: P
    test: P
    codec: Any
    source: str
    """The name of the data in messages."""
    places: tuple[str, ...]
    """Absolute paths from which the data can be read again, or "-"; none for data in memory."""
    unit: str
    """The name of one element of a part, such as "sentence"."""
    notes: tuple[str, ...] = ()
    """Sentences on what was concluded from the data or left out of them, which training reports before it starts."""
    counts: str = field(default="", repr=False, compare=False)
    """The sizes of the parts in words, where the numbers of their elements do not say what was held back."""
    encoded: Callable[[Any], Data] | None = field(default=None, repr=False, compare=False)
    """A function that gives the same data for another codec; None where they cannot be encoded anew."""

    @classmethod
    def of(
        cls,
        parts: Iterable[Sequence[Any]],
        codec: Any,
        *,
        source: str,
        places: tuple[str, ...],
        unit: str,
        encode: Callable[[Any, Any], Any] | None = None,
        notes: Sequence[str] = (),
    ) -> Data[Part]:
        """The data of the records of the training, validation and test parts, in this order; see `Part.of`."""
        records = tuple(parts)
        rest: dict[str, Any] = {"source": source, "places": places, "unit": unit, "notes": tuple(notes)}
        made = (Part.of(name, part, codec, encode) for name, part in zip(Parts._fields, records, strict=True))
        return Data(*made, codec=codec, **rest, encoded=partial(Data.of, records, encode=encode, **rest))

    def encoded_by(self, codec: Any) -> Data[P]:
        """The same data, encoded by another codec.

        Raises:
            DataError: data of a task that does not say how they are encoded anew.
        """
        if self.encoded is None:
            raise DataError(f"{self.source}: cannot be encoded anew; the task has to set `encoded` of its data")
        return self.encoded(codec)

    @property
    def sizes(self) -> str:
        """The sizes of the parts in words."""
        held_out = (f"{len(part):,} {use}" for use, part in [*self._by_use.items()][1:] if len(part))
        return self.counts or ", ".join([f"{quantity(len(self.train), self.unit)} to train on", *held_out])

    def __repr__(self) -> str:
        counts = [f"{len(part):,} {use}" for use, part in self._by_use.items()]
        counts[0] = counts[0].replace(" ", f" {self.unit if len(self.train) == 1 else plural(self.unit)} ", 1)
        return lines("Data(", [short(self.source, WIDTH - 10), *counts, f"codec={short(self.codec)}"], ")")

    def _repr_html_(self) -> str:
        rows = [*((use, f"{len(part):,}") for use, part in self._by_use.items()), ("codec", short(self.codec))]
        return table([*rows, *(("note", note) for note in self.notes)], caption=f"{self.source}: {plural(self.unit)}")

    @property
    def _by_use(self) -> Mapping[str, AnyPart]:
        return {"to train on": self.train, "to validate with": self.validation, "to test with": self.test}

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Hashes of the parts and of the codec, which depends on the settings that shaped them."""
        return Fingerprint(self.train.digest, self.validation.digest, self.test.digest, digest([self.codec]))


class Parts(NamedTuple):
    """Examples of the training, validation and test parts."""

    train: Sequence[Any]
    validation: Sequence[Any]
    test: Sequence[Any]

    __repr__, _repr_html_ = brief, brief_table


def split(
    examples: Sequence[Any],
    *,
    validation: float,
    test: float,
    seed: int = 0,
    by: Callable[[Any], Any] | None = None,
) -> Parts:
    """Splits examples at random into parts, the same for the same seed.

    Args:
        examples: all examples.
        validation, test: size of the part: below 1 a share, from 1 on a count.
        seed: seed of the random numbers.
        by: function that gives an example's class; with it, every class is split in the same shares.

    Raises:
        DataError: no example would be left to train on.

    >>> parts = split(range(10), validation=0.2, test=1)
    >>> [len(part) for part in parts], sorted(sum(parts, [])) == list(range(10))
    ([7, 2, 1], True)
    """
    total, order = len(examples), np.random.default_rng(seed).permutation(len(examples))
    shares = [part if part < 1 else part / max(total, 1) for part in (validation, test)]
    if sum(shares) >= 1:
        raise DataError(
            f"{quantity(total, 'example')} leave none to train on beside validation {validation:g} and test {test:g}"
        )
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
        raise DataError(
            f"{quantity(total, 'example')} leave none to train on beside validation {validation:g} and test {test:g}"
        )
    return Parts(**parts)


def complete_parts(
    parts: Parts, *, validation: float, test: float, seed: int = 0, by: Callable[[Any], Any] | None = None
) -> Parts:
    """The parts, with empty ones split off the training part; see `split`.

    Raises:
        DataError: no example would be left to train on.

    >>> [len(part) for part in complete_parts(Parts([1] * 10, [], [1] * 5), validation=0.2, test=0.2)]
    [8, 2, 5]
    """
    shares = {"validation": 0.0 if parts.validation else validation, "test": 0.0 if parts.test else test}
    dealt = split(parts.train, **shares, seed=seed, by=by)
    return Parts(dealt.train, parts.validation or dealt.validation, parts.test or dealt.test)
