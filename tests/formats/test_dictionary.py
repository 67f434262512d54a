import pytest
from hypothesis import given
from hypothesis import strategies as some

from elman import DataError
from elman.formats.dictionary import read_dictionary


def read(*lines, **options):
    return [(entry.word, " ".join(entry.phones)) for entry in read_dictionary(lines, file="a.dict", **options)]


@pytest.mark.parametrize(
    ("lines", "phones"),
    [
        (["bala\t1\t0.0\t0.0\t0.0\tB AA1", "kora\t0.99\t0.14\t1.0\t1.03\tK R"], ["B AA1", "K R"]),
        (["bala\t0.99\tB AA1", "kora\t1\tK R", "toree\tT R"], ["B AA1", "K R", "T R"]),
        (["bala 0.99 B AA1", "kora 1 K R", "toree T R"], ["B AA1", "K R", "T R"]),
        (["bala 1.0 0.2 1.5 .9 B AA1", "kora 1 0 0 0 K R"], ["B AA1", "K R"]),
        (["bala 1e-1 B", "kora 1.5e-3 K"], ["1e-1 B", "K"]),
        (["bala 1 B AA1", "kora 1 K R"], ["B AA1", "K R"]),
        (["bala\t1\tB AA1", "kora\tK R"], ["B AA1", "K R"]),
        # X-SAMPA: digits are phones
        (["deux d 2", "oeuf 9 f", "un 1"], ["d 2", "9 f", "1"]),
        (["deux\td 2", "oeuf\t9 f"], ["d 2", "9 f"]),
        (["oeuf\t0.5\t9 f", "oeuf\t0.5\t2 f"], ["9 f", "2 f"]),
        (["oeuf 0.5 9 f", "peu p 2"], ["9 f", "p 2"]),
        (["oeuf 9 f", "eux 2"], ["9 f", "2"]),
    ],
)
def test_numbers_are_columns_where_they_can_be_no_phones(lines, phones):
    assert [written for _, written in read(*lines)] == phones


def test_words_may_have_spaces_before_a_tab():
    assert read("New York\tN UW1", "a\u00a0b\t0.5\tB", "# comment", ";;; old", "", "to(2)\tT AH0  # weak") == [
        ("New York", "N UW1"),
        ("a\u00a0b", "B"),
        ("to", "T AH0"),
    ]


def test_stress_is_left_out_and_nothing_else():
    assert read("a AH0 B", "b ey1 2", stress=False) == [("a", "AH B"), ("b", "ey 2")]
    assert read("ma m a1", "mi m i4", stress=False) == [("ma", "m a1"), ("mi", "m i4")]  # tones
    assert read("ma m a˥˩ E_1", stress=False) == [("ma", "m a˥˩ E_1")]


@pytest.mark.parametrize(
    ("line", "number"),
    [("a B 0.5 AA", "0.5"), ("a 0.5 0.25 B", "0.25"), ("a 1.5 B", "1.5"), ("a 0.1 0.2 0.3 0.4 0.5 B", "0.5")],
)
def test_a_number_where_a_phone_should_be_is_named(line, number):
    with pytest.raises(DataError, match=rf"a\.dict, line 2: {number} is a number, no phone; expected a word"):
        read("bala B AA", line)


def test_tabs_say_where_the_phones_begin():
    assert read("ba\t0.00\t2 2 2 AA1") == [("ba", "2 2 2 AA1")]
    assert read("ba\t0.00\t2\t2\t2\tAA1") == [("ba", "AA1")]


def test_a_word_without_phones_has_none():
    assert read("a", "b # nothing", "c 0.5 B") == [("a", ""), ("b", ""), ("c", "B")]


PHONES = some.lists(some.sampled_from(["AA1", "B", "2", "9", "1", "@", "tS", "a˥˩", "m4"]), min_size=1, max_size=5)
SHARE = some.floats(0, 1).map(lambda share: f"{share:.2f}")


@given(some.lists(some.tuples(some.sampled_from(["ba", "ko ra", "to(2)"]), some.tuples(SHARE) | some.just(()), PHONES)))
def test_probabilities_between_tabs_are_never_phones(drawn):
    lines = ["\t".join([word, *shares, " ".join(phones)]) for word, shares, phones in drawn]
    # A line without a share whose first phone is 1 is as one of a file where some lines have a share.
    clear = [shares or phones[0] != "1" or len(phones) == 1 for _, shares, phones in drawn]
    expected = [(word.removesuffix("(2)"), " ".join(phones)) for word, _, phones in drawn]
    result = read(*lines)
    assert [one for one, is_clear in zip(result, clear, strict=True) if is_clear] == [
        one for one, is_clear in zip(expected, clear, strict=True) if is_clear
    ]
