import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman._normal_form import normal_pieces, normalise

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]

# Letters, marks of several classes, Hangul in letters and syllables, Indic vowel signs that combine, singletons.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("aeé \n\u0301\u0327\u0323\u0338ﬁÅİJ\u030c\u1100\u1161\u11a8각\u0bc6\u0bbe\u0bcb=ΣςКが\u3099"),
        st.characters(exclude_categories=["Cs"]),
    )
)


@pytest.mark.parametrize("form", FORMS)
@given(text=TEXTS)
def test_a_normal_form_is_that_of_unicode_and_stays_so_when_lower_cased(form, text):
    assert normalise(text, form) == unicodedata.normalize(form, text)
    lower = normalise(text, form, lower=True)
    assert unicodedata.is_normalized(form, lower)
    assert normalise(unicodedata.normalize("NFD" if form != "NFD" else "NFC", text), form, lower=True) == lower


@given(TEXTS)
def test_none_leaves_the_spelling(text):
    assert normalise(text, "none") == text
    assert normalise(text, "none", lower=True) == text.lower()
    assert list(normal_pieces([text], "none")) == [text]


@pytest.mark.parametrize("form", FORMS)
@given(text=TEXTS, size=st.integers(1, 9))
def test_pieces_have_their_normal_form_by_themselves(form, text, size):
    pieces = list(normal_pieces((text[start : start + size] for start in range(0, len(text), size)), form))
    assert "".join(pieces) == text
    assert "".join(normalise(piece, form) for piece in pieces) == unicodedata.normalize(form, text)
