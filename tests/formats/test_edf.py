import numpy as np
import pytest

from elman import DataError
from elman.formats.edf import EdfMark, read_edf
from tests.formats.edf_bytes import Channel, annotations, edf

NAN = np.nan
ECG = Channel("ECG II", [[-32768, 0, 32767], [1, 2, 3]])


def test_digital_values_become_physical_ones():
    records = read_edf(edf(ECG, ECG._replace(label="ABP", unit="mmHg", physical=(300, 0), digital=(0, 100))), "a.edf")
    assert (records.rate, records.labels, records.units) == (3, ("ECG II", "ABP"), ("mV", "mmHg"))
    numbers = np.array([-32768, 0, 32767, 1, 2, 3])
    np.testing.assert_allclose(records.values[:, 0], numbers / 1e4, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(records.values[:, 1], 300 - 3 * numbers, rtol=1e-6)
    assert records.values.dtype == np.float32


def test_the_finest_signal_has_all_its_samples_and_others_are_repeated():
    channel = Channel("Resp", [[1], [2]], "", (0, 100), (0, 100))
    fine = Channel("ECG", [[5, 6, 7, 8], [9, 10, 11, 12]], "uV", (0, 100), (0, 100))
    records = read_edf(
        edf(channel, fine, Channel("x", [[1, 2, 3], [4, 5, 6]], "", (0, 9), (0, 9)), duration=0.5), "a.edf"
    )
    assert records.rate == 8
    np.testing.assert_allclose(records.values[:, 0], [1] * 4 + [2] * 4)
    np.testing.assert_allclose(records.values[:, 1], range(5, 13))
    np.testing.assert_allclose(records.values[:, 2], [1, 1, 2, 3, 4, 4, 5, 6])


def test_bdf_has_24_bits():
    channel = Channel("Ref", [[-8388608, 8388607, 5]], "uV", (-8388608, 8388607), (-8388608, 8388607))
    records = read_edf(edf(channel, bits=24), "a.bdf")
    np.testing.assert_allclose(records.values[:, 0], [-8388608, 8388607, 5], rtol=1e-6)


def test_annotations_count_from_the_first_sample():
    marks = annotations(
        b"+0.5\x14\x14\0+0.5\x14N\x14\0+1.25\x150.5\x14a\x14b\x14\0", b"+1.5\x14\x14\0+1\x14V\xc3\xa9\x14\0"
    )
    records = read_edf(edf(ECG, marks, kind="EDF+C"), "a.edf")
    assert records.labels == ("ECG II",)
    assert records.marks == (
        EdfMark(0, 0, "N"), EdfMark(0.5, 0, "Vé"), EdfMark(0.75, 0.5, "a"), EdfMark(0.75, 0.5, "b")
    )  # fmt: skip
    assert read_edf(edf(ECG, marks._replace(label="BDF Annotations"), kind="BDF+C"), "a.bdf").marks == records.marks


def test_annotations_may_take_several_signals():
    more = annotations(b"+0.25\x14S\x14\0", b"")
    records = read_edf(
        edf(ECG, annotations(b"+0\x14\x14\0", b"+1\x14\x14\0+1\x14N\x14\0"), more, kind="EDF+C"), "a.edf"
    )
    assert [mark.text for mark in records.marks] == ["S", "N"]


def test_pauses_are_gaps_and_rounded_onsets_are_none():
    def values(*onsets, kind="EDF+D"):
        marks = annotations(*(b"+%s\x14\x14\0" % onset for onset in onsets))
        return read_edf(edf(ECG, marks, kind=kind), "a.edf").values[:, 0] * 1e4

    first, second = [-32768, 0, 32767], [1, 2, 3]
    np.testing.assert_allclose(values(b"10", b"12"), [*first, NAN, NAN, NAN, *second], rtol=1e-5, atol=1e-5)
    for onset in (b"11", b"11.3", b"10.7"):
        np.testing.assert_allclose(values(b"10", onset), [*first, *second], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(values(b"10", b"12", kind="EDF+C"), [*first, *second], rtol=1e-5, atol=1e-5)
    with pytest.raises(DataError, match=r"a\.edf: data record 2 begins before the one before it ends"):
        values(b"10", b"10")
    with pytest.raises(DataError, match=r"a\.edf: expands from 12 bytes to more than 67,108,864"):
        values(b"10", b"10000000")
    with pytest.raises(DataError, match="data record 2 begins after 1e"):
        values(b"10", b"1000000000000")


@pytest.mark.parametrize(
    ("patient", "kind", "expected", "comments"),
    [
        ("MCH-0234567 F 02-MAY-1951 Haagse_Harry", "EDF+C", "MCH-0234567", 1),
        ("X F 02-MAY-1951 Haagse_Harry", "EDF+C", "Haagse_Harry", 1),
        ("X F X X", "EDF+C", "", 1),
        ("X X X X", "EDF+C", "", 0),
        ("Harry, 51", "", "Harry, 51", 1),
        ("anonymous", "", "", 0),
        ("", "", "", 0),
    ],
)
def test_patients_have_their_code_or_name(patient, kind, expected, comments):
    records = read_edf(edf(ECG, annotations(b"+0\x14\x14\0", b"+1\x14\x14\0"), kind=kind, patient=patient), "a.edf")
    assert records.patient == expected
    assert records.comments == (patient,) * comments
    assert (
        read_edf(edf(ECG, patient=patient, recording="Startdate X X X holter"), "a.edf").comments[-1].endswith("holter")
    )


def test_a_file_may_be_that_of_a_recorder_which_was_stopped():
    whole = edf(ECG, count=-1)
    assert len(read_edf(whole, "a.edf").values) == 6
    assert len(read_edf(whole[:-1], "a.edf").values) == 3
    assert len(read_edf(edf(ECG) + b"\0\0\0", "a.edf").values) == 6  # not a whole data record


def test_signals_without_a_scale_have_no_unit():
    records = read_edf(edf(ECG, ECG._replace(label="-", digital=(0, 0)), ECG._replace(physical=(1, 1))), "a.edf")
    assert records.units == ("mV", "uncalibrated", "uncalibrated")
    assert np.isnan(records.values).all(axis=0).tolist() == [False, True, True]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_fields_are_utf_8_or_latin_1(encoding):
    unit = "µV".encode(encoding)
    content = edf(ECG._replace(unit=len(unit) * "?")).replace(len(unit) * b"?", unit)
    assert read_edf(content, "a.edf").units == ("µV",)


def test_numbers_may_have_commas_and_fields_zeros():
    assert read_edf(edf(ECG._replace(physical=("-3,2768", "3,2767\0"))), "a.edf").values[3, 0] == pytest.approx(1e-4)


NUMBERS = [
    (dict(duration="x"), "the duration of a data record: expected a number; got 'x'"),
    (dict(duration=0), "data records of 0 s; expected the time that 3 samples take"),
    (dict(duration=-1), "data records of -1 s"),
    (dict(count="1e9"), "the number of data records: expected a whole number from -1 on; got '1e9'"),
    (dict(count=3), "2 data records; its header says 3: the file is cut short"),
    (dict(count=1), "2 data records; its header says 1: correct the header"),
    (dict(kind="EDF+D"), "0 of 2 data records say when they begin; expected all"),
]


@pytest.mark.parametrize(("options", "message"), NUMBERS)
def test_damaged_headers_are_named(options, message):
    with pytest.raises(DataError, match=f"a.edf[:,] {message}"):
        read_edf(edf(ECG, **options), "a.edf")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no EDF file"),
        (b"RIFF" + b" " * 300, "no EDF file"),
        (edf(ECG)[:400], "a header of 512 bytes for 1 signals, in 400 bytes"),
        (edf(ECG)[:252] + b"9999" + edf(ECG)[256:], "a header of 512 bytes for 9,999 signals"),
        (edf(), "no signal in it"),
        (edf(annotations(b"+0\x14\x14\0")), "no signal in it"),
        (edf(ECG._replace(physical=("nan", 1))), "signal 'ECG II', its physical limit: expected a number; got 'nan'"),
        (edf(ECG._replace(digital=("", 1))), "signal 'ECG II', its digital limit: expected a number; got ''"),
        (edf(ECG, annotations(b"0\x14\x14\0", b"")), "data record 1: expected an annotation such as .*; got '0"),
        (edf(ECG, annotations(b"+0\x14\x14\0", b"+1e5\x14\x14\0")), r"data record 2: expected .* got '\+1e5"),
        (edf(ECG, annotations(b"+0", b"")), "data record 1: expected an annotation"),
    ],
)
def test_damaged_files_are_named(content, message):
    with pytest.raises(DataError, match=f"a.edf[:,] {message}"):
        read_edf(content, "a.edf")
