import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import VocabularyError
from elman.words.vocabulary import AnyVocabulary, Bytes, Characters, Words, whole_words

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(TEXT)
def test_characters_come_back_and_are_sorted(text):
    vocabulary = Characters.of([text])
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text
    assert vocabulary.tokens == ("\0", *sorted(set(text)))


@given(TEXT)
def test_bytes_come_back(text):
    assert Bytes().encode(text).tolist() == list(text.encode())
    assert Bytes().decode(Bytes().encode(text).tolist()) == text


@given(TEXT)
def test_words_come_back_when_none_is_rare(text):
    vocabulary = Words.of([text])
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text


@given(TEXT, st.integers(1, 20))
def test_words_do_not_depend_on_where_the_text_is_cut_into_pieces(text, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(whole_words(pieces)) == text
    assert Words.of(pieces).tokens == Words.of([text]).tokens


def test_an_unknown_character_is_shown_or_skipped():
    vocabulary = Characters.of(["abc"])
    with pytest.raises(
        VocabularyError, match=r"'ab€c': the vocabulary has no '€' \(U\+20AC\), character 3;.*--unknown skip"
    ):
        vocabulary.encode("ab€c")
    assert vocabulary.encode("ab€c", unknown="skip").tolist() == [1, 2, 3]
    assert vocabulary.encode("\0a", unknown="skip").tolist() == [1]


def test_lower_case_belongs_to_the_vocabulary():
    vocabulary = Characters.of(["Ab"], lower=True)
    assert vocabulary.tokens == ("\0", "a", "b")
    assert vocabulary.encode("AB").tolist() == [1, 2]


def test_rare_words_become_unknown():
    vocabulary = Words.of(["a a a b"], min_count=2)
    assert vocabulary.tokens == ("\0", "<unk>", " a")
    assert vocabulary.encode(" a zebra").tolist() == [2, 1]
    assert vocabulary.encode(" a zebra", unknown="skip").tolist() == [2]


@given(TEXT)
def test_streamed_bytes_never_show_a_broken_character(text):
    decoder, raw = Bytes().stream(), list(text.encode())
    shown = "".join(decoder.feed([byte]) for byte in raw)
    assert shown == text
    if len(text[-1].encode()) > 1:
        assert Bytes().decode(raw[:-1]) == text[:-1]


@pytest.mark.parametrize("vocabulary", [Characters.of(["héllo"], lower=True), Bytes(), Words.of(["a b, c"])])
def test_json_keeps_a_vocabulary(vocabulary):
    assert msgspec.json.decode(msgspec.json.encode(vocabulary), type=AnyVocabulary) == vocabulary


def test_bytes_are_their_own_ids():
    assert Bytes().size == 256
    np.testing.assert_array_equal(Bytes().encode("A\n"), [65, 10])
    assert Bytes().decode([0xFF, 0x41, 0xE2, 0x82, 0x42, 0xC3]) == "AB"
