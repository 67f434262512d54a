"""Portable patterns find the words that elman's own patterns find, in any script."""

import random
import re

import pytest

from elman.tasks.seq2seq.codec import SpacedTokens
from elman.words.lexicon import Lexicon, split_words
from elman.words.vocabulary import Words
from tests.interop.test_codec_reader import PIECES

TOKENS = ("\0", "<unk>")


def words_finder(vocabulary):
    reading = vocabulary.reading()
    return re.compile(re.sub(r"<(\w)>", lambda match: reading["classes"][match[1]], reading["pattern"])).findall


@pytest.mark.parametrize("rules", ["unicode", "letters"])
def test_any_text_is_cut_as_elman_cuts_it(rules):
    saved = {} if rules == "letters" else {"rules": rules}
    lexicon, words = Lexicon(tokens=TOKENS, **saved), Words(tokens=TOKENS, **saved)
    of_lexicon, of_words, of_spaced = map(words_finder, (lexicon, words, SpacedTokens(tokens=TOKENS)))
    chosen = random.Random(1)
    for _ in range(1500):
        pieces = chosen.choices([*PIECES, chr(chosen.randrange(0x110000))], k=chosen.randrange(1, 14))
        text = "".join(pieces).replace("’", "'")
        assert of_lexicon(text) == split_words(text, rules)
        assert of_words(text) == words.words_of(text)
        assert of_spaced(text) == text.split()
