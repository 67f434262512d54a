import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.wfdb.annotations import SYMBOLS, Annotations, decode_annotations, encode_annotations
from tests.conformance.peers import peer


def words(*values, text=b""):
    return struct.pack(f"<{len(values)}H", *values) + text


def code(kind, value=0):
    return kind << 10 | value


END = words(0)


def test_the_bytes_of_the_manual():
    # Marks at 10, 10 + 70,000 (a skip, the high half first) and 3 before, with properties of which two carry over.
    content = words(code(1, 10), code(62, 1), code(61, 5), code(60, 2))
    content += words(code(59), 1, 70_000 - 65_536, code(5, 0))
    content += words(code(59), 0xFFFF, 0xFFFD, code(22, 0), code(63, 3), text=b"ab\0\0") + words(code(60, 0xFF))
    result = decode_annotations(content + END, "a.atr")
    assert result.samples.tolist() == [10, 70_010, 70_007]
    assert result.symbols == ("N", "V", '"')
    assert result.subtypes.tolist() == [5, 0, 0]
    assert result.channels.tolist() == [1, 1, 1]
    assert result.numbers.tolist() == [2, 2, -1]
    assert result.notes == ("", "", "ab")
    assert result.rate is None


def test_a_word_without_a_code_is_time_and_no_mark():
    content = words(code(1, 10), code(59), 0xFFFF, 0xFFFF, 1, code(5, 3)) + END
    result = decode_annotations(content, "a.atr")
    assert (result.samples.tolist(), result.symbols) == ([10, 13], ("N", "V"))


def test_what_follows_the_end_mark_is_padding():
    assert decode_annotations(words(code(1, 10)) + END + b"\0\0\0\0", "a.atr").samples.tolist() == [10]
    assert decode_annotations(END, "a.atr").symbols == ()


MARKS = st.tuples(
    st.integers(0, 3000) | st.integers(0, 100_000),
    st.sampled_from(sorted(SYMBOLS.values())),
    st.integers(-128, 127),
    st.integers(0, 255),
    st.integers(-128, 127),
    st.sampled_from(["", "", "(N", "a note", "ü"]),
)


@given(st.lists(MARKS, max_size=8), st.sampled_from([None, 250.0, 360.5]))
def test_what_is_written_is_read(marks, rate):
    steps, symbols, subtypes, channels, numbers, notes = zip(*marks, strict=True) if marks else ((),) * 6
    columns = (np.array(column, np.int64) for column in (subtypes, channels, numbers))
    written = Annotations(np.cumsum(np.array(steps, np.int64)), symbols, *columns, notes, rate)
    result = decode_annotations(encode_annotations(written), "a.atr")
    for one, other in zip(result, written, strict=True):
        np.testing.assert_array_equal(one, other)


def test_codes_without_a_symbol_are_named_by_their_numbers():
    content = words(*(code(kind, 1) for kind in (15, 17, *range(42, 50)))) + END
    result = decode_annotations(content, "a.atr")
    assert result.symbols == ("[15]", "[17]", *(f"[{kind}]" for kind in range(42, 50)))
    assert encode_annotations(result) == content


OWN = st.sampled_from(["Z", "§", "beat", "[42]", "[22]", "[99]", "N", "V", "[47]", '"'])


@given(st.lists(OWN, max_size=9), st.sampled_from([None, 250.0]))
def test_symbols_of_ones_own_are_defined_in_the_file(symbols, rate):
    written = Annotations.of(np.arange(1, 1 + len(symbols)), tuple(symbols), rate=rate)
    result = decode_annotations(encode_annotations(written), "a.atr")
    assert (result.symbols, result.samples.tolist(), result.rate) == (written.symbols, written.samples.tolist(), rate)


def test_a_file_has_codes_for_eight_symbols_of_ones_own():
    symbols = tuple(f"x{number}" for number in range(8))
    assert decode_annotations(encode_annotations(Annotations.of(np.arange(8), symbols)), "a.atr").symbols == symbols
    with pytest.raises(DataError, match="no code for the annotation symbol 'x8'; a file can define 8 beside N L"):
        encode_annotations(Annotations.of(np.arange(9), (*symbols, "x8")))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_symbols_of_ones_own_are_as_in_the_wfdb_package(tmp_path):
    wfdb = peer("wfdb")
    written = Annotations.of(np.array([5, 70_000, 70_001]), ("Z", "N", "zz!"), rate=250.0)
    (tmp_path / "a.atr").write_bytes(encode_annotations(written))
    records = wfdb.rdann(str(tmp_path / "a"), "atr")
    assert (records.symbol, records.sample.tolist(), records.fs) == (["Z", "N", "zz!"], [5, 70_000, 70_001], 250)
    own = {"custom_labels": [(42, "Y", "a strange beat"), (49, "z", "another one")]}
    wfdb.wrann("b", "atr", np.array([3, 9]), ["z", "Y"], fs=360, write_dir=str(tmp_path), **own)
    records = decode_annotations((tmp_path / "b.atr").read_bytes(), "b.atr")
    assert (records.symbols, records.samples.tolist(), records.rate) == (("z", "Y"), [3, 9], 360)


def test_a_file_may_define_codes_of_its_own():
    def note(text):
        return words(code(22), code(63, len(text)), text=text + b"\0" * (len(text) % 2))

    head = note(b"## time resolution: 500") + note(b"## annotation type definitions")
    head += note(b"42 Z a strange beat") + note(b"## end of definitions")
    result = decode_annotations(head + words(code(42, 9)) + END, "a.atr")
    assert (result.samples.tolist(), result.symbols, result.rate) == ([9], ("Z",), 500.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1", "1 byte; expected an even number: the file is cut short or damaged"),
        (b"", "ends before its end mark: the file is cut short"),
        (words(code(1, 10)), "ends before its end mark"),
        (words(code(59), 1), "ends before its end mark"),
        (words(code(1, 1), code(63, 5), text=b"ab"), "ends before its end mark"),
        (words(code(61, 1)) + END, "begins with a property before any mark"),
        (words(code(50, 1)) + END, "a mark of code 50, which has no meaning"),
        (words(code(22), code(63, 22), text=b"## time resolution: 0\0") + END, "expected samples a second"),
        (words(code(22), code(63, 26), text=b"## time resolution: 1e-300") + END, "expected samples a second"),
    ],
)
def test_damaged_files_are_named(content, message):
    with pytest.raises(DataError, match=f"a.atr: {message}"):
        decode_annotations(content, "a.atr")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(samples=np.array([5, 4])), "sample 4 after one at 5; expected samples from 0 on in order of time"),
        (dict(samples=np.array([-1, 4])), "sample -1 after one at 0"),
        (dict(symbols=("N", "a b")), "'a b' is no annotation symbol; expected one word, such as N"),
        (dict(symbols=("N", "")), "'' is no annotation symbol"),
        (dict(subtypes=np.array([0, 200])), "subtype 200, number 0 and channel 0; expected -128 to 127"),
        (dict(notes=("x" * 256, "")), "the note at sample 1 has 256 bytes; expected 255 at most"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        encode_annotations(Annotations.of(np.array([1, 4]), ("N", "N"))._replace(**change))
