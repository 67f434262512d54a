from collections import Counter

import numpy as np
import pytest

import elman
from elman import DataError
from elman.formats.wfdb.record import Annotations, Record, write_annotations, write_record
from elman.tasks.ecg.reading import read_strips
from elman.tasks.ecg.strip import Wave
from tests.formats.edf_bytes import Channel, annotations, edf


def record(folder, name="a", leads=("II", "V1"), rate=250.0, length=1000, **marked):
    """A record with annotations, `ending=(symbols, samples)`."""
    random = np.random.default_rng(0)
    signals = random.normal(size=(length, len(leads))).astype(np.float32)
    write_record(folder / name, Record(name, signals, rate, leads))
    for ending, (symbols, samples, *own) in marked.items():
        marks = Annotations.of(np.array(samples), tuple(symbols), rate=own[0] if own else None)
        write_annotations(folder / name, ending, marks)
    return folder / name


def spans(mask):
    """First and last sample of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, mask.astype(int), 0])).reshape(-1, 2)
    return [(int(first), int(last) - 1) for first, last in edges]


def test_ludb_has_the_published_waves(data_folder, unchecked):
    strips = read_strips(data_folder / "ecg" / "ludb.tar.xz")
    assert (len(strips), len({strip.patient for strip in strips})) == (2400, 200)
    assert {(len(strip.signal), strip.rate) for strip in strips} == {(5000, 500.0)}
    second = Counter(wave.kind for strip in strips if strip.lead == "ii" for wave in strip.waves)
    assert second == {"QRS": 1831, "P": 1401, "T": 1642}
    every = Counter(wave.kind for strip in strips for wave in strip.waves)
    # The README has 21,966, 16,797 and 19,666; of two leads it counts waves that were marked several times.
    assert every == {"QRS": 21_965, "P": 16_797, "T": 19_653}
    assert {beat.kind for strip in strips for beat in strip.beats} == {""}
    marked = sum(wave.has_onset and wave.has_end for strip in strips for wave in strip.waves)
    assert marked / every.total() > 0.997
    assert all(strip.known[wave.peak] for strip in strips for wave in strip.waves)


def test_a_record_of_ludb_has_the_marks_of_each_lead(data_folder):
    strips = read_strips(data_folder / "ecg" / "samples" / "ludb" / "1")
    assert [strip.lead for strip in strips][:4] == ["i", "ii", "iii", "avr"]
    first = strips[0]
    assert (first.record, first.patient, len(first.beats)) == ("1", "ludb 1", 6)
    assert first.waves[0] == Wave("QRS", 641, 664, 690)
    assert spans(first.known)[0][0] == 641
    assert {strip.waves[0].onset for strip in strips} != {641}


def test_the_qt_database_has_waves_of_some_beats_and_all_beats(data_folder):
    strips = read_strips(data_folder / "ecg" / "samples" / "qtdb" / "sel100")
    assert [(strip.lead, strip.patient, len(strip.beats)) for strip in strips] == [
        ("MLII", "mitdb 100", 1134),
        ("V5", "mitdb 100", 1134),
    ]
    assert Counter(wave.kind for wave in strips[0].waves) == {"P": 30, "QRS": 30, "T": 30}
    assert strips[0].waves[:3] == (
        Wave("P", 150_272, 150_290, 150_297),
        Wave("QRS", 150_316, 150_330, 150_334),
        Wave("T", 150_394, 150_394, 150_419),
    )
    # All 30 beats are one run, in which the samples before each T wave are not known, whose onset was not marked.
    known = spans(strips[0].known)
    assert (known[0], len(known), known[-1][1]) == ((150_272, 150_334), 31, strips[0].waves[-1].end)
    assert known[1][0] == 150_394
    assert strips[0].beats_known.all()


def test_mit_bih_has_beats_with_their_kinds(data_folder):
    strips = read_strips(data_folder / "ecg" / "samples" / "mitdb")
    assert [(strip.lead, strip.record, strip.patient) for strip in strips] == [
        ("MLII", "100", "mitdb 100"),
        ("V5", "100", "mitdb 100"),
    ]
    assert Counter(beat.kind for beat in strips[0].beats) == {"N": 2239, "S": 33, "V": 1}
    assert (strips[0].waves, strips[0].known.any(), strips[0].beats_known.all()) == ((), False, True)


def test_a_record_with_waves_in_its_atr_has_them_for_all_leads(tmp_path):
    place = record(tmp_path, atr=("(N)(t)(V)", range(100, 1000, 100)))
    strips = read_strips(place)
    assert [strip.lead for strip in strips] == ["II", "V1"]
    assert strips[0].waves == (Wave("QRS", 100, 200, 300), Wave("T", 400, 500, 600), Wave("QRS", 700, 800, 900))
    assert [beat.kind for beat in strips[0].beats] == ["N", "V"]
    assert spans(strips[0].known) == spans(strips[0].beats_known) == [(100, 900)]
    assert strips[0].patient == "record a"


def test_where_ventricles_flutter_no_beats_are_known(tmp_path):
    strips = read_strips(record(tmp_path, atr=("N[]V", [100, 300, 500, 700])))
    assert spans(strips[0].beats_known) == [(0, 299), (501, 999)]
    assert [beat.kind for beat in strips[0].beats] == ["N", "V"]


def test_without_atr_the_beats_of_the_qt_database_are_those_with_waves(tmp_path):
    strips = read_strips(record(tmp_path, "sel30", q1c=("(N)t)(N)(N)", range(50, 600, 50))))
    assert [(beat.sample, beat.kind) for beat in strips[0].beats] == [(100, ""), (350, ""), (500, "")]
    assert spans(strips[0].beats_known) == [(50, 550)]
    # Neither the onset of the first T wave nor the second T wave was marked.
    assert spans(strips[0].known) == [(50, 150), (200, 400), (450, 550)]
    assert strips[0].patient == "qtdb sel30"


def test_the_patients_of_two_databases_are_told(tmp_path):
    for name, rate, ending in (("202", 360.0, "atr"), ("sel233", 250.0, "q1c"), ("101", 250.0, "ii")):
        (tmp_path / name).mkdir()
        record(tmp_path / name, name, rate=rate, **{ending: ("(N)", [1, 2, 3])})
    assert {strip.record: strip.patient for strip in read_strips(tmp_path)} == {
        "202": "mitdb 201",
        "sel233": "mitdb 233",
        "101": "ludb 101",
    }


def test_where_a_lead_cannot_be_read_nothing_of_it_is_known(tmp_path):
    place, signals = (
        record(tmp_path, atr=("N" * 9, range(100, 1000, 100))),
        np.random.default_rng(0).normal(size=(1000, 2)),
    )
    signals[300:400, 1] = np.nan
    write_record(place, Record("a", signals.astype(np.float32), 250.0, ("II", "V1")))
    assert [spans(strip.beats_known) for strip in read_strips(place)] == [[(0, 999)], [(0, 299), (400, 999)]]


def test_annotations_at_another_resolution_are_moved(tmp_path):
    strips = read_strips(record(tmp_path, atr=("NV", [400, 800], 500.0)))
    assert [beat.sample for beat in strips[0].beats] == [200, 400]


def test_annotations_count_frames_where_leads_have_several_samples_in_one(tmp_path):
    (tmp_path / "a.hea").write_text("a 1 62.5 250\na.dat 16x4 100\n")
    (tmp_path / "a.dat").write_bytes(np.random.default_rng(0).integers(-99, 99, 1000).astype("<i2").tobytes())
    write_annotations(tmp_path / "a", "atr", Annotations.of(np.array([100, 249]), ("N", "V")))
    strips = read_strips(tmp_path / "a")
    assert (strips[0].rate, len(strips[0].signal)) == (250, 1000)
    assert [beat.sample for beat in strips[0].beats] == [400, 996]
    write_annotations(tmp_path / "a", "atr", Annotations.of(np.array([100, 249]), ("N", "V"), rate=250.0))
    assert [beat.sample for beat in read_strips(tmp_path / "a")[0].beats] == [100, 249]


def edf_record(path, *texts, patient="P7 F X X", **options):
    """An EDF+ file of three seconds, with an annotation in each."""
    rows = np.random.default_rng(0).integers(-999, 999, (3, 250))
    marks = [b"+%d\x14\x14\0+%d.5\x14%s\x14\0" % (second, second, text) for second, text in enumerate(texts)]
    channels = [Channel("ECG II", rows), *([annotations(*marks)] if texts else [])]
    path.write_bytes(edf(*channels, kind="EDF+C", patient=patient, **options))
    return path


def test_an_edf_file_may_hold_its_annotations(tmp_path):
    strips = read_strips(edf_record(tmp_path / "x.EDF", b"N", b"a remark", b"V"))
    assert [(strip.record, strip.lead, strip.patient, strip.rate) for strip in strips] == [("x", "ECG II", "P7", 250)]
    assert [(beat.sample, beat.kind) for beat in strips[0].beats] == [(125, "N"), (625, "V")]
    assert strips[0].beats_known.all()
    assert not strips[0].known.any()
    late = b"N\x14\0+3\x14the end"  # a remark may lie after the last sample
    assert len(read_strips(edf_record(tmp_path / "x.EDF", b"N", b"V", late))[0].beats) == 3
    with pytest.raises(DataError, match=r"x\.EDF: 1 of 4 annotations lie beyond .*\('V'\) at sample 750"):
        read_strips(edf_record(tmp_path / "x.EDF", b"N", b"V", b"N\x14\0+3\x14V"))
    strips = read_strips(edf_record(tmp_path / "x.EDF", b"(", b"N", b")"))
    assert strips[0].waves == (Wave("QRS", 125, 375, 625),)


def test_an_edf_file_may_have_annotations_beside_it(tmp_path):
    edf_record(tmp_path / "x.edf", patient="X X X X")
    with pytest.raises(DataError, match=r"x\.edf: no annotations; .* or an EDF\+ file with marks such as N and V"):
        read_strips(tmp_path)
    for name in ("x", "x.edf"):
        write_annotations(tmp_path / name, "atr", Annotations.of(np.array([100, 749]), ("N", "V")))
        strips = read_strips(tmp_path / "x.edf")
        assert [beat.sample for beat in strips[0].beats] == [100, 749]
        assert strips[0].patient == "record x"
        (tmp_path / f"{name}.atr").unlink()


def test_records_that_cannot_be_read_are_named_together_and_may_be_left_out(tmp_path):
    for name in ("a", "b", "c", "d"):
        record(tmp_path, name, atr=("NV", [100, 400]), leads=("II",))
    (tmp_path / "a.hea").write_text("a many 360\n")
    (tmp_path / "c.dat").unlink()
    for read in (read_strips, elman.Ecg().read):
        with pytest.raises(DataError, match=r"^2 of 4 records, a, c, cannot be read; mend them, or .*a\.hea, line 1"):
            read(tmp_path)
    task = elman.Ecg(on_error="skip", validation=1, test=0)
    data = task.read(tmp_path)
    assert data.notes[0].startswith("2 of 4 records, a, c, left out, since they cannot be read (")
    assert {strip.record for part in (data.train, data.validation) for strip in part.examples} == {"b", "d"}
    with pytest.raises(DataError, match=r"^[^,]*a\.hea, line 1"):
        task.read(tmp_path / "a")


def test_annotations_that_do_not_fit_are_refused(tmp_path):
    place = record(tmp_path, atr=("NV", [999, 1000]))
    with pytest.raises(DataError, match=r"a\.atr: 1 of 2 annotations lie beyond the record.*at sample 1,000"):
        read_strips(place)
    (tmp_path / "a.atr").unlink()
    with pytest.raises(DataError, match=r"a: no annotations; expected atr \(beats\), q1c \(waves\) or a file for each"):
        read_strips(place)


@pytest.mark.parametrize("others", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_records_that_are_segments_of_themselves_are_damaged(tmp_path, others):
    record(tmp_path, "a_1", length=20)
    for name, other in others.items():
        (tmp_path / f"{name}.hea").write_text(f"{name}/2 2 250 40\na_1 20\n{other} 20\n")
    with pytest.raises(DataError, match=r"a\.hea says|b\.hea says"):
        read_strips(tmp_path)
