import math

import pytest

from elman import DataError
from elman.formats.numbers import number_of


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
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(DataError, match=message):
        number_of(text, "line 8")
