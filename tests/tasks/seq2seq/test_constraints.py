import itertools
import re

import numpy as np
import pytest

from elman._errors import ConfigError
from elman.tasks.seq2seq import constraints
from elman.tasks.seq2seq.constraints import allow_tokens, check_length, match_pattern


def outputs(constraint, longest):
    """Every output of at most `longest` tokens that the table allows."""
    result: set[tuple[int, ...]] = set()
    waiting: list[tuple[tuple[int, ...], int]] = [((), 0)]
    while waiting:
        tokens, state = waiting.pop()
        if constraint.left[state] == 0:
            result.add(tokens)
        for token in np.flatnonzero(constraint.after[state] >= 0).tolist():
            after = constraint.after[state, token]
            if len(tokens) + 1 + constraint.left[after] <= longest:
                waiting.append(((*tokens, token), after))
    return result


def by_fullmatch(pattern, texts, separator, longest):
    tokens = [token for token, text in enumerate(texts) if text is not None and token]
    return {
        output
        for length in range(longest + 1)
        for output in itertools.product(tokens, repeat=length)
        if re.fullmatch(pattern, separator.join(texts[token] for token in output))
    }


@pytest.mark.parametrize(
    ("pattern", "texts", "separator"),
    [
        (r"(ab|a)*b?", [None, "a", "b", "c"], ""),
        (r"[ab]{2,3}|c", [None, "a", "b", "c"], ""),
        (r"(K|AE|T)( (K|AE|T)){0,3}", [None, None, "K", "AE", "T", "S"], " "),
        (r"\w+ T( \w+)?", [None, None, "K", "AE", "T"], " "),
        (r"low(er|est)? ?", [None, "low", "er", "est", " ", "l", "ow"], ""),
        ("a*", [None, "a", "b"], " "),
    ],
)
def test_a_table_allows_what_fullmatch_matches(pattern, texts, separator):
    for longest in (3, 4):
        result = outputs(match_pattern(pattern, texts, separator=separator), longest)
        assert result == by_fullmatch(pattern, texts, separator, longest)
        turned = outputs(match_pattern(pattern, texts, separator=separator, backwards=True), longest)
        assert {output[::-1] for output in turned} == result


def test_every_allowed_step_can_still_end():
    constraint = match_pattern("(ab)*c", [None, "a", "b", "c"])
    for longest in range(1, 7):
        for state, left in enumerate(constraint.left):
            if 0 < left <= longest:
                after = constraint.after[state]
                assert min(constraint.left[after[after >= 0]]) == left - 1


def test_tokens_that_must_not_come():
    texts = [None, "a", "b", "c"]
    constraint = match_pattern("[abc]{2}", texts, allowed=np.array([True, True, False, True]))
    assert outputs(constraint, 4) == {(1, 1), (1, 3), (3, 1), (3, 3)}
    assert outputs(allow_tokens(np.array([True, False, True])), 2) == {(), (2,), (2, 2)}


def test_what_no_output_can_match():
    with pytest.raises(ConfigError, match=r"pattern '\[xyz\]\+': no output can match it; outputs are made of a b"):
        match_pattern("[xyz]+", [None, "a", "b"])
    constraint = match_pattern("a{5}", [None, "a", "b"])
    check_length(constraint, 5, "pattern 'a{5}'")
    with pytest.raises(ConfigError, match="has 5 tokens, and outputs have at most 4"):
        check_length(constraint, 4, "pattern 'a{5}'")


def test_patterns_of_too_many_states(monkeypatch):
    monkeypatch.setattr(constraints, "MOST_STATES", 100)
    with pytest.raises(ConfigError, match=r"more than 10\d states"):
        match_pattern(".*a.{10}", [None, "a", "b"])


def test_long_patterns_are_quick():
    texts = [None, *"0123456789", *"abcdefghijklmnopqrstuvwxyz"]
    assert len(match_pattern("[0-9]{1,200}", texts).left) == 201
    assert len(match_pattern("|".join(map(str, range(1000))), texts).left) > 3
