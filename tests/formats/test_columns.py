import pytest

import elman
from elman.formats.columns import read_columns, write_rows

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


def test_what_is_written_is_read_again():
    sentences = read(CONLL_2003)
    assert [rows.fields for rows in read("".join(write_rows(rows.fields) for rows in sentences))] == [
        rows.fields for rows in sentences
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EU NNP B-ORG\nrejects VBZ\n", "eng.train, line 2: expected 3 columns as in line 1; got 2 .'rejects VBZ'"),
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
