import gzip
import lzma
import shutil
import tarfile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from elman import DataError, ShapeError
from elman.formats.wfdb import signals as formats
from elman.formats.wfdb.record import (
    Annotations,
    Record,
    Scale,
    read_annotations,
    read_record,
    write_annotations,
    write_record,
)
from tests.conformance.peers import peer
from tests.formats.edf_bytes import Channel, annotations, edf
from tests.formats.wfdb.test_signals import BITS, GROUPED, packed

WRITABLE = get_args(formats.Writable)


def beside_wfdb(test):
    """For a test that needs the wfdb package, whose own warnings are not ours."""
    return pytest.mark.slow(pytest.mark.filterwarnings("ignore::DeprecationWarning")(test))


SAMPLES = {"mitdb/100": ("atr",), "qtdb/sel100": ("atr", "q1c", "man", "pu0"), "ludb/1": ("i", "avf", "v6")}


def files(folder, header, **contents):
    """A record `a` in a folder: the text of its header, and the numbers of its files in format 16."""
    (folder / "a.hea").write_text(header)
    for name, numbers in contents.items():
        (folder / f"{name}.dat").write_bytes(np.array(numbers, "<i2").tobytes())
    return folder / "a"


def same(record, other):
    """Whether a record is that of the wfdb package, sample for sample."""
    assert (record.rate, record.leads, record.units) == (other.fs, tuple(other.sig_name), tuple(other.units))
    assert record.comments == tuple(other.comments)
    np.testing.assert_array_equal(record.signals, other.p_signal.astype(np.float32))


@pytest.mark.parametrize("name", SAMPLES)
def test_real_records_have_the_values_that_their_headers_say(name, data_folder):
    record = read_record(data_folder / "ecg" / "samples" / name)
    expected = {
        "mitdb/100": (360.0, (650_000, 2), ("MLII", "V5"), [(995 - 1024) / 200, (1011 - 1024) / 200]),
        "qtdb/sel100": (250.0, (225_000, 2), ("MLII", "V5"), [945 / 200, 955 / 200]),
        "ludb/1": (500.0, (5000, 12), None, [(-120 - 6) / 1716, (25 - 2) / 1206]),
    }[name]
    assert (record.rate, record.signals.shape, record.name) == (*expected[:2], name.split("/")[1])
    assert record.leads == (expected[2] or ("i", "ii", "iii", "avr", "avl", "avf", *(f"v{n}" for n in range(1, 7))))
    np.testing.assert_allclose(record.signals[0, :2], expected[3], rtol=1e-6)
    assert record.signals.dtype == np.float32


def test_the_beats_of_a_real_record(data_folder):
    records = read_annotations(data_folder / "ecg" / "samples" / "mitdb" / "100")
    assert (len(records.samples), records.symbols.count("N"), records.symbols.count("A")) == (2274, 2239, 33)
    assert (records.samples[:3].tolist(), records.symbols[:3], records.notes[0]) == (
        [18, 77, 370],
        ("+", "N", "N"),
        "(N",
    )


@beside_wfdb
@pytest.mark.parametrize("name", SAMPLES)
def test_real_records_are_those_of_the_wfdb_package(name, data_folder):
    wfdb, place = peer("wfdb"), data_folder / "ecg" / "samples" / name
    same(read_record(place), wfdb.rdrecord(str(place)))
    for extension in SAMPLES[name]:
        ours, theirs = read_annotations(place, extension), wfdb.rdann(str(place), extension)
        assert ours.symbols == tuple(theirs.symbol)
        assert ours.notes == tuple(note.rstrip("\0") for note in theirs.aux_note)
        for one, other in zip(
            (ours.samples, ours.subtypes, ours.channels, ours.numbers),
            (theirs.sample, theirs.subtype, theirs.chan, theirs.num),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


@beside_wfdb
def test_a_record_in_an_archive_is_that_of_the_wfdb_package(data_folder, tmp_path):
    wfdb, archive, member = peer("wfdb"), data_folder / "ecg" / "ludb.tar.xz", "ludb/data/114"
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, [m for m in tar if m.name.startswith(f"{member}.")], filter="data")
    same(read_record(archive / member), wfdb.rdrecord(str(tmp_path / member)))
    ours = read_annotations(archive / member, "ii")
    np.testing.assert_array_equal(ours.samples, wfdb.rdann(str(tmp_path / member), "ii").sample)


SIGNALS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 3)),
    elements=st.floats(-5, 5, width=32) | st.just(np.float32("nan")),
)


@pytest.mark.parametrize("format", WRITABLE)
@given(signals=SIGNALS, shift=st.sampled_from([0.0, 100.0, -1e5]))
def test_what_is_written_is_read_to_half_a_step(format, signals, shift, tmp_path_factory):
    place = tmp_path_factory.mktemp("wfdb") / "a"
    record = Record("a", (signals + np.float32(shift)), 250.5, tuple("xyz"[: signals.shape[1]]), comments=("one",))
    write_record(place, record, format=format)
    records = read_record(place)
    assert (records.leads, records.rate, records.comments, records.name) == (record.leads, 250.5, ("one",), "a")
    np.testing.assert_array_equal(np.isnan(records.signals), np.isnan(record.signals))
    step = 25 / 2 ** BITS[format]  # 5 mV over a fifth of the numbers on one side of 0, at the least
    assert np.nanmax(np.abs(records.signals - record.signals), initial=0) <= step / 2 + 2e-7 * (5 + abs(shift))


@beside_wfdb
@pytest.mark.parametrize("format", WRITABLE)
def test_what_is_written_is_read_by_the_wfdb_package(format, tmp_path):
    wfdb, random = peer("wfdb"), np.random.default_rng(0)
    signals = random.normal(size=(1001, 3)).astype(np.float32) * [1, 10, 0.01] + np.float32(0.5)
    signals[5:9, 1] = np.nan
    record = Record("a", signals.astype(np.float32), 360.0, ("I", "II (left)", "V1"), ("mV", "uV", "V"), ("a test",))
    write_record(tmp_path / "a", record, format=format)
    same(read_record(tmp_path / "a"), wfdb.rdrecord(str(tmp_path / "a")))
    marks = Annotations.of(np.array([3, 5000, 100_000]), ("N", "V", '"'), rate=360.0)
    marks = marks._replace(notes=("", "", "one"), numbers=np.array([0, 2, 2]), channels=np.array([1, 0, 1]))
    write_annotations(tmp_path / "a", "atr", marks)
    result = wfdb.rdann(str(tmp_path / "a"), "atr")
    assert (result.sample.tolist(), result.symbol, result.fs) == ([3, 5000, 100_000], ["N", "V", '"'], 360)
    assert (result.aux_note, result.num.tolist(), result.chan.tolist()) == (["", "", "one"], [0, 2, 2], [1, 0, 1])


@beside_wfdb
@pytest.mark.parametrize("format", ["16", "24", "32", "80", "212"])
def test_what_the_wfdb_package_writes_is_read(format, tmp_path):
    wfdb, random = peer("wfdb"), np.random.default_rng(1)
    wfdb.wrsamp(
        "b",
        fs=128,
        units=["mV", "mmHg"],
        sig_name=["II", "ABP"],
        p_signal=random.normal(size=(333, 2)),
        fmt=[format, format],
        comments=["by wfdb"],
        write_dir=str(tmp_path),
    )
    same(read_record(tmp_path / "b"), wfdb.rdrecord(str(tmp_path / "b")))


@beside_wfdb
def test_skews_offsets_frames_and_files_are_as_in_the_wfdb_package(tmp_path):
    wfdb, random = peer("wfdb"), np.random.default_rng(2)
    header = "a 4 100 6\na.dat 16x2+4 100(7)/mV 16 0\na.dat 16:2+4 50/mV 16 3\nb.dat 16x3 10\nb.dat 16:1 10(5)/uV\n"
    place = files(tmp_path, header, a=random.integers(-99, 99, 2 + 18), b=random.integers(-99, 99, 24))
    records, other = read_record(place), wfdb.rdrecord(str(place), smooth_frames=False)
    assert (records.rate, records.frame_rate) == (300, 100)
    for signal, expected, own in zip(records.signals.T, other.e_p_signal, (2, 1, 3, 1), strict=True):
        held = np.arange(18) // 3 * own + np.arange(18) % 3 * own // 3
        np.testing.assert_array_equal(signal, expected.astype(np.float32)[held])


def test_the_finest_lead_has_all_its_samples_and_others_are_repeated(tmp_path):
    record = read_record(files(tmp_path, "a 2 62.5 2\na.dat 16x4 1\na.dat 16x2:1 1\n", a=range(12)))
    assert (record.rate, record.frame_rate) == (250, 62.5)
    nan = np.nan
    np.testing.assert_array_equal(record.signals.T, [[0, 1, 2, 3, 6, 7, 8, 9], [10, 10, 11, 11, nan, nan, nan, nan]])


@pytest.mark.parametrize("format", GROUPED)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_filling_bytes_after_the_last_sample_hold_none(format, length, tmp_path):
    missing = formats.invalid(format)
    numbers = [missing or 0, *range(2, length), *([-5] if length > 1 else [])]
    place, total = files(tmp_path, f"a 1 250 {length}\na.dat {format} 1\n"), packed(numbers, format)
    expected = np.array([np.nan if number == missing else number for number in numbers], np.float32)
    for end in range(formats.size(format, length), len(total) + 1):
        (tmp_path / "a.dat").write_bytes(total[:end])
        np.testing.assert_array_equal(read_record(place).signals[:, 0], expected)
    (tmp_path / "a.dat").write_bytes(packed([*numbers, 0, 0, 0], format))
    with pytest.raises(DataError, match="too many"):
        read_record(place)
    (tmp_path / "a.dat").write_bytes(total[: formats.size(format, length) - 1])
    with pytest.raises(DataError, match="too few"):
        read_record(place)


DIFFERENCES = "a 2 250 3\na.dat 8x2 10(0)/mV 12 3 7 -87 0 II\na.dat 8 1 12 -4\n"


def test_differences_begin_at_the_initial_value_or_else_at_the_middle(tmp_path):
    place = files(tmp_path, DIFFERENCES)
    (tmp_path / "a.dat").write_bytes(packed([0, 2, -1, -5, 1, -2, 3, -128, 127], 8))
    record = read_record(place)
    np.testing.assert_allclose(record.signals[:, 0], np.array([7, 9, 4, 5, 8, -120], np.float32) / 10)
    assert record.signals[:, 1].tolist() == [-1, -1, -3, -3, 124, 124]  # -4 and 4: the middle is 0 units


@beside_wfdb
def test_differences_are_as_in_the_wfdb_package(tmp_path):
    wfdb, place = peer("wfdb"), files(tmp_path, "a 2 250 3\na.dat 8 10(0)/mV 12 0 7 0 0 II\na.dat 8 1 12 0 -4 0 0 V\n")
    (tmp_path / "a.dat").write_bytes(packed([0, -1, 5, 2, -128, 127], 8))
    same(read_record(place), wfdb.rdrecord(str(place)))


def test_leads_in_several_files_of_different_formats_are_one_record(tmp_path):
    place = files(tmp_path, "a 3 250 3\na.dat 16 1\nb.dat 80+2 1\na.dat 16 1\n", a=[1, 2, 3, 4, 5, -32768])
    (tmp_path / "b.dat").write_bytes(bytes([9, 9, 129, 0, 127]))
    assert read_record(place).signals[:2].tolist() == [[1, 1, 2], [3, pytest.approx(np.nan, nan_ok=True), 4]]
    np.testing.assert_array_equal(read_record(place).signals[2], [5, -1, np.nan])


CHALLENGE = """E1.mat 2 500 3 05-May-2020 09:49:17
E1.mat 16+24 1000/mV 16 0 -268 -267 0 I
E1.mat 16+24 1000/mV 16 0 -107 0 0 II
#Age: 71
#Sex: Female
#Dx: 270492004,39732003
"""


def test_a_challenge_record_is_a_matrix_of_matlab_4(tmp_path):
    numbers = np.array([[-268, -107], [0, 5], [1, -32768]], "<i2")
    head = np.array([30, 2, 3, 0, 4], "<i4").tobytes() + b"val\0"  # int16, a row for each lead, columns one by one
    (tmp_path / "E1.mat").write_bytes(head + numbers.tobytes())
    (tmp_path / "E1.hea").write_text(CHALLENGE)
    for place in (tmp_path / "E1", tmp_path / "E1.mat", tmp_path):
        record = read_record(place)
        np.testing.assert_array_equal(record.signals, np.array([[-268, -107], [0, 5], [1, np.nan]], np.float32) / 1000)
        assert (record.name, record.leads, record.rate) == ("E1", ("I", "II"), 500)
        assert record.comments == ("Age: 71", "Sex: Female", "Dx: 270492004,39732003")
    (tmp_path / "E1.hea").write_text(CHALLENGE.replace("-268 -267", "-268 -266"))
    with pytest.raises(DataError, match="lead I: .*checksum -267; the header says -266: .* or write 0 as the checksum"):
        read_record(tmp_path / "E1")


def test_a_file_in_a_folder_that_is_not_there_lies_beside_its_header(tmp_path):
    (tmp_path / "1_mean.hea").write_text("mean_beats/1_mean 1 500 2\nmean_beats/1_mean.dat 16 1 16 0 1 3 0 I\n")
    (tmp_path / "1_mean.dat").write_bytes(packed([1, 2], 16))
    assert read_record(tmp_path / "1_mean").signals.tolist() == [[1], [2]]


def pieces(folder):
    """A record in pieces: II and V1 of 3 samples, a pause of 2, V1 alone of 2."""
    for name, leads, rows in (("m1", ("II", "V1"), [[1, 2], [3, 4], [5, 6]]), ("m2", ("V1",), [[7], [8]])):
        lines = "".join(f"{name}.dat 16 100/mV 16 0 {rows[0][i]} 0 0 {lead}\n" for i, lead in enumerate(leads))
        lines = lines.replace(" 0 0 II", f" {sum(r[0] for r in rows)} 0 II")
        lines = lines.replace(" 0 0 V1", f" {sum(r[-1] for r in rows)} 0 V1")
        (folder / f"{name}.hea").write_text(f"{name} {len(leads)} 250 {len(rows)}\n{lines}")
        (folder / f"{name}.dat").write_bytes(np.array(rows, "<i2").tobytes())
    lines = "~ 0 100/mV 0 0 0 0 0 II\n~ 0 100/mV 0 0 0 0 0 V1\n"
    (folder / "m_layout.hea").write_text(f"m_layout 2 250 0\n{lines}")
    (folder / "m.hea").write_text("m/4 2 250 7\nm_layout 0\nm1 3\n~ 2\nm2 2\n")
    return folder / "m"


def test_leads_of_the_same_name_in_pieces_are_joined_in_their_order(tmp_path):
    (tmp_path / "m.hea").write_text("m/4 3 250 5\nm_layout 0\nm1 2\n~ 1\nm2 2\n")
    line = "~ 0 1/mV 0 0 0 0 0 "
    (tmp_path / "m_layout.hea").write_text(f"m_layout 3 250 0\n{line}ECG\n{line}V\n{line}ECG\n")
    for name, leads, numbers in (("m1", ("ECG", "ECG"), [1, 2, 3, 4]), ("m2", ("V", "ECG"), [5, 6, 7, 8])):
        lines = "".join(f"{name}.dat 16 1/mV 16 0 0 0 0 {lead}\n" for lead in leads)
        (tmp_path / f"{name}.hea").write_text(f"{name} 2 250 2\n{lines}")
        (tmp_path / f"{name}.dat").write_bytes(packed(numbers, 16))
    record, nan = read_record(tmp_path / "m"), np.nan
    np.testing.assert_array_equal(record.signals, [[1, nan, 2], [3, nan, 4], [nan, nan, nan], [6, 5, nan], [8, 7, nan]])
    assert record.leads == ("ECG", "V", "ECG")
    (tmp_path / "m_layout.hea").write_text(f"m_layout 2 250 0\n{line}ECG\n{line}V\n")
    with pytest.raises(DataError, match=r"m1\.hea: lead 'ECG' is not among those of m\.hea"):
        read_record(tmp_path / "m")
    (tmp_path / "m_layout.hea").write_text(f"m_layout 2 250 0\n{line.replace('mV', 'uV')}ECG\n{line}ECG\n")
    with pytest.raises(DataError, match=r"m1\.hea: lead 'ECG' is in 'mV', and in 'uV' in other pieces"):
        read_record(tmp_path / "m")


def test_pieces_have_the_rate_of_the_finest_lead_in_any_of_them(tmp_path):
    (tmp_path / "m.hea").write_text("m/3 1 125 3\nm1 1\n~ 1\nm2 1\n")
    for name, frame, numbers in (("m1", 1, [1]), ("m2", 2, [2, 3])):
        (tmp_path / f"{name}.hea").write_text(f"{name} 1 125 1\n{name}.dat 16x{frame} 1 16 0 0 0 0 II\n")
        (tmp_path / f"{name}.dat").write_bytes(packed(numbers, 16))
    record = read_record(tmp_path / "m")
    np.testing.assert_array_equal(record.signals[:, 0], [1, 1, np.nan, np.nan, 2, 3])
    assert (record.rate, record.frame_rate) == (250, 125)


def test_a_piece_without_length_has_that_of_its_record(tmp_path):
    place = pieces(tmp_path)
    (tmp_path / "m2.hea").write_text("m2 1 250\nm2.dat 16 100/mV 16 0 7 15 0 V1\n")
    assert read_record(place).signals[-1, 1] == pytest.approx(0.08)
    (tmp_path / "m2.dat").write_bytes(packed([7, 8, 9], 16))
    with pytest.raises(DataError, match=r"m2\.dat: 3 samples of each lead; .* says 2: 1 too many"):
        read_record(place)


def test_a_record_in_pieces_is_whole_with_gaps(tmp_path):
    record = read_record(pieces(tmp_path))
    nan = np.nan
    expected = [[1, 2], [3, 4], [5, 6], [nan, nan], [nan, nan], [nan, 7], [nan, 8]]
    np.testing.assert_allclose(record.signals, np.array(expected, np.float32) / 100)
    assert (record.leads, record.units, record.rate) == (("II", "V1"), ("mV", "mV"), 250)
    assert read_record(tmp_path).name == "m"  # in a folder, its pieces are no records


@beside_wfdb
def test_a_record_in_pieces_is_that_of_the_wfdb_package(tmp_path):
    wfdb, place = peer("wfdb"), pieces(tmp_path)
    np.testing.assert_array_equal(read_record(place).signals, wfdb.rdrecord(str(place)).p_signal.astype(np.float32))


@beside_wfdb
def test_pieces_without_a_layout_have_the_leads_of_the_first(tmp_path):
    wfdb, random, pieces = peer("wfdb"), np.random.default_rng(0), []
    for name in ("m1", "m2"):
        pieces.append(random.normal(size=(4, 2)).astype(np.float32))
        write_record(tmp_path / name, Record(name, pieces[-1], 250.0, ("II", "V1")), scales=[Scale(1000)] * 2)
    (tmp_path / "m.hea").write_text("m/2 2 250 8\nm1 4\nm2 4\n")
    records = read_record(tmp_path / "m")
    assert (records.leads, records.rate) == (("II", "V1"), 250)
    np.testing.assert_allclose(records.signals, np.concatenate(pieces), atol=5.1e-4)
    np.testing.assert_array_equal(records.signals, wfdb.rdrecord(str(tmp_path / "m")).p_signal.astype(np.float32))


def test_pieces_that_do_not_fit_are_refused(tmp_path):
    place = pieces(tmp_path)
    (tmp_path / "m2.hea").write_text("m2 1 250 2\nm2.dat 16 100/mV 16 0 7 15 0 V9\n")
    with pytest.raises(DataError, match=r"m2\.hea: lead 'V9' is not among those of .*m\.hea"):
        read_record(place)
    (tmp_path / "m2.hea").write_text("m2 1 125 2\nm2.dat 16\n")
    with pytest.raises(DataError, match=r"m2\.hea: 2 samples at 125 Hz; .*m\.hea says 2 at 250"):
        read_record(place)
    (tmp_path / "m2.hea").unlink()
    with pytest.raises(DataError, match=r"no file m2\.hea"):
        read_record(place)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a 2 250 4\na.dat 16\na.dat 16\n", r"a\.dat: 3 samples of each lead; .*a\.hea says 4: 1 too few"),
        ("a 2 250 1\na.dat 16\na.dat 16\n", r"a\.dat: 3 samples of each lead; .*a\.hea says 1: 2 too many"),
        ("a 1 250 6\na.dat 16 200 16 0 1 22 0 II\n", r"lead II: .* the checksum 21; the header says 22"),
        ("a 1 250 6\na.dat 516 200 16 0 1 22 0 II\n", r"lead II: signal format 516 \(FLAC\); expected 8, 16"),
        ("a 1 250\na.dat 16x0 200 16 0 1 22 0 II\n", "line 2: 0 samples in a frame; expected 1 or more"),
        ("a 1 250 1099511627776\n~ 0 200\n", "expands from 0 bytes to more than 67,108,864, as bombs do"),
        ("a 2 250 6\na.dat 16\n~ 0x999999999 1\n", "expands from 12 bytes"),
        ("a/1 2 250\n~ 1099511627776\n", "expands from 0 bytes"),
        ("a/2 1 250\nb 1\n~ 9999999999\n", r"b: no file|no file b\.hea"),
        ("a 1 0 6\na.dat 16\n", "a rate of 0"),
        ("a 1 250 6\nb.dat 16\n", r"no file b\.dat, which .*a\.hea names; did you mean 'a\.dat'\?$"),
        ("a 2 250 3\na.dat 16\na.dat 212\n", "different formats or offsets"),
    ],
)
def test_a_header_that_disagrees_with_its_data_is_refused(header, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_record(files(tmp_path, header, a=[1, 2, 3, 4, 5, 6]))


def test_a_header_without_length_takes_that_of_its_files(tmp_path):
    assert read_record(files(tmp_path, "a 2\na.dat 16 1\na.dat 16 1\n", a=[1, 2, 3, 4])).signals.tolist() == [
        [1, 2],
        [3, 4],
    ]
    with pytest.raises(DataError, match=r"as many samples in each file; 'a\.dat' has 4, 'b\.dat' has 2"):
        read_record(files(tmp_path, "a 2\na.dat 16\nb.dat 16\n", a=[1, 2, 3, 4], b=[1, 2]))


def test_a_long_pause_is_read_where_there_is_as_much_beside_it(tmp_path, monkeypatch):
    files(tmp_path, "a 1 250 4\na.dat 16 1\n", a=[1, 2, 3, 4])
    (tmp_path / "m.hea").write_text("m/2 1 250\na 4\n~ 20000000\n")
    with pytest.raises(DataError, match=r"m\.hea: expands from 8 bytes .* ELMAN_MAX_EXPANSION to more than 50"):
        read_record(tmp_path / "m")
    (tmp_path / "m.hea").write_text("m/2 1 250\na 4\n~ 2000\n")
    assert np.isnan(read_record(tmp_path / "m").signals).sum() == 2000


def test_leads_of_no_frames_have_no_samples(tmp_path):
    assert read_record(files(tmp_path, "a 2 250\na.dat 16\n~ 0x999999999\n", a=[])).signals.shape == (0, 2)


def test_places_may_be_files_folders_and_archives(tmp_path, monkeypatch):
    folder = tmp_path / "inner"
    folder.mkdir()
    place = files(folder, "a 1 250 2\na.dat 16 1\n", a=[1, 2])
    with tarfile.open(tmp_path / "all.tar.xz", "w:xz") as tar:
        tar.add(folder, "x/inner")
    monkeypatch.chdir(folder)
    for where in (place, f"{place}.hea", f"{place}.dat", folder, tmp_path / "all.tar.xz", "a", "../inner/a.hea"):
        assert read_record(where).signals.tolist() == [[1], [2]]
    inside = read_record(tmp_path / "all.tar.xz" / "x" / "inner" / "a")
    assert inside.place == f"{tmp_path}/all.tar.xz/x/inner/a"
    for where, message in (
        (tmp_path / "inner" / "b", r"no such WFDB record; expected a header b\.hea"),
        (tmp_path / "inner" / "a.atr", r"no such WFDB record; expected a header a\.atr\.hea"),
        (tmp_path / "inner" / "ab.hea", r"no such WFDB record; did you mean 'a'\?; expected a header ab\.hea"),
        (tmp_path / "none" / "b", "no such file or folder"),
        (tmp_path / "all.tar.xz" / "x" / "b", "no WFDB record in it"),
        (shutil.copytree(folder, tmp_path / "two") and tmp_path, "3 records"),
    ):
        with pytest.raises(DataError, match=message):
            read_record(where)
    with pytest.raises(DataError, match=r"no file a\.atr"):
        read_annotations(place)


@pytest.mark.parametrize("ending", ["HEA", "hea.gz", "Hea.XZ"])
def test_headers_and_signals_may_be_in_capitals_or_compressed(ending, tmp_path):
    place = files(tmp_path, "a 1 250 2\na.dat 16 1\n", a=[1, 2])
    write_annotations(place, "atr", Annotations.of(np.array([1]), ("N",)))
    compress = {"HEA": bytes, "hea.gz": gzip.compress, "Hea.XZ": lzma.compress}[ending]
    for old in ("hea", "dat", "atr"):
        new = ending if old == "hea" else ending.lower().replace("hea", old.upper())
        content = (tmp_path / f"a.{old}").read_bytes()
        (tmp_path / f"a.{old}").unlink()
        (tmp_path / f"a.{new}").write_bytes(compress(content))
    for where in (place, f"{place}.{ending}", tmp_path, f"{place}.hea", f"{place}.dat"):
        assert read_record(where).signals.tolist() == [[1], [2]]
        assert read_annotations(where).symbols == ("N",)


def test_hidden_files_are_no_records(tmp_path):
    files(tmp_path, "a 1 250 2\na.dat 16 1\n", a=[1, 2])
    (tmp_path / "._a.hea").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".old").mkdir()
    files(tmp_path / ".old", "a 1 250 2\na.dat 16 1\n", a=[1, 2])
    assert read_record(tmp_path).name == "a"


def test_a_name_with_blanks_is_refused_where_a_header_would_have_to_hold_it(tmp_path):
    with pytest.raises(DataError, match="a b: a header cannot hold a name with blanks"):
        write_record(tmp_path / "a b", Record("a b", np.zeros((1, 1), np.float32), 250.0, ("I",)))


def test_an_edf_file_is_a_record(tmp_path):
    rows = [[10, -20], [30, 40]]
    content = edf(
        Channel("ECG", rows, "uV"), annotations(b"+0\x14\x14\0+0.5\x14V\x14\0", b"+1\x14\x14\0+1\x14on\x14\0")
    )
    for name in ("x.edf", "x.EDF.gz"):
        folder = tmp_path / name[-1]
        folder.mkdir()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        for place in (folder, folder / name, folder / "x"):
            record = read_record(place)
            np.testing.assert_allclose(record.signals[:, 0], np.array([10, -20, 30, 40]) / 1e4, rtol=1e-5)
            assert (record.name, record.leads, record.units, record.rate) == ("x", ("ECG",), ("uV",), 2)
            assert (record.marks.samples.tolist(), record.marks.symbols) == ([1, 2], ("V", '"'))
            assert (record.marks.notes, record.marks.rate) == (("", "on"), 2)


def test_a_header_beside_an_edf_file_describes_it(tmp_path):
    (tmp_path / "x.edf").write_bytes(edf(Channel("ECG", [[10, -20], [30, 40]])))
    (tmp_path / "x.hea").write_text("x 1 1 2\nx.edf 16x2+512 10(0)/uV 16 0 0 0 0 II\n")
    for place in (tmp_path, tmp_path / "x", tmp_path / "x.edf"):
        record = read_record(place)
        assert (record.leads, record.units, record.rate, record.frame_rate) == (("II",), ("uV",), 2, 1)
        assert record.signals[:, 0].tolist() == [1, -2, 3, 4]


def test_scales_are_taken_and_checked(tmp_path):
    record = Record("a", np.array([[0.5], [1.0]], np.float32), 250.0, ("II",))
    write_record(tmp_path / "a", record, format=212, scales=[Scale(200, 1024)])
    assert "a.dat 212 200(1024)/mV 12 0 1124 2348 0 II" in Path(tmp_path, "a.hea").read_text()
    with pytest.raises(DataError, match="lead II: values from 0.5 to 1 do not fit format 212 with a gain of 5000"):
        write_record(tmp_path / "a", record, format=212, scales=[Scale(5000)])
    with pytest.raises(DataError, match="lead II: infinite values"):
        write_record(tmp_path / "a", record._replace(signals=np.array([[np.inf]], np.float32)))
    with pytest.raises(ShapeError, match="2 leads for 1 signals"):
        write_record(tmp_path / "a", record._replace(leads=("I", "II")))
