import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.wfdb import signals as formats

EVERY = st.sampled_from(sorted(formats.FORMATS))
GROUPED = {212: 2, 310: 3, 311: 3}
BITS = {8: 8, 16: 16, 24: 24, 32: 32, 61: 16, 80: 8, 160: 16, 212: 12, 310: 10, 311: 10}


def packed(numbers, format):
    """Number by number and group by group, as the manual describes the formats; the last group is filled with zeros."""
    if format in (8, 16, 24, 32, 61):
        order = "big" if format == 61 else "little"
        return b"".join(number.to_bytes(BITS[format] // 8, order, signed=True) for number in numbers)
    if format in (80, 160):
        half = 1 << (BITS[format] - 1)
        return b"".join((number + half).to_bytes(BITS[format] // 8, "little") for number in numbers)
    out, width = b"", GROUPED[format]
    for start in range(0, len(numbers), width):
        group = [number % (1 << BITS[format]) for number in numbers[start : start + width]]
        a, b, c = [*group, 0, 0][:3]
        if format == 212:
            out += bytes([a % 256, a // 256 + b // 256 * 16, b % 256])
        elif format == 310:
            out += (2 * a + c % 32 * 2048).to_bytes(2, "little") + (2 * b + c // 32 * 2048).to_bytes(2, "little")
        else:
            out += (a + b * 1024 + c * 1024**2).to_bytes(4, "little")
    return out


@st.composite
def numbers_of_a_format(draw):
    format = draw(EVERY)
    half = 1 << (BITS[format] - 1)
    return format, draw(st.lists(st.integers(-half, half - 1), max_size=20))


@given(numbers_of_a_format())
def test_bytes_are_as_the_manual_says(sample):
    format, numbers = sample
    content = packed(numbers, format)
    assert formats.encode(np.array(numbers, np.int64), format) == content
    assert formats.decode(content, format, len(numbers)).tolist() == numbers
    assert len(content) == formats.filled_size(format, len(numbers))


@given(numbers_of_a_format())
def test_the_last_group_may_be_cut_after_its_last_number(sample):
    format, numbers = sample
    least = formats.size(format, len(numbers))
    content = packed(numbers, format)[:least]
    assert formats.decode(content, format, len(numbers)).tolist() == numbers
    if numbers:
        assert formats.count(format, least - 1) < len(numbers) <= formats.count(format, least)


@given(EVERY, st.binary(max_size=40))
def test_any_bytes_hold_as_many_numbers_as_are_counted(format, content):
    total = formats.count(format, len(content))
    result = formats.decode(content, format).tolist()
    assert len(result) == total
    assert formats.size(format, total) <= len(content) < formats.size(format, total + 1)
    assert all(-(1 << (BITS[format] - 1)) <= number < 1 << (BITS[format] - 1) for number in result)


@pytest.mark.parametrize(
    ("content", "format", "numbers"),
    [
        ("ff7f0080", 16, [32767, -32768]),
        ("7fff8000", 61, [32767, -32768]),
        ("ffff0000", 160, [32767, -32768]),
        ("ff0080", 80, [127, -128, 0]),
        ("ffff7f000080", 24, [8388607, -8388608]),
        ("ffffff7f", 32, [2147483647]),
        ("e333f3", 212, [995, 1011]),
        ("fe030200", 310, [511, 1, 0]),
        ("0000f8ff", 310, [0, -4, -32]),
        ("ff05c01f", 311, [511, 1, 508]),
    ],
)
def test_known_bytes(content, format, numbers):
    assert formats.decode(bytes.fromhex(content), format).tolist() == numbers


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=20))
def test_the_checksum_is_the_sum_to_16_bits(numbers):
    assert (formats.checksum(np.array(numbers, np.int64)) - sum(numbers)) % 65536 == 0


def test_unknown_formats_are_refused_with_those_that_are_known():
    with pytest.raises(DataError, match=r"a\.hea: signal format 17; expected 8, 16, .*, 310 or 311: convert"):
        formats.check_format(17, "a.hea")
    with pytest.raises(DataError, match=r"signal format 516 \(FLAC\); expected 8, 16"):
        formats.check_format(516, "a.hea")
    with pytest.raises(DataError, match=r"a: cannot write signal format 8; expected 16, 24, .* or 311"):
        formats.check_writable(8, "a")
