import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.numbers import LARGEST_WHOLE, number_of, number_text, whole_of


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "NaN", "?", "null", "None"])
def test_fields_that_say_nothing_are_not_numbers(text):
    assert math.isnan(number_of(text, "here"))


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), (" -2.5e3 ", -2500.0), ("3.4e38", 3.4e38)])
def test_numbers(text, value):
    assert number_of(text, "here") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("?0.2", "line 8: expected a number; got '\\?0.2'"),
        ("1,5", "got '1,5'"),
        ("inf", "expected a finite number"),
        ("1e39", "of 3.4e\\+38 at most; got '1e39'"),
        ("1_000", "expected a number; got '1_000'"),
        ("9" * 5000, "expected a finite number, of 3.4e\\+38 at most; got '9{40}'$"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(DataError, match=message):
        number_of(text, "line 8")


@pytest.mark.parametrize(("text", "value"), [("0", 0), (" 15 ", 15), (str(LARGEST_WHOLE), LARGEST_WHOLE)])
def test_whole_numbers(text, value):
    assert whole_of(text, "here") == value


@pytest.mark.parametrize("text", ["", "1.5", "-1", "1_0", "²", "9" * 5000])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(DataError, match="line 8: expected a whole number from 0 on; got '"):
        whole_of(text, "line 8")


def test_whole_numbers_beyond_64_bits_are_refused():
    with pytest.raises(DataError, match="line 8: expected a whole number of at most 9,223,372,036,854,775,807; got"):
        whole_of(str(LARGEST_WHOLE + 1), "line 8")


@given(st.floats(allow_infinity=False, allow_nan=False, width=32))
def test_a_number_of_float32_reads_back(value):
    assert np.float32(number_of(number_text(np.float32(value)), "here")) == np.float32(value)
    assert len(number_text(np.float32(value))) <= 47


@given(st.floats(min_value=-3e38, max_value=3e38))
def test_a_number_of_float64_reads_back(value):
    assert number_of(number_text(value), "here") == value == number_of(number_text(np.float64(value)), "here")


def test_a_missing_number_reads_back():
    assert np.isnan(number_of(number_text(np.nan), "here"))
