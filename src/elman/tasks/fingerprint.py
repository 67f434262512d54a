"""Hashes of data, which ensure that a run is resumed only with its own data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from elman._errors import ArtefactError
from elman._show import Shown

VERSION = 2
"""The version of the hashes, raised when the same data get others. Version 1 was a single hash, made by each task."""

PARTS = {"train": "the training part", "validation": "the validation part", "test": "the test part"}
"""The parts of the data, as messages name them."""

_ARRAY = 1  # the code of the MessagePack extension type for arrays


class Fingerprint(Shown, msgspec.Struct, frozen=True):
    """Hashes of the data on which a run is trained and evaluated."""

    train: str
    validation: str
    test: str
    codec: str
    version: int = VERSION

    def check(self, before: Any, *, run: str, source: str) -> None:
        """Refuses other data than those of a run to be resumed.

        Args:
            before: the fingerprint that the run saved, as plain values.
            run: name of the run in messages.
            source: name of these data in messages.

        Raises:
            ArtefactError: other data; names the parts that differ.

        >>> now = Fingerprint("a", "b", "c", "d")
        >>> now.check({"train": "a", "validation": "x", "test": "c", "codec": "d", "version": 2}, run="m", source="s")
        Traceback (most recent call last):
        elman._errors.ArtefactError: s: not the data of m: the validation part differs
        """
        if not isinstance(before, dict) or before.get("version") != VERSION:
            raise ArtefactError(
                f"{source}: cannot be compared with the data of {run}, which another version of elman hashed in "
                "another way; resume with that version, or train anew with --force"
            )
        try:
            other = msgspec.convert(before, Fingerprint)
        except msgspec.ValidationError as error:
            raise ArtefactError(f"{run}: the hashes of its data are damaged: {error}") from None
        differing = [
            words
            for name, words in {**PARTS, "codec": "the codec"}.items()
            if getattr(self, name) != getattr(other, name)
        ]
        if differing:
            *first, last = differing
            listed = f"{', '.join(first)} and {last} differ" if first else f"{last} differs"
            raise ArtefactError(f"{source}: not the data of {run}: {listed}")


def digest(values: Iterable[Any]) -> str:
    """The SHA-256 of a sequence of values: strings, bytes, numbers, arrays, and tuples, lists, dicts, sets, structs and
    dataclasses of them.

    Equal values have equal digests, and different values different ones: MessagePack encodes the type and the length of
    each value, and the dtype, the shape and the elements of an array. The `place` from which a record was read does not
    count: a file that was moved holds the same data.

    >>> digest(["ab", "c"]) == digest(iter(["ab", "c"])), digest(["ab", "c"]) == digest(["a", "bc"])
    (True, False)
    >>> digest([np.zeros(2)]) == digest([np.zeros((2, 1))])
    False
    """
    sha = hashlib.sha256()
    for value in values:
        sha.update(encoded(value))
    return sha.hexdigest()


def encoded(value: Any) -> bytes:
    """The bytes of a value, which are others for another value; see `digest`."""
    return _ENCODER.encode(_placeless(value))


def _placeless(value: Any) -> Any:
    return value._replace(place="") if "place" in getattr(value, "_fields", ()) else value


def _plain(value: Any) -> Any:
    """A value of a type unknown to MessagePack, converted to a known type."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return msgspec.msgpack.Ext(_ARRAY, _ENCODER.encode((value.dtype.descr, value.shape)) + value.tobytes())
    raise TypeError(f"expected plain values and arrays of them; got {type(value).__name__}")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain, order="deterministic")
