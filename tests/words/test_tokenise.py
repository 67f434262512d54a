import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.formats.conllu import read_conllu
from elman.words.tokenise import tokenise, unspaced_tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Time flies like an arrow .", "Time flies like an arrow ."),
        ("Time flies like an arrow.", "Time flies like an arrow ."),
        ("I can't, she cannot, they won’t.", "I ca n't , she can not , they wo n’t ."),
        ("It's John's; we're, I'd've", "It 's John 's ; we 're , I 'd 've"),
        ("Mr. Smith of the U.S. paid $1,234.50 (10%).", "Mr. Smith of the U.S. paid $ 1,234.50 ( 10 % ) ."),
        ("Wait... what?!", "Wait ... what ?!"),
        ("a well-known site: http://www.elman.org/a_b?c=1.", "a well - known site : http://www.elman.org/a_b?c=1 ."),
        ("Mail me@x.co :-)", "Mail me@x.co :-)"),
        ("J. R. Smith met AT&T at 10:30", "J. R. Smith met AT&T at 10:30"),
        ("naïve Ångström 日本", "naïve Ångström 日本"),
        ("Cafe\u0301 d\u2019e\u0301te\u0301.", "Cafe\u0301 d\u2019e\u0301te\u0301 ."),
        ("ok👍🏽 ❤\ufe0f👩\u200d💻😀😀", "ok 👍🏽 ❤\ufe0f 👩\u200d💻 😀 😀"),
        ("", ""),
    ],
)
def test_english(text, expected):
    assert [token.form for token in tokenise(text)] == expected.split()


INVISIBLE = "\u200b\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


@given(st.text(st.characters(exclude_characters=INVISIBLE)))
def test_everything_but_white_space_is_in_one_token(text):
    tokens = tokenise(text)
    assert all(text[start:stop] == form for form, start, stop in tokens)
    assert "".join("".join(token.form for token in tokens).split()) == "".join(text.split())
    assert all(before.stop <= after.start for before, after in zip(tokens, tokens[1:], strict=False))


def test_tokens_without_a_space_between_are_glued():
    assert unspaced_tokens(tokenise("Hi, you don't.")) == [0, 3, 4]


def test_tokens_of_the_english_web_treebank(data_folder):
    """F1 of tokens by their places; a good part of the rest are typing errors that the treebank's people mended."""
    with lzma.open(data_folder / "ud_english_ewt" / "en_ewt-ud-test.conllu.xz", "rt", encoding="utf-8") as file:
        sentences = list(read_conllu(file.read().split("\n")))
    right = arguments = result = 0
    for sentence in sentences:
        text = next(line.removeprefix("# text = ") for line in sentence.lines if line.startswith("# text = "))
        place, gold = 0, set()
        for form in sentence.values("form"):
            start = text.index(form, place)
            place = start + len(form)
            gold.add((start, place))
        tokens = {(token.start, token.stop) for token in tokenise(text)}
        right, arguments, result = right + len(gold & tokens), arguments + len(gold), result + len(tokens)
    assert 2 * right / (arguments + result) > 0.98
