"""Decodes and encodes the numbers in WFDB signal files: formats 16 (two bytes each, the low one first) and 212 (two of
12 bits in three bytes), after the WFDB manual (G. Moody, signal(5)).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer

from elman._errors import DataError

FORMATS = (16, 212)
"""Formats that can be read and written."""

BITS = {16: 16, 212: 12}

Numbers = Integer[np.ndarray, " number"]


def invalid(format: int) -> int:
    """The number that stands for a missing sample.

    >>> invalid(16), invalid(212)
    (-32768, -2048)
    """
    return -(1 << (BITS[format] - 1))


def check_format(format: int, place: str) -> None:
    """Refuses an unknown format; `place` is for messages.

    >>> check_format(212, "100.hea")

    Raises:
        DataError: another format than those of `FORMATS`.
    """
    if format not in FORMATS:
        raise DataError(
            f"{place}: signal format {format}; expected {' or '.join(map(str, FORMATS))}: convert the record, such as "
            "with WFDB's xform"
        )


def size(format: int, count: int) -> int:
    """The number of bytes that `count` numbers take.

    >>> size(16, 3), size(212, 3)
    (6, 5)
    """
    return 2 * count if format == 16 else (3 * count + 1) // 2


def count(format: int, size: int) -> int:
    """The number of numbers that `size` bytes hold.

    >>> count(16, 6), count(212, 5)
    (3, 3)
    """
    return size // 2 if format == 16 else 2 * size // 3


def decode(content: bytes, format: int) -> Numbers:
    """Decodes the numbers in bytes of a format.

    >>> decode(bytes([0xE3, 0x33, 0xF3]), 212).tolist()
    [995, 1011]
    """
    total = count(format, len(content))
    if format == 16:
        return np.frombuffer(content, "<i2", total)
    padded = np.zeros(3 * ((total + 1) // 2), np.uint8)
    padded[: size(212, total)] = np.frombuffer(content, np.uint8, size(212, total))
    low, middle, high = padded.reshape(-1, 3).T.astype(np.int16)
    pairs = np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], axis=1)
    return (pairs.reshape(-1)[:total] ^ 0x800) - 0x800  # the sign is in bit 11


def encode(numbers: Numbers, format: int) -> bytes:
    """Encodes numbers, which must fit the format, as bytes.

    >>> encode(np.array([995, 1011]), 212).hex()
    'e333f3'
    """
    if format == 16:
        return numbers.astype("<i2").tobytes()
    padded = np.zeros(2 * ((len(numbers) + 1) // 2), np.int64)
    padded[: len(numbers)] = numbers & 0xFFF
    first, second = padded.reshape(-1, 2).T
    triples = np.stack([first & 0xFF, first >> 8 | (second >> 8) << 4, second & 0xFF], axis=1)
    return triples.astype(np.uint8).tobytes()[: size(212, len(numbers))]


def checksum(numbers: Numbers) -> int:
    """The sum of numbers as a signed 16-bit number.

    >>> checksum(np.array([40000, 40000])), checksum(np.array([-1]))
    (14464, -1)
    """
    return (int(numbers.sum(dtype=np.int64)) + 0x8000) % 0x10000 - 0x8000
