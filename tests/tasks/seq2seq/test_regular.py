import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman._errors import ConfigError
from elman.tasks.seq2seq.regular import Automaton


def matches(pattern, text, backwards=False):
    automaton = Automaton(pattern, backwards=backwards)
    state = automaton.start
    for character in reversed(text) if backwards else text:
        state = automaton.after(state, character)
    return automaton.accepts(state)


ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", r"\d", r"\w", "[^a-b1]", "1"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("({})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map("^{}$".format),
    ),
    max_leaves=6,
)


@given(PATTERNS)
def test_an_automaton_accepts_what_fullmatch_matches(pattern):
    for length in range(5):
        for text in map("".join, itertools.product("ab1", repeat=length)):
            expected = bool(re.fullmatch(pattern, text))
            assert matches(pattern, text) == expected, (pattern, text)
            assert matches(pattern, text, backwards=True) == expected, (pattern, text)


@pytest.mark.parametrize("pattern", [r"\d", r"\D", r"\s", r"\S", r"\w", r"\W", r"[\d_]", r"[^\s\w]", ".", "[^b]", "é"])
@pytest.mark.parametrize("flags", ["", "(?a)", "(?s)"])
def test_classes_are_pythons_for_every_character(pattern, flags):
    automaton = Automaton(flags + pattern)
    compiled = re.compile(flags + pattern)
    characters = [*map(chr, range(0x800)), "٣", "\u2003", "\n", "中", "𝟘", "\U0001f600"]
    for character in characters:
        result = automaton.accepts(automaton.after(automaton.start, character))
        assert result == bool(compiled.fullmatch(character)), character


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        ("", [""], ["a"]),
        ("^$", [""], ["a"]),
        ("(^a|b)c$", ["ac", "bc"], ["c"]),
        (r"(?P<year>\d{4})-(?:\d\d)", ["1999-12"], ["199-12", "1999-1"]),
        (r"\A[-+]?\w+\Z", ["-a", "+b1", "c"], ["--a", "-"]),
        ("(a{2}){3}", ["aaaaaa"], ["aaaaa"]),
        ("a{1000}", ["a" * 1000], ["a" * 999]),
        ("(?s:.)x", ["\nx"], ["x"]),
        ("b^a", [], ["ba", "a", "b"]),
    ],
)
def test_patterns(pattern, right, wrong):
    for text in right:
        assert re.fullmatch(pattern, text)
        assert matches(pattern, text)
        assert matches(pattern, text, backwards=True)
    for text in wrong:
        assert not re.fullmatch(pattern, text)
        assert not matches(pattern, text)
        assert not matches(pattern, text, backwards=True)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", r"pattern '\(a': not a regular expression: missing \)"),
        ("a(?=b)", "assert cannot be matched character by character"),
        (r"(a)\1", "groupref cannot be matched"),
        (r"\ba", "at cannot be matched"),
        ("a++", "possessive repeat cannot be matched"),
        ("(?i)a", r"a flag other than \(\?s\) and \(\?a\) cannot be matched"),
        ("(?i:a)", r"a flag other than \(\?s\) and \(\?a\) cannot be matched"),
        ("(a{1000}){1000}", "too large; expected at most 100,000"),
    ],
)
def test_patterns_that_have_no_automaton(pattern, message):
    with pytest.raises(ConfigError, match=message):
        Automaton(pattern)
