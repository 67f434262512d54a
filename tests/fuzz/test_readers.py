"""Readers never crash: whatever is in a file, they give values or an error that says what is wrong with it.

`python -m tests.fuzz --count 1000000` tries more of the same mutations.
"""

import pytest

from elman import InputError
from tests.fuzz.harness import faults, faults_of, mutation, written
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


@pytest.mark.slow
def test_the_time_is_not_quadratic_in_the_number_of_columns_series_and_classes():
    """Where it is, these take longer than the harness allows."""
    numbers = range(20_000)
    names, ones = ",".join(f"c{number}" for number in numbers), ",1" * len(numbers)
    files = {
        "forecast-table": {"a.csv": f"ds,{names}\n" + "".join(f"2020-01-0{day}{ones}\n" for day in (1, 2))},
        "recognition": {"a.csv": f"ds,{names}\n2020-01-01{ones}\n"},
        "series-table": {"a.csv": "series,x,label\n" + "".join(f"s{number},1,a\n" for number in numbers)},
        "labelled-texts": {"a.csv": "text,label\n" + "".join(f"x,c{number // 2}\n" for number in numbers)},
        "sktime-ts": {"a.ts": f"@classLabel true {names.replace(',', ' ')}\n@data\n" + "1,2:c19999\n" * len(numbers)},
        "conllu": {"a.conllu": "".join(f"{number + 1}\tw\t_\tX{6 * chr(9)}_\n" for number in numbers)},
    }
    for name, content in files.items():
        assert list(faults_of(name, [(0, {file: text.encode() for file, text in content.items()})])) == []


def test_a_mutation_is_the_same_each_time():
    assert mutation("pairs", 7) == mutation("pairs", 7) != mutation("pairs", 9)


def _error(read, place):
    try:
        read(place)
    except InputError as error:
        return error
    return None
