"""The inputs of the training and validation parts as hashes, by which evaluation recognises them.

An artefact keeps 64 bits of BLAKE2b of each, with a key made from the data: no input can be read back from them, nor
can those of two models be compared; but whoever guesses an input can ask whether it is among them. Of more than
`AT_MOST` inputs, those are kept and looked for whose hash is divisible by a power of 2: counts are then estimates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt64

from elman._errors import quantity
from elman.tasks.fingerprint import encoded

if TYPE_CHECKING:
    from elman.tasks.data import Data
    from elman.tasks.task import Task

AT_MOST = 1 << 20
"""Most hashes of the two parts, of 8 bytes each."""

KEY_BYTES = 16


class Items(NamedTuple):
    """The inputs of a part."""

    values: Iterable[Any]
    """The inputs, in the order of the part: strings, bytes, numbers, arrays, and tuples of them."""
    unit: str
    """The name of what is counted, such as "text"."""
    total: int
    """The number of what is counted; where it is not that of the values, each value stands for as many."""
    place: Callable[[int], str] | None = None
    """The name of the place of a value, such as a stamp, by its number; None where places have no names."""


class Overlap(NamedTuple):
    """The number of inputs of a part that training had.

    >>> print(Overlap(4000, 500, 5000, "text"))
    4,000 of 5,000 texts were trained on, and 500 chose the weights
    """

    trained: int
    """The number of inputs that are in the training part."""
    validated: int
    """The number of other inputs that are in the validation part, which chose the weights."""
    total: int
    unit: str
    is_exact: bool = True
    """False where the numbers are estimates."""
    span: tuple[str, str] | None = None
    """The first and the last place of those that were trained on; None where inputs have no places."""

    def __str__(self) -> str:
        about = "" if self.is_exact else "about "
        of = f"of {quantity(self.total, self.unit)}"
        if not self.trained and not self.validated:
            return f"none {of} {'was' if self.total == 1 else 'were'} trained on"
        if not self.trained:
            return f"{about}{self.validated:,} {of} chose the weights"
        span = f" ({self.span[0]} to {self.span[1]})" if self.span else ""
        chose = f", and {about}{self.validated:,} chose the weights" if self.validated else ""
        return f"{about}{self.trained:,} {of} were trained on{span}{chose}"


class ItemHashes(NamedTuple):
    """The hashes of the inputs of two parts, each in ascending order."""

    key: bytes
    divisor: int
    """A power of 2, by which the hashes that are kept are divisible."""
    train: UInt64[np.ndarray, " train"]
    validation: UInt64[np.ndarray, " validation"]

    @classmethod
    def of(cls, task: Task, data: Data, *, before: ItemHashes | None = None) -> ItemHashes:
        """The hashes of the training and validation parts, and those of the trainings before."""
        if before is None:
            key = hashlib.sha256(data.train.digest.encode()).digest()[:KEY_BYTES]
            before = cls(key, 1, *np.zeros((2, 0), np.uint64))
        train, validation = (_hashes(task.items(part).values, before.key) for part in (data.train, data.validation))
        parts = np.union1d(before.train, train), np.union1d(before.validation, validation)
        parts, divisor = _divisible(parts, before.divisor), before.divisor
        while sum(map(len, parts)) > AT_MOST:
            divisor *= 2
            parts = _divisible(parts, divisor)
        return cls(before.key, divisor, *parts)

    def overlap(self, items: Items) -> Overlap:
        """The number of inputs that are among these."""
        hashes = _hashes(items.values, self.key)
        asked = hashes % np.uint64(self.divisor) == 0
        trained = asked & np.isin(hashes, self.train)
        validated = asked & ~trained & np.isin(hashes, self.validation)
        share = items.total / max(int(asked.sum()), 1)
        counts = [round(int(mask.sum()) * share) for mask in (trained, validated)]
        own = np.flatnonzero(trained).tolist()
        span = (items.place(own[0]), items.place(own[-1])) if items.place and own else None
        return Overlap(*counts, items.total, items.unit, int(asked.sum()) == items.total, span)

    def new(self, items: Items) -> Bool[np.ndarray, " item"] | None:
        """True for each input that is not among these; None where not every input has a hash."""
        hashes = _hashes(items.values, self.key)
        if self.divisor > 1 or len(hashes) != items.total:
            return None
        return ~np.isin(hashes, np.concatenate([self.train, self.validation]))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """These hashes as arrays, ready for a file."""
        key, divisor = np.frombuffer(self.key, np.uint8), np.array([self.divisor], np.uint64)
        return {"key": key, "divisor": divisor, "train": self.train, "validation": self.validation}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ItemHashes:
        """The hashes that `to_arrays` turned into arrays.

        Raises:
            ValueError: arrays of other names, types or shapes.
        """
        kinds = {"key": np.uint8, "divisor": np.uint64, "train": np.uint64, "validation": np.uint64}
        for name, kind in kinds.items():
            array = arrays.get(name)
            if array is None or array.dtype != kind or array.ndim != 1:
                raise ValueError(f"expected {name}, one row of {np.dtype(kind)}")
        key, divisor = arrays["key"].tobytes(), arrays["divisor"].tolist()
        if len(key) != KEY_BYTES or len(divisor) != 1 or divisor[0] < 1:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes and a divisor of at least 1")
        return cls(key, divisor[0], arrays["train"], arrays["validation"])


def _divisible(parts: Iterable[np.ndarray], divisor: int) -> list[np.ndarray]:
    return [part[part % np.uint64(divisor) == 0] for part in parts]


def _hashes(values: Iterable[Any], key: bytes) -> UInt64[np.ndarray, " item"]:
    start = hashlib.blake2b(digest_size=8, key=key)

    def digest(value: Any) -> int:
        one = start.copy()
        one.update(value if type(value) is bytes else encoded(value))
        return int.from_bytes(one.digest(), "little")

    return np.fromiter(map(digest, values), np.uint64)
