"""Readers never crash: whatever is in a file, they give values or an error that says what is wrong with it.

`python -m tests.fuzz --count 1000000` tries more of the same mutations.
"""

import pytest

from elman import InputError
from tests.fuzz.harness import faults, mutation, written
from tests.fuzz.readers import OF_FOLDERS, READERS

FEW, MANY = 50, 2000

pytestmark = pytest.mark.usefixtures("unchecked")  # shape checks would hide what users see


@pytest.mark.parametrize("name", READERS)
def test_what_is_mutated_can_be_read(name, tmp_path):
    for number, seed in enumerate(READERS[name].seeds()):
        place = written(tmp_path / str(number), seed)
        errors = [
            _error(read, place if name in OF_FOLDERS else place / next(iter(seed))) for read in READERS[name].reads
        ]
        assert None in errors, errors


@pytest.mark.parametrize("name", READERS)
def test_mutated_files(name):
    assert list(faults(name, range(FEW))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_mutated_files(name):
    assert list(faults(name, range(FEW, MANY))) == []


def test_a_mutation_is_the_same_each_time():
    assert mutation("pairs", 7) == mutation("pairs", 7) != mutation("pairs", 9)


def _error(read, place):
    try:
        read(place)
    except InputError as error:
        return error
    return None
