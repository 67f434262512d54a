"""Decodes and encodes the numbers in WFDB signal files, in all formats of the WFDB manual (G. Moody, signal(5)) but
FLAC's: whole bytes (8, 16, 24, 32, 61, 80, 160) and groups of numbers that share bytes (212, 310, 311).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Int, Integer

from elman._errors import DataError

Writable = Literal[16, 24, 32, 61, 80, 160, 212, 310, 311]
"""Formats that can be written; the differences of format 8 hold only signals without steep slopes."""


class Packing(NamedTuple):
    """The bytes of a format."""

    bits: int
    """Bits of a number."""
    sizes: tuple[int, ...]
    """Bytes that the first numbers of a group need: of one, of two, and last of all, which fill the group."""


DIFFERENCES = 8
"""The format whose numbers are differences from the number before."""

FORMATS = {
    DIFFERENCES: Packing(8, (1,)),
    16: Packing(16, (2,)),  # low byte first
    24: Packing(24, (3,)),
    32: Packing(32, (4,)),
    61: Packing(16, (2,)),  # high byte first
    80: Packing(8, (1,)),  # 128 is 0
    160: Packing(16, (2,)),  # 32768 is 0
    212: Packing(12, (2, 3)),
    310: Packing(10, (2, 4, 4)),  # 2 x 16 bits: 11 with one more at the low end, and half of the third number
    311: Packing(10, (2, 3, 4)),  # 32 bits: 10, 10, 10, and two more at the high end
}
"""Formats that can be read."""

_FLAC = (508, 516, 524)
_SHIFTED = (80, 160)
_KINDS = {8: "i1", 16: "<i2", 32: "<i4", 61: ">i2", 80: "u1", 160: "<u2"}
"""NumPy's names for numbers of whole bytes."""

Numbers = Integer[np.ndarray, " number"]


def invalid(format: int) -> int | None:
    """The number that stands for a missing sample; None where the format has none.

    >>> invalid(16), invalid(212), invalid(8)
    (-32768, -2048, None)
    """
    return None if format == DIFFERENCES else -(1 << (FORMATS[format].bits - 1))


def check_format(format: int, place: str) -> None:
    """Refuses a format that cannot be read; `place` is for messages.

    >>> check_format(212, "100.hea")

    Raises:
        DataError: another format than those of `FORMATS`.
    """
    if format not in FORMATS:
        named = f"{format} (FLAC)" if format in _FLAC else str(format)
        *most, last = map(str, FORMATS)
        raise DataError(
            f"{place}: signal format {named}; expected {', '.join(most)} or {last}: convert the record, such as with "
            "WFDB's xform"
        )


def check_writable(format: int, place: str) -> None:
    """Refuses a format that cannot be written; `place` is for messages.

    >>> check_writable(212, "100")

    Raises:
        DataError: another format than those of `Writable`.
    """
    if format not in get_args(Writable):
        *most, last = map(str, get_args(Writable))
        raise DataError(f"{place}: cannot write signal format {format}; expected {', '.join(most)} or {last}")


def size(format: int, count: int) -> int:
    """The least number of bytes that hold `count` numbers.

    >>> size(16, 3), size(212, 3), size(311, 5)
    (6, 5, 7)
    """
    sizes = FORMATS[format].sizes
    groups, rest = divmod(count, len(sizes))
    return groups * sizes[-1] + (sizes[rest - 1] if rest else 0)


def filled_size(format: int, count: int) -> int:
    """The number of bytes that `count` numbers take where the last group is filled up.

    >>> filled_size(16, 3), filled_size(212, 3), filled_size(311, 5)
    (6, 6, 8)
    """
    sizes = FORMATS[format].sizes
    return -(-count // len(sizes)) * sizes[-1]


def count(format: int, size: int) -> int:
    """The most numbers that `size` bytes hold.

    >>> count(16, 6), count(212, 5), count(311, 7)
    (3, 3, 5)
    """
    sizes = FORMATS[format].sizes
    groups, rest = divmod(size, sizes[-1])
    return groups * len(sizes) + sum(part <= rest for part in sizes[:-1])


def decode(content: bytes, format: int, total: int | None = None) -> Numbers:
    """Decodes the first `total` numbers in bytes of a format, or all; those of format 8 stay differences.

    >>> decode(bytes([0xE3, 0x33, 0xF3]), 212).tolist()
    [995, 1011]
    """
    bits, sizes = FORMATS[format]
    total = count(format, len(content)) if total is None else total
    if format in _KINDS:
        numbers = np.frombuffer(content, _KINDS[format], total)
        return numbers.astype(np.int32) - (1 << (bits - 1)) if format in _SHIFTED else numbers
    padded = np.zeros(filled_size(format, total), np.uint8)
    padded[: size(format, total)] = np.frombuffer(content, np.uint8, size(format, total))
    columns = padded.reshape(-1, sizes[-1]).T.astype(np.int32)
    return _signed(np.stack(_unpacked(columns, format), axis=1).reshape(-1)[:total], bits)


def encode(numbers: Numbers, format: int) -> bytes:
    """Encodes numbers, which must fit the format, as bytes. The last group is filled with zeros, since not every reader
    accepts it without.

    >>> encode(np.array([995, 1011]), 212).hex()
    'e333f3'
    """
    bits, sizes = FORMATS[format]
    numbers = numbers.astype(np.int64)
    if format in _KINDS:
        return (numbers + (1 << (bits - 1)) if format in _SHIFTED else numbers).astype(_KINDS[format]).tobytes()
    padded = np.zeros(-(-len(numbers) // len(sizes)) * len(sizes), np.int64)
    padded[: len(numbers)] = numbers & ((1 << bits) - 1)
    packed = _packed(padded.reshape(-1, len(sizes)).T, format)
    return np.stack(packed, axis=1).astype(np.uint8).tobytes()


def checksum(numbers: Numbers) -> int:
    """The sum of numbers as a signed 16-bit number.

    >>> checksum(np.array([40000, 40000])), checksum(np.array([-1]))
    (14464, -1)
    """
    return (int(numbers.sum(dtype=np.int64)) + 0x8000) % 0x10000 - 0x8000


def _unpacked(columns: Int[np.ndarray, "byte group"], format: int) -> list[np.ndarray]:
    """The numbers of groups without their signs, from the bytes of groups."""
    if format == 24:
        return [columns[0] | columns[1] << 8 | columns[2] << 16]
    if format == 212:
        return [columns[0] | (columns[1] & 0x0F) << 8, columns[2] | (columns[1] & 0xF0) << 4]
    low, high = columns[0] | columns[1] << 8, columns[2] | columns[3] << 8
    if format == 310:
        return [low >> 1 & 0x3FF, high >> 1 & 0x3FF, low >> 11 | high >> 11 << 5]
    return [low & 0x3FF, low >> 10 | (high & 0x0F) << 6, high >> 4 & 0x3FF]


def _packed(numbers: Int[np.ndarray, "number group"], format: int) -> list[np.ndarray]:
    """The bytes of groups, up to higher bits, from the numbers of groups without their signs."""
    if format == 24:
        return [numbers[0], numbers[0] >> 8, numbers[0] >> 16]
    if format == 212:
        return [numbers[0], numbers[0] >> 8 | numbers[1] >> 8 << 4, numbers[1]]
    first, second, third = numbers
    if format == 310:
        low, high = first << 1 | (third & 0x1F) << 11, second << 1 | third >> 5 << 11
    else:
        low, high = first | second << 10, second >> 6 | third << 4
    return [low, low >> 8, high, high >> 8]


def _signed(numbers: Numbers, bits: int) -> Numbers:
    sign = 1 << (bits - 1)
    return (numbers ^ sign) - sign
