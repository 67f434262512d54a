import itertools
import re

import pytest

from elman.tasks.tagging.spans import (
    Problem,
    Span,
    can_follow,
    problems,
    repair_tags,
    scheme_of,
    spans_of,
    tags_of,
)

# Well-formed spans over one character a tag: X for label A and x for label B, read by regular expressions.
IOB2 = {"B-A": "B", "I-A": "I", "B-B": "b", "I-B": "i", "O": "."}
BIOES = {**IOB2, "E-A": "E", "S-A": "S", "E-B": "e", "S-B": "s"}
PATTERNS = {"IOB2": re.compile("BI*|bi*"), "BIOES": re.compile("BI*E|S|bi*e|s")}
WHOLE = {"IOB2": re.compile(r"(?:BI*|bi*|\.)*"), "BIOES": re.compile(r"(?:BI*E|S|bi*e|s|\.)*")}


@pytest.mark.parametrize(("scheme", "letters", "longest"), [("IOB2", IOB2, 6), ("BIOES", BIOES, 4)])
def test_every_sequence_has_the_spans_and_problems_of_a_regular_expression(scheme, letters, longest):
    for length in range(longest + 1):
        for tags in itertools.product(letters, repeat=length):
            text = "".join(letters[tag] for tag in tags)
            places = [match.span() for match in PATTERNS[scheme].finditer(text)]
            expected = [Span("A" if text[start].isupper() else "B", start, stop) for start, stop in places]
            assert spans_of(tags, scheme=scheme) == expected
            assert (next(problems(tags, scheme=scheme), None) is None) == bool(WHOLE[scheme].fullmatch(text))


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_the_first_problem_is_where_no_longer_text_could_be_mended(scheme):
    """The tags before the first problem begin some well-formed sequence; with that tag they begin none."""
    letters = IOB2 if scheme == "IOB2" else BIOES
    endings = ["", "E-A", "E-B"]
    for tags in itertools.product(letters, repeat=4):
        first = next(problems(tags, scheme=scheme), None)
        if first is None or first.reason.endswith("the last tag"):
            continue

        def can_begin(part):
            return any(
                WHOLE[scheme].fullmatch("".join(letters[tag] for tag in [*part, *filter(None, [end])]))
                for end in (endings if scheme == "BIOES" else [""])
            )

        assert can_begin(tags[: first.place])
        assert not can_begin(tags[: first.place + 1])


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        ("I-PER", "IOB2", {0: "I-PER cannot be the first tag"}),
        ("B-A I-B I-B", "IOB2", {1: "I-B cannot follow B-A"}),
        ("B-A S-A E-A", "BIOES", {1: "S-A cannot follow B-A", 2: "E-A cannot follow S-A"}),
        ("I-A I-A", "BIOES", {0: "I-A cannot be the first tag", 1: "I-A cannot be the last tag"}),
        (
            "NOUN B- O-X S-A",
            "IOB2",
            {i: f"{t!r} is no tag of IOB2" for i, t in enumerate(["NOUN", "B-", "O-X", "S-A"])},
        ),
        ("", "BIOES", {}),
    ],
)
def test_each_problem_is_named(tags, scheme, expected):
    tags = tags.split()
    assert list(problems(tags, scheme=scheme)) == [Problem(i, tags[i], reason) for i, reason in expected.items()]
    assert next(problems([""])).reason == "'' is no tag of IOB2"


def test_labels_may_hold_hyphens():
    assert spans_of(["B-work-of-art", "I-work-of-art"]) == [Span("work-of-art", 0, 2)]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-A"], "IOB2"),
        (["B-A", "E-A"], "BIOES"),
        (["B-A", "U-A"], None),
        (["O"], None),
        ([], None),
        (["B-A", "NOUN"], None),
    ],
)
def test_the_scheme_is_told_from_the_tags(tags, scheme):
    assert scheme_of(tags) == scheme


@pytest.mark.parametrize(("scheme", "letters", "longest"), [("IOB2", IOB2, 5), ("BIOES", BIOES, 4)])
def test_repaired_tags_are_well_formed_and_well_formed_ones_stay(scheme, letters, longest):
    for length in range(longest + 1):
        for tags in itertools.product(letters, repeat=length):
            mended = repair_tags(tags, scheme=scheme)
            assert next(problems(mended, scheme=scheme), None) is None
            assert [tag == "O" for tag in mended] == [tag == "O" for tag in tags]
            assert [tag[2:] for tag in mended] == [tag[2:] for tag in tags]
            assert tags_of(spans_of(mended, scheme=scheme), length, scheme=scheme) == mended
            if next(problems(tags, scheme=scheme), None) is None:
                assert mended == list(tags)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-A I-A O I-A", "B-A I-A O B-A"),  # IOB1
        ("I-A B-A I-B", "B-A B-A B-B"),
        ("B-A I-A I-B I-A", "B-A I-A B-B B-A"),
    ],
)
def test_repaired_tags_of_iob2(tags, expected):
    assert repair_tags(tags.split()) == expected.split()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A O", "S-A O"),
        ("E-A I-A", "S-A S-A"),
        ("B-A I-A S-A E-A", "B-A E-A S-A S-A"),
        ("I-A E-A E-A", "B-A E-A S-A"),
        ("B-A E-B", "S-A S-B"),
    ],
)
def test_repaired_tags_of_bioes(tags, expected):
    assert repair_tags(tags.split(), scheme="BIOES") == expected.split()


@pytest.mark.parametrize(("scheme", "letters"), [("IOB2", IOB2), ("BIOES", BIOES)])
def test_sequences_are_well_formed_if_every_pair_is(scheme, letters):
    for tags in itertools.product(letters, repeat=4):
        pairs = itertools.pairwise([None, *tags, None])
        every = all(can_follow(before, after, scheme=scheme) for before, after in pairs)
        assert every == (next(problems(tags, scheme=scheme), None) is None)
