import time
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from elman.words import lexicon, vocabulary
from elman.words import tokenise as tokenise_module
from elman.words.lexicon import Lexicon, split_words
from elman.words.tokenise import tokenise
from elman.words.vocabulary import Words

# Right by the people who write these languages, or by UAX 29; a "|" is between two words.
SCRIPTS = {
    "Hindi": "मौसम|बहुत|सुहाना|है",
    "Hindi with a joiner": "क्\u200dष|रा\u200c\u200dम",
    "Tamil": "இன்று|மழை|பெய்யும்",
    "Bengali": "আমি|বাংলায়|গান|গাই",
    "Malayalam": "എന്റെ|വീട്",
    "German in NFD": unicodedata.normalize("NFD", "João|ißt|Brötchen"),
    "Vietnamese in NFD": unicodedata.normalize("NFD", "Tiếng|Việt|rất|đẹp"),
    "Yoruba, whose letters have no single characters": "Ọ̀rẹ́|mi",
    "Persian, with U+200C in words": "کتاب\u200cها|خوب\u200cاند",
    "Arabic with vowel signs": "مُحَمَّدٌ|رَسُولُ",
    "Hebrew with points": "שָׁלוֹם|עוֹלָם",
    "Hebrew abbreviations": 'צה"ל|ארה״ב',
    "Thai": "สวัสดีครับ|คุณสบายดีไหม",
    "Thai with U+200B between words": "สวัสดี\u200b|ครับ",
    "Hebrew with marks of direction": "\u200fשלום\u200f|\u200eabc|\u200f|\u202bע\u200eב\u202c",
    "Lao": "ສະບາຍດີ",
    "Khmer": "សួស្ដី|ពិភពលោក",
    "Burmese": "မင်္ဂလာပါ",
    "Tibetan, in syllables": "བོད|་|ཡིག",
    "Korean in letters": unicodedata.normalize("NFD", "한국어|문장"),
    "Catalan": "col·lega|vol",
    "Japanese with marks of its own": unicodedata.normalize("NFD", "ガギグ|パ"),
    "Cherokee": "ᏣᎳᎩ|ᎦᏬᏂᎯᏍᏗ",
    "soft hyphens": "Donau\u00addampf|schiff",
    "Mongolian with a vowel separator": "ᠮᠣᠩᠭᠣᠯ",
    "figures of India": "१,०००.५०|रुपये",
    "emoji": "👩\u200d💻|👍🏽|🇩🇪|❤\ufe0f|1\ufe0f\u20e3",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_many_scripts_are_whole(script):
    words = [
        word for written in SCRIPTS[script].split("|") if (word := written.strip("\u200b\u200e\u200f\u202b\u202c"))
    ]
    text = " ".join(SCRIPTS[script].split("|"))
    assert split_words(text) == words
    assert Lexicon.of([text]).size == 2 + len(set(words))
    assert [token.form for token in tokenise(text)] == words
    if "\u200b" not in text and "\u200f" not in text and "," not in text:  # a language model reads each mark
        assert [word.removeprefix(" ") for word in Words.of([text]).words_of(text)] == words


# Apostrophes, full stops and colons are left to each tokeniser.
PIECES = st.one_of(
    st.characters(categories=["L", "M", "N"]),
    st.sampled_from('अा्\u200d\u200cשָ"\u05f4·\u0301👩🏽\ufe0f €!'),
)


@given(st.lists(PIECES).map("".join))
def test_no_word_ends_where_unicode_says_that_it_goes_on(text):
    """An independent reading of UAX 29: the word boundaries of `regex`; but a space belongs to no word, and a joiner
    ties no word to an emoji."""
    inside = {match.start() for match in regex.finditer(r"(?V1w)(?<!\s)(?:(?<!\u200d)|(?=\w))\B", text)}
    for token in tokenise(text):
        assert not inside & {token.start, token.stop}, (token, text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_split_alike_by_both_patterns_of_a_tokeniser(text):
    for tokeniser in (lexicon, vocabulary, tokenise_module):
        letters, unicode = (pattern.finditer(text) for pattern in (tokeniser._LETTERS, tokeniser._UNICODE))
        assert [match.span() for match in letters] == [match.span() for match in unicode]


@given(st.text())
def test_words_of_every_script_come_back(text):
    assert "".join(Words.of([text]).words_of(text)) == text


def test_words_of_older_models_are_runs_of_letters():
    assert split_words("मौसम है", "letters") != split_words("मौसम है") == ["मौसम", "है"]
    tokens = ("\0", "<unk>", "क", "ा")
    assert Lexicon(tokens=tokens).encode("का").tolist() == [2, 3]
    assert Words(tokens=tokens).encode("का").tolist() == [2, 3]
    assert [token.form for token in tokenise("का!", "letters")] == ["क", "ा", "!"]


@pytest.mark.parametrize(
    "text",
    ["x" + "'s" * 9000, "can't" * 9000, "a-" * 9000, "a@" * 9000, "1:" * 9000 + "a", "\u0301" * 9000, 'א"' * 9000],
    ids=["clitics", "negations", "hyphens", "addresses", "times", "marks", "quotes"],
)
def test_a_long_row_without_spaces_takes_no_deep_stack_and_no_long_time(text):
    began = time.process_time()
    assert "".join(token.form for token in tokenise(text)) == text
    split_words(text)
    assert time.process_time() - began < 5  # a time that grows with the square of the length would be minutes
