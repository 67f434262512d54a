from itertools import pairwise

import msgspec
import pytest

from elman.words.lexicon import Lexicon
from elman.words.vocabulary import Words

FRENCH = """L'homme qu'elle aime n'est pas d'ici. Elle est là, il est ici, on l'aime ; une femme, un homme.
Qu'il vienne ! D'où vient-elle ? D'un pays qu'on n'aime pas. Il n'y a qu'une fois, l'une ou l'un.
N'importe où, aujourd'hui, n'ont-ils pas ? D'elle, l'on dit qu'ici il n'est rien. Ont-ils importe ?"""
ITALIAN = (
    """Dell'arte, dell'acqua, dell'oro, dell'uomo: arte, acqua, oro e uomo. C'era l'arte, l'acqua, l'oro, l'uomo."""
)
ENGLISH = """I don't know; it's John's. They're here, we'll go at five o'clock.
You'd say that's the dog's, isn't it? He's s d."""
TURKISH = "İstanbul'da hava güzel. Ankara'da da, İzmir'de de, İstanbul'un da evleri var; Ankara'nın da."


@pytest.mark.parametrize(
    ("text", "words", "elisions"),
    [
        (FRENCH, "l' amie qu' on aime aujourd'hui", ("d'", "l'", "n'", "qu'")),
        (ITALIAN, "dell' amore", ("dell'", "l'")),
        (ENGLISH, "don't", None),
        (TURKISH, "İzmir'in", None),
    ],
)
def test_a_text_says_what_its_elisions_are(text, words, elisions):
    written = words.replace("' ", "'")
    for vocabulary in (Words.of([text]), Lexicon.of([text])):
        assert (vocabulary.elisions or None) == elisions
    spoken = Words.of([text])
    assert [word.strip() for word in spoken.words_of(written)] == words.split()
    assert [word.strip() for word in spoken.words_of(written.replace("'", "’"))] == words.replace("'", "’").split()
    assert spoken.decode(spoken.encode(text)) == text


def test_a_word_behind_an_elision_is_the_word_that_stands_alone():
    lexicon = Lexicon.of([FRENCH], lower=True)
    assert lexicon.encode("l'homme").tolist() == lexicon.encode("L’ homme".replace(" ", "")).tolist()
    assert lexicon.encode("d'homme")[-1] == lexicon.encode("homme")[0] != lexicon.unknown


def test_a_grown_vocabulary_has_the_elisions_of_both_texts():
    for kind in (Words, Lexicon):
        grown = kind.of([FRENCH]).grown(kind.of([ITALIAN]))
        assert grown.elisions == ("d'", "dell'", "l'", "n'", "qu'")
        assert kind.of([ENGLISH]).grown(kind.of([FRENCH])).words_of("l'ami")[0] == "l'"
        assert kind.of([ENGLISH]).grown(kind.of([TURKISH])).elisions is msgspec.UNSET
    words = Words.of(["a b"]).grown(Words.of(["(c)"]))
    joints, ids = words.joints(), words.encode("(a b)")
    assert all(joints.fits[joints.last[before], joints.first[after]] for before, after in pairwise(ids))
