import numpy as np
import pytest

from elman import DataError
from elman.tasks.ecg.split import DS1, DS2, split_by_patient
from elman.tasks.ecg.strip import Strip


def strips(*patients):
    none = np.zeros(1, bool)
    strip = Strip(np.zeros(1, np.float32), 1.0, "", "", "", (), (), none, none)
    return [strip._replace(patient=patient, lead=lead) for patient in patients for lead in ("I", "II")]


def patients(part):
    return {strip.patient for strip in part}


LUDB = [f"ludb {number}" for number in range(1, 201)]


def test_patients_are_dealt_out_by_the_seed():
    parts = split_by_patient(strips(*LUDB), validation=0.1, test=0.4, seed=0)
    assert [len(patients(part)) for part in parts] == [100, 20, 80]
    assert [len(part) for part in parts] == [200, 40, 160]
    assert not patients(parts.train) & patients(parts.test)
    assert not (patients(parts.train) | patients(parts.test)) & patients(parts.validation)
    again = split_by_patient(strips(*LUDB), validation=0.1, test=0.4, seed=0)
    assert patients(again.test) == patients(parts.test)
    assert patients(split_by_patient(strips(*LUDB), validation=0.1, test=0.4, seed=1).test) != patients(parts.test)


def test_the_test_part_does_not_depend_on_the_validation_part():
    few, many = (split_by_patient(strips(*LUDB), validation=share, test=0.4).test for share in (0.0, 0.2))
    assert patients(few) == patients(many)


def test_mit_bih_is_split_by_name():
    here = [f"mitdb {n}" for n in (101, 106, 108, 109, 112, 119, 201, 203, 208, 215)]
    there = [f"mitdb {n}" for n in (100, 103, 105, 111, 200, 213, 214, 221, 231, 233)]
    parts = split_by_patient(strips(*here, *there, "mitdb 102", *LUDB), validation=0.1, test=0.4)
    assert {p for p in patients(parts.test) if p.startswith("mitdb")} == set(there)
    rest = patients(parts.train) | patients(parts.validation)
    assert {p for p in rest if p.startswith("mitdb")} == {*here, "mitdb 102"}
    assert sum(p.startswith("ludb") for p in patients(parts.test)) == 80
    assert sum(p.startswith("mitdb") for p in patients(parts.validation)) == 1


def test_one_half_of_mit_bih_alone_is_dealt_out():
    parts = split_by_patient(strips(*DS2), validation=0.1, test=0.4)
    assert len(patients(parts.test)) == 8
    assert patients(split_by_patient(strips(*DS1, *DS2), validation=0.1, test=0).train) & set(DS2)


def test_mit_bih_alone_is_split_by_name_too():
    parts = split_by_patient(strips(*DS1, *DS2), validation=0.1, test=0.4)
    assert patients(parts.test) == set(DS2)
    assert [len(patients(part)) for part in (parts.train, parts.validation)] == [20, 2]


def test_the_lists_are_those_of_de_chazal():
    assert (len(DS1), len(DS2), set(DS1) & set(DS2)) == (22, 21, set())


def test_somebody_is_left_to_learn_from():
    with pytest.raises(DataError, match="leave none to train on"):
        split_by_patient(strips("a"), validation=0.5, test=0.5)
    with pytest.raises(DataError, match="leave none to train on"):
        split_by_patient([], validation=0.1, test=0.1)
