import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.wfdb import signals as formats


def decoded_212(content, total):
    """Number by number, as the manual describes the format."""
    found = []
    for index in range(total):
        at = index // 2 * 3
        value = (
            content[at] | (content[at + 1] & 15) << 8 if index % 2 == 0 else content[at + 2] | content[at + 1] >> 4 << 8
        )
        found.append(value - 4096 if value > 2047 else value)
    return found


@given(st.binary(max_size=40))
def test_format_212_is_two_numbers_of_12_bits_in_3_bytes(content):
    total = formats.count(212, len(content))
    assert formats.decode(content, 212).tolist() == decoded_212(content, total)
    assert formats.size(212, total) <= len(content)


@given(st.lists(st.integers(-2048, 2047), max_size=20), st.sampled_from(formats.FORMATS))
def test_what_is_written_is_read(numbers, format):
    content = formats.encode(np.array(numbers, np.int64), format)
    assert len(content) == formats.size(format, len(numbers))
    assert formats.count(format, len(content)) == len(numbers)
    assert formats.decode(content, format).tolist() == numbers


@given(st.lists(st.integers(-32768, 32767), max_size=20))
def test_format_16_is_the_low_byte_first(numbers):
    content = formats.encode(np.array(numbers, np.int64), 16)
    assert content == b"".join(number.to_bytes(2, "little", signed=True) for number in numbers)
    assert formats.decode(content, 16).tolist() == numbers
    assert (formats.checksum(np.array(numbers, np.int64)) - sum(numbers)) % 65536 == 0


def test_an_unknown_format_is_refused_with_those_that_are_known():
    with pytest.raises(DataError, match=r"a\.hea: signal format 80; expected 16 or 212"):
        formats.check_format(80, "a.hea")
