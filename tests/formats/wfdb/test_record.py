import shutil
import tarfile
from pathlib import Path

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
    found = read_annotations(data_folder / "ecg" / "samples" / "mitdb" / "100")
    assert (len(found.samples), found.symbols.count("N"), found.symbols.count("A")) == (2274, 2239, 33)
    assert (found.samples[:3].tolist(), found.symbols[:3], found.notes[0]) == ([18, 77, 370], ("+", "N", "N"), "(N")


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


@pytest.mark.parametrize("format", formats.FORMATS)
@given(signals=SIGNALS, shift=st.sampled_from([0.0, 100.0, -1e5]))
def test_what_is_written_is_read_to_half_a_step(format, signals, shift, tmp_path_factory):
    place = tmp_path_factory.mktemp("wfdb") / "a"
    record = Record("a", (signals + np.float32(shift)), 250.5, tuple("xyz"[: signals.shape[1]]), comments=("one",))
    write_record(place, record, format=format)
    found = read_record(place)
    assert (found.leads, found.rate, found.comments, found.name) == (record.leads, 250.5, ("one",), "a")
    np.testing.assert_array_equal(np.isnan(found.signals), np.isnan(record.signals))
    reach = 10 if format == 16 else 160  # half a step: 5 mV over 2,000 steps at the least, and rounding of 1e5
    assert np.nanmax(np.abs(found.signals - record.signals), initial=0) <= reach * 5e-5 + 1e-7 * abs(shift)


@beside_wfdb
@pytest.mark.parametrize("format", formats.FORMATS)
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
    found = wfdb.rdann(str(tmp_path / "a"), "atr")
    assert (found.sample.tolist(), found.symbol, found.fs) == ([3, 5000, 100_000], ["N", "V", '"'], 360)
    assert (found.aux_note, found.num.tolist(), found.chan.tolist()) == (["", "", "one"], [0, 2, 2], [1, 0, 1])


@beside_wfdb
@pytest.mark.parametrize("format", ["16", "212"])
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
    header = "a 4 100 6\na.dat 16x2+4 100(7)/mV 16 0\na.dat 16:2+4 50/mV 16 3\nb.dat 16 10\nb.dat 16:1 10(5)/uV\n"
    place = files(tmp_path, header, a=random.integers(-99, 99, 2 + 18), b=random.integers(-99, 99, 12))
    found, other = read_record(place), wfdb.rdrecord(str(place))
    np.testing.assert_allclose(found.signals[:, 1:], other.p_signal[:, 1:].astype(np.float32), rtol=1e-6)
    frames = np.fromfile(tmp_path / "a.dat", "<i2")[2:].reshape(6, 3)
    np.testing.assert_allclose(found.signals[:, 0], ((frames[:, :2] - 7) / 100).mean(axis=1), rtol=1e-6)


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
    found = read_record(tmp_path / "m")
    assert (found.leads, found.rate) == (("II", "V1"), 250)
    np.testing.assert_allclose(found.signals, np.concatenate(pieces), atol=5.1e-4)
    np.testing.assert_array_equal(found.signals, wfdb.rdrecord(str(tmp_path / "m")).p_signal.astype(np.float32))


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
        ("a 1 250 6\na.dat 310 200 16 0 1 22 0 II\n", "lead II: signal format 310; expected 16 or 212"),
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
    with pytest.raises(DataError, match=r"as many samples in each file; a\.dat has 4, b\.dat has 2"):
        read_record(files(tmp_path, "a 2\na.dat 16\nb.dat 16\n", a=[1, 2, 3, 4], b=[1, 2]))


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
