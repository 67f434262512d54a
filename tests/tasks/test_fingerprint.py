from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from elman.tasks.fingerprint import digest


class Point(NamedTuple):
    at: Any
    mask: Any
    place: str = "a file"


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


class Named(msgspec.Struct, frozen=True, tag="named"):
    left: Any
    right: Any


DIFFERENT = [
    [],
    [""],
    ["", ""],
    ["ab", "c"],
    ["a", "bc"],
    ["abc"],
    [("a", "b"), "c"],
    ["a", ("b", "c")],
    [b"abc"],
    [1],
    [1.0],
    [True],
    ["1"],
    [None],
    [-0.0],
    [0.0],
    [2**40],
    [np.zeros(0)],
    [np.zeros(2)],
    [np.zeros((2, 1))],
    [np.zeros((1, 2))],
    [np.zeros(2, np.float32)],
    [np.zeros(4, np.float32)],
    [np.zeros(2, np.int64)],
    [np.zeros(2, ">f8")],
    [np.zeros(1), np.zeros(1)],
    [np.array(["ab", "c"])],
    [np.array(["a", "bc"])],
    [np.array(["2020-01-01"], "M8[D]")],
    [np.array(["2020-01-01"], "M8[s]")],
    [Point(1, np.zeros(2))],
    [Point(2, np.zeros(2))],
    [Point(1, np.ones(2))],
    [Pair("a", "b")],
    [Named("a", "b")],
    [Pair(("a", "b"), "")],
    [{"a": 1, "b": 2}],
    [{"a": 2, "b": 1}],
]


def test_different_values_have_different_digests():
    assert len({digest(values) for values in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", 1], ("a", 1)),
        ([np.arange(6).reshape(2, 3).T], [np.arange(6).reshape(2, 3).T.copy()]),
        ([Point(np.int32(1), np.float32(0.5))], [Point(1, 0.5)]),
        ([Point(1, 2, "here")], [Point(1, 2, "there")]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        ([{"a", "b", "c"}], [{"c", "b", "a"}]),
    ],
)
def test_equal_values_have_equal_digests(one, other):
    assert digest(one) == digest(iter(other))


def test_the_bytes_of_values_do_not_change():
    """Later versions compare the hashes that a run kept: raise `fingerprint.VERSION` when this changes."""
    values = ["é", 1, 0.5, None, (True, b"x"), Point(1, np.arange(3, dtype="<i4")), Pair("a", "b")]
    assert digest(values) == "7a2e9d3adad6197c4a2e9aa85ae5575b05986f723d7c1f168917e4d75b693b42"


def test_what_has_no_value_is_refused():
    for value in (object(), np.array([None]), np.random.default_rng(0)):
        with pytest.raises(TypeError, match="expected plain values and arrays of them; got"):
            digest([value])
