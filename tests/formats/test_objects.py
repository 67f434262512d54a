import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.objects import scalar_of, values_of

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text('aé:"\\\n한')


def scalars(text):
    return {name: scalar_of(value, f"line 7, {name}") for name, value in values_of(text, "line 7").items()}


@given(st.dictionaries(st.text('ab:"\n'), SCALARS))
def test_values_are_those_that_were_written(values):
    expected = {
        name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
    assert scalars(json.dumps(values)) == expected


def test_numbers_of_any_size_are_as_written():
    number = "9" * 6000
    assert scalars(f'{{"a": {number}, "b:": -1.50e+3 }}') == {"a": number, "b:": "-1.50e+3"}


def test_what_is_nested_does_no_harm_where_it_is_not_read():
    values = values_of('{"a": [1, {"b": 2, "b": 3}], "c": 4}', "line 7")
    assert scalar_of(values["c"], "c") == "4"
    with pytest.raises(DataError, match="^line 7: a is nested; expected a text or a number$"):
        scalar_of(values["a"], "line 7: a")


def test_a_column_of_texts_takes_texts_and_null():
    values = values_of('{"a": "3", "b": null, "c": 3, "d": true}', "line 7")
    assert [scalar_of(values[name], name, text_only=True) for name in "ab"] == ["3", ""]
    for name, written in {"c": "3", "d": "true"}.items():
        with pytest.raises(DataError, match=f'^{name} is {written}; expected a text, in quotes: "{written}"$'):
            scalar_of(values[name], name, text_only=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('"a"', "expected a JSON object"),
        ('{"a": 1', "expected a JSON object"),
        ('{"a": 1} 2', "expected a JSON object"),
        ('{"a": NaN}', "expected a JSON object"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' is there twice; expected each name once"),
        ('{"a": "\\ud800"}', "expected a JSON object"),
        ('{"a": "x\\u0000"}', r"a has '\\x00', which is no character of a text"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": 1, "b": ":", "c": ' + "[" * 900 + "]" * 900 + "}", "nested"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(DataError, match=f"^line 7.*{message}"):
        scalars(text)
