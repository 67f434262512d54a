"""Splits ECGs into parts by patient: strips of one patient are never in two parts."""

from __future__ import annotations

from collections.abc import Sequence

from elman.tasks.data import Parts, split
from elman.tasks.ecg.strip import Strip

DS1 = tuple(f"mitdb {n}" for n in (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124))
DS1 += tuple(f"mitdb {n}" for n in (201, 203, 205, 207, 208, 209, 215, 220, 223, 230))
"""Patients of MIT-BIH to train on, after de Chazal et al. (2004)."""

DS2 = tuple(f"mitdb {n}" for n in (100, 103, 105, 111, 113, 117, 121, 123))
DS2 += tuple(f"mitdb {n}" for n in (200, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234))
"""Patients of MIT-BIH to test on. Record 202 is left out: it is of the same patient as 201, which is in DS1."""


def split_by_patient(strips: Sequence[Strip], *, validation: float, test: float, seed: int = 0) -> Parts:
    """Splits patients at random, the same for the same seed. Where some patients of MIT-BIH are in DS2 and others are
    not, those of DS2 are the test part of MIT-BIH.

    Args:
        strips: all strips.
        validation, test: shares of the patients.
        seed: seed of the random numbers.

    Raises:
        DataError: no patient would be left to train on.

    >>> import numpy as np
    >>> def strip(patient): return Strip(np.zeros(1), 1.0, "", "", patient, (), (), *np.ones((2, 1), bool))
    >>> parts = split_by_patient([strip("mitdb 101"), strip("mitdb 100"), strip("a")], validation=0, test=0.1)
    >>> [[strip.patient for strip in part] for part in parts]
    [['mitdb 101', 'a'], [], ['mitdb 100']]
    """
    patients = list(dict.fromkeys(strip.patient for strip in strips))
    mit = [patient for patient in patients if patient.startswith("mitdb ")]
    tested = [patient for patient in mit if patient in DS2] if test else []
    named = mit if 0 < len(tested) < len(mit) else []
    others, groups = [patient for patient in patients if patient not in named], list[Parts]()
    if others or not named:
        groups.append(split(others, validation=validation, test=test, seed=seed))
    if named:
        learned = split([p for p in mit if p not in tested], validation=validation, test=0, seed=seed)
        groups.append(learned._replace(test=tested))
    parts = [{patient for part in same for patient in part} for same in zip(*groups, strict=True)]
    return Parts(*([strip for strip in strips if strip.patient in part] for part in parts))
