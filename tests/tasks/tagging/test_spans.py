import re
from itertools import pairwise, product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from elman.tasks.tagging.spans import Notation, Problem, Scheme, SchemeName, Span

# One character a tag, capital for label A and small for label B: how each scheme writes one span, and how it writes all
# spans of a label that touch each other.
WAYS = {
    "IOB2": ("BI*", "(?:BI*)+"),
    "IO": ("I+", "I+"),
    "IOB1": ("BI*|I+", "I+(?:BI*)*"),
    "IOE2": ("I*E", "(?:I*E)+"),
    "IOE1": ("I*E|I+", "(?:I*E)*I+"),
    "BIOES": ("BI*E|S", "(?:BI*E|S)+"),
    "BILOU": ("BI*L|U", "(?:BI*L|U)+"),
    "BMES": ("BM*E|S", "(?:BM*E|S)+"),
    "BMEWO": ("BM*E|W", "(?:BM*E|W)+"),
    "BIOS": ("BI+|S", "(?:BI+|S)+"),
}
NAMES = get_args(SchemeName)


def both(pattern):
    return f"{pattern}|{pattern.lower()}"


def whole(name):
    return re.compile(rf"(?:{both(WAYS[name][1])}|\.)*")


def every_sequence(name, length):
    marks = sorted({*WAYS[name][0]} & {*"BIELUMSW"})
    return product([*(f"{mark}-{label}" for mark in marks for label in "AB"), "O"], repeat=length)


def text_of(tags):
    return "".join("." if tag == "O" else tag[0] if tag[2] == "A" else tag[0].lower() for tag in tags)


def chunks(tags):
    """Spans by the rules of conlleval and seqeval: the pairs of marks between which one ends and another begins."""
    ends = {"EB", "EE", "EI", "EM", "LB", "LL", "LI", *(f"{one}{mark}" for one in "SUW" for mark in "BIELUMSW")}
    begins = {f"{mark}{one}" for one in "BSUW" for mark in "BIELUMSW"}
    spans = []
    for place, tag in enumerate(tags):
        if tag == "O":
            continue
        before = tags[place - 1] if place else "O"
        if before[2:] != tag[2:] or before[0] + tag[0] in ends | begins:
            spans.append([tag[2:], place, place])
        spans[-1][2] = place + 1
    return [Span(*span) for span in spans]  # ty: ignore[invalid-argument-type]


def test_all_schemes_are_tried():
    assert {*WAYS} == {*NAMES}


@pytest.mark.parametrize("length", [3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_every_sequence_has_the_spans_of_conlleval_and_is_well_formed_as_a_regular_expression_says(name, length):
    scheme, one, all_of = Scheme(name), re.compile(both(WAYS[name][0])), whole(name)
    for tags in every_sequence(name, length):
        text, spans = text_of(tags), scheme.spans(tags)
        assert spans == chunks(tags), tags
        is_whole = bool(all_of.fullmatch(text))
        assert (next(scheme.problems(tags), None) is None) == is_whole, tags
        assert all(scheme.can_follow(*pair) for pair in pairwise([None, *tags, None])) == is_whole
        repaired = scheme.repair(tags)
        assert all_of.fullmatch(text_of(repaired)), tags
        assert scheme.spans(repaired) == spans
        if is_whole:
            assert repaired == list(tags)
            assert [(span.start, span.stop) for span in spans] == [match.span() for match in one.finditer(text)]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_problem_is_where_no_longer_text_could_be_mended(name):
    """The tags before the first problem begin some well-formed sequence; with that tag they begin none."""
    scheme, all_of = Scheme(name), whole(name)
    ends = ["", *map(text_of, every_sequence(name, 1))]
    for tags in every_sequence(name, 2):
        first = next(scheme.problems(tags), None)
        if first is not None and not first.reason.endswith("the last tag"):
            assert any(all_of.fullmatch(text_of(tags[: first.place]) + end) for end in ends)
            assert not any(all_of.fullmatch(text_of(tags[: first.place + 1]) + end) for end in ends)


@pytest.mark.parametrize(
    ("tags", "name", "expected"),
    [
        ("I-PER", "IOB2", {0: "I-PER cannot be the first tag"}),
        ("B-A I-B I-B", "IOB2", {1: "I-B cannot follow B-A"}),
        ("B-A S-A E-A", "BIOES", {1: "S-A cannot follow B-A", 2: "E-A cannot follow S-A"}),
        ("I-A I-A", "BIOES", {0: "I-A cannot be the first tag", 1: "I-A cannot be the last tag"}),
        ("O B-A", "IOB1", {1: "B-A cannot follow O"}),
        ("E-A O", "IOE1", {1: "O cannot follow E-A"}),
        (
            "NOUN B- O-X S-A",
            "IOB2",
            {i: f"{t!r} is no tag of IOB2" for i, t in enumerate(["NOUN", "B-", "O-X", "S-A"])},
        ),
        ("", "BIOES", {}),
    ],
)
def test_each_problem_is_named(tags, name, expected):
    tags = tags.split()
    assert list(Scheme(name).problems(tags)) == [Problem(i, tags[i], reason) for i, reason in expected.items()]
    assert next(Scheme().problems([""])).reason == "'' is no tag of IOB2"


def test_labels_may_hold_hyphens():
    assert Scheme().spans(["B-work-of-art", "I-work-of-art"]) == [Span("work-of-art", 0, 2)]
    assert Scheme("IOB2", "X_B").spans(["work_of_art_B"]) == [Span("work_of_art", 0, 1)]


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        (["O B-A"], ("IOB2", "B-X")),
        (["B-A I-A O", "B-A B-A"], ("IOB2", "B-X")),
        (["I-A O"], ("IO", "B-X")),
        (["I-A B-A I-A"], ("IOB1", "B-X")),
        (["I-A O B-A"], ("IOB2", "B-X")),  # ill-formed in all
        (["I-A E-A"], ("IOE2", "B-X")),
        (["E-A I-A"], ("IOE1", "B-X")),
        (["B-A E-A", "S-A"], ("BIOES", "B-X")),
        (["B-A L-A", "U-A"], ("BILOU", "B-X")),
        (["B-A M-A E-A", "S-B"], ("BMES", "B-X")),
        (["B_A M_A E_A O", "W_B"], ("BMEWO", "B_X")),
        (["O_A W_A A_O O_EOS", "BB_O_A EE_O_B B_B M_B E_B WW_O_A W_A BB_O_A MM_O"], ("BMEWO", "B_X")),
        (["B_A E_A", "NOUN_O X"], None),
        (["B-A I-A", "S-A"], ("BIOS", "B-X")),
        (["A-B A-I O", "A-B"], ("IOB2", "X-B")),
        (["A_B A_E O", "A_S"], ("BIOES", "X_B")),
        (["B I O"], ("IOB2", "B")),
        (["_ B-A I-A", "_ _"], ("IOB2", "B-X", "_")),
        (["B M E S"], ("BMES", "B")),
        (["S O"], None),
        (["O"], None),
        ([], None),
        (["B-A NOUN"], None),
        (["B-A U-A S-A"], None),
    ],
)
def test_the_scheme_is_told_from_the_tags(sequences, expected):
    scheme = Scheme.of([tags.split() for tags in sequences])
    assert scheme == (None if expected is None else Scheme(*expected))
    if scheme:
        for tags in sequences:
            written = scheme.repair(tags.split())
            assert {*"".join(written)} <= {*"".join(sequences), "-", "S", "B", "I"} - {"O"} | {scheme.outside}
            assert list(scheme.problems(written)) == []


@pytest.mark.parametrize("notation", ["B-X", "B_X", "X-B", "X_B", "B"])
def test_a_notation_changes_nothing_but_the_writing(notation):
    plain, other = Scheme("IOB1"), Scheme("IOB1", notation)
    spans = [Span("" if notation == "B" else "X", *place) for place in ((0, 2), (2, 3), (4, 5))]
    marks = ["I", "I", "B", "O", "I"]
    join = {"B-X": "{}-X", "B_X": "{}_X", "X-B": "X-{}", "X_B": "X_{}", "B": "{}"}[notation]
    tags = ["O" if mark == "O" else join.format(mark) for mark in marks]
    assert other.tags(spans, 5) == tags
    assert other.spans(tags) == spans
    assert plain.tags([span._replace(label="X") for span in spans], 5) == ["I-X", "I-X", "B-X", "O", "I-X"]


@given(
    some.sampled_from(NAMES),
    some.sampled_from(get_args(Notation)),
    some.lists(some.tuples(some.integers(0, 2), some.integers(1, 4), some.sampled_from(["X", "a-b_c", "O"]))),
)
def test_what_is_written_is_read_back(name, notation, drawn):
    scheme, spans, place = Scheme(name, notation), [], 0
    for gap, length, label in drawn:
        start = place + gap
        label = "" if notation == "B" else label
        if name == "IO" and spans and spans[-1].stop == start and spans[-1].label == label:
            start += 1  # two that touch cannot be written
        place = start + length
        spans.append(Span(label, start, place))
    tags = scheme.tags(spans, place)
    assert scheme.spans(tags) == spans
    assert list(scheme.problems(tags)) == []
