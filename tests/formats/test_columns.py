import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman
from elman.formats.columns import DOCUMENT, read_columns, write_comment, write_rows

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

Peter NNP B-NP B-PER


Blackburn NNP I-NP I-PER
"""


def read(text):
    return list(read_columns(text.split("\n"), file="eng.train"))


def test_sentences_of_conll_2003():
    sentences = read(CONLL_2003)
    assert [rows.words for rows in sentences] == [("EU", "rejects"), ("Peter",), ("Blackburn",)]
    assert [rows.line for rows in sentences] == [3, 6, 9]
    assert sentences[0].values() == sentences[0].values("ner") == sentences[0].values("4") == ("B-ORG", "O")
    assert sentences[0].values("chunk") == ("B-NP", "B-VP")


def test_a_document_may_begin_without_an_empty_line():
    assert len(read("a B-X\n-DOCSTART- O\nb O\n")) == 2


def test_tabs_separate_words_with_spaces():
    [rows] = read("New York\tB-LOC\nis\tO\n")
    assert rows.words == ("New York", "is")


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n"), min_size=1)
FIELD = WORD.filter(lambda word: word == word.strip(" ") and word != DOCUMENT)
SENTENCE = st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1)


@given(st.lists(SENTENCE), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n")))
def test_what_is_written_reads_back(sentences, text):
    written = "".join(write_comment("text", text) + write_rows(rows) for rows in sentences)
    assert [list(rows.fields) for rows in read(written)] == sentences


def test_only_spaces_and_tabs_separate_columns():
    [rows] = read("10\u00a0000 O\nH\u3000à O\n")
    assert rows.words == ("10\u00a0000", "H\u3000à")
    [rows] = read("\u3000\tO\n# text = 1\tO\n")
    assert rows.words == ("\u3000", "# text = 1")


def test_words_alone_may_hold_spaces():
    lines = ["Hà Nội", "có", "10 000", "", "Anh"]
    assert [rows.words for rows in read_columns(lines, least=1, spaced=False)] == [("Hà Nội", "có", "10 000"), ("Anh",)]
    with pytest.raises(elman.DataError, match="line 2: expected 2 columns as in line 1; .* by tabs"):
        list(read_columns(lines, least=1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EU NNP B-ORG\nrejects VBZ\n", "eng.train, line 2: expected 3 columns as in line 1; got 2 .'rejects VBZ'"),
        (
            "I|PRON|O like|VERB|O Oslo|NNP|B-GPE\n",
            "line 1: expected .* got a sentence whose words have their tags behind",
        ),
        ("and/or/CC Ann/NNP 1//CD\n", "line 1: .* Write each word, with its tags, on a line of its own"),
        ("EU\n", "line 1: expected a word and its tags in columns; got 'EU'"),
        ("EU\tB-ORG\n\t\tO\n", "line 2: expected 2 columns as in line 1; got 3"),
        ("EU\tB-ORG\n \tO\n", r"line 2: column 1 is empty"),
    ],
)
def test_malformed_columns_are_named_by_file_and_line(text, message):
    with pytest.raises(elman.DataError, match=message):
        read(text)


def test_a_column_that_is_not_there_is_named():
    [rows, *_] = read(CONLL_2003)
    with pytest.raises(elman.ConfigError, match=r"'upos': the file has the columns 1 to 4 \(word, pos, chunk, ner\)"):
        rows.values("upos")
    with pytest.raises(elman.ConfigError, match="'5': the file has the columns 1 to 4"):
        rows.values("5")


def test_lines_before_a_sentence_are_comments_and_words_with_a_hash_are_words():
    lines = ["# id 5239-a1\tdomain=en", "robert _ _ B-PER", "# _ _ O", "", "# id x", "#tag _ _ O", ""]
    assert [(one.words, one.values(), one.line) for one in read_columns(lines)] == [
        (("robert", "#"), ("B-PER", "O"), 2),
        (("#tag",), ("O",), 6),
    ]
    assert [one.words for one in read_columns(["#\tO", "# id\tO", "# a = b\tO"])] == [("#", "# id", "# a = b")]
