import sys

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elman import ConfigError, DataError
from elman.words import subwords as subwords_module
from elman.words.subwords import Subwords
from elman.words.vocabulary import AnyVocabulary, whole_words
from tests.conftest import SMALL_TEXT

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEARNED = Subwords.of([SMALL_TEXT], size=330)


@given(TEXT | st.text("the cat\n▁é\0日"))
@example("▁ ▁▁x▁")
@example("<unk><0x41><pad>\ufeff\r\n\t  ")
def test_any_text_comes_back(text):
    ids = LEARNED.encode(text)
    assert LEARNED.decode(ids) == text
    assert all(1 < id < LEARNED.size for id in ids)


@given(st.text("the cat\n▁é") | TEXT, st.integers(1, 9))
def test_ids_do_not_depend_on_where_the_text_is_cut_into_pieces(text, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    ids = [LEARNED.encode(piece) for piece in whole_words(pieces)]
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int32), *ids]), LEARNED.encode(text))


@given(TEXT)
def test_streamed_pieces_never_show_a_broken_character(text):
    decoder = LEARNED.stream()
    assert "".join(decoder.feed([id]) for id in LEARNED.encode(text)) == text


@given(st.lists(st.integers(2, LEARNED.size - 1)))
@example([2 + byte for byte in (0xC3, 0x41, 0xE2, 0x82, 0xE9, 0xA9, 0xF0, 0x9F, 0x98)])
def test_ids_that_spell_no_characters_are_left_out(ids):
    decoder, read = LEARNED.stream(), LEARNED.raw(ids)
    text = "".join(decoder.feed([id]) for id in ids)
    assert text == LEARNED.decode(ids) == read.decode(errors="ignore")
    assert "\ufffd" not in text or "\ufffd".encode() in read


def test_the_most_frequent_pair_is_joined_first():
    """By hand: of `ab ab ab cb`, `ab` occurs three times, so it is the first piece; then ` ab`, twice."""
    vocabulary = Subwords.of(["ab ab ab cb"], size=400)
    assert [vocabulary.token(id) for id in range(258, 260)] == ["ab", " ab"]
    assert [vocabulary.token(int(id)) for id in vocabulary.encode("ab ab cb")] == ["ab", " ab", " cb"]
    assert vocabulary.token(2 + ord("A")) == "A"
    assert vocabulary.token(2 + 0xE9) == "\\xe9"
    assert vocabulary.token(0) == ""


def test_no_piece_reaches_over_a_space_and_few_are_needed():
    tokens = [LEARNED.token(id) for id in range(258, LEARNED.size)]
    assert all(" " not in token[1:] and "\n" not in token for token in tokens)
    assert LEARNED.size <= 330
    assert len(LEARNED.encode(SMALL_TEXT)) < len(SMALL_TEXT) / 3


def test_the_same_text_gives_the_same_pieces():
    assert Subwords.of([SMALL_TEXT], size=330) == LEARNED


def test_only_the_beginning_of_a_long_text_is_learned_from(monkeypatch):
    monkeypatch.setattr(subwords_module, "LEARNED_FROM", len(SMALL_TEXT))
    assert Subwords.of([SMALL_TEXT[:100], SMALL_TEXT[100:], "zzzz " * 999], size=330).encode("zz")[0] < 258


def test_lower_case_belongs_to_the_vocabulary():
    vocabulary = Subwords.of(["The THE the"], size=300, lower=True)
    assert vocabulary.decode(vocabulary.encode("THE")) == "the"
    assert vocabulary.encode("THE").tolist() == vocabulary.encode("the").tolist()


def test_more_characters_than_ids_leave_room_for_pieces():
    text = "".join(map(chr, range(0x4E00, 0x5200))) + "ab ab ab " * 200
    vocabulary = Subwords.of([text], size=300)
    assert vocabulary.size <= 300
    assert "ab" in [vocabulary.token(id).strip() for id in range(258, vocabulary.size)]
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_json_keeps_the_whole_model():
    assert msgspec.json.decode(msgspec.json.encode(LEARNED), type=AnyVocabulary) == LEARNED
    assert msgspec.convert(msgspec.to_builtins(LEARNED), AnyVocabulary) == LEARNED


def test_what_cannot_be_learned_is_an_error():
    with pytest.raises(ConfigError, match="a vocabulary of at least 300; got 299"):
        Subwords.of(["abc"], size=299)
    with pytest.raises(DataError, match="no text to learn them from"):
        Subwords.of(["\n\n"], size=300)


def test_without_sentencepiece_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[subwords\]'"):
        Subwords.of(["abc"], size=300)
