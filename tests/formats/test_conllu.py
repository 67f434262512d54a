import lzma
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman
from elman.formats.conllu import read_conllu, sentence_of

RANGES = """\
# newdoc
# text = I didn't go, he did.
1	I	I	PRON	PRP	Case=Nom|Number=Sing	4	nsubj	_	_
2-3	didn't	_	_	_	_	_	_	_	_
2	did	do	AUX	VBD	Tense=Past	4	aux	_	_
3	n't	not	PART	RB	_	4	advmod	_	_
4	go	go	VERB	VB	VerbForm=Inf	0	root	_	SpaceAfter=No
5	,	,	PUNCT	,	_	4	punct	_	_
6	he	he	PRON	PRP	_	7	nsubj	_	_
7	did	do	AUX	VBD	_	4	parataxis	_	SpaceAfter=No|Note
7.1	go	go	VERB	VB	_	_	_	4:conj	CopyOf=4
8	.	.	PUNCT	.	_	4	punct	_	_

1	Two words	two words	NOUN	NN	_	0	root	_	_

"""


def read(text):
    return list(read_conllu(text.split("\n"), file="a.conllu"))


def row(id, columns=10):
    return "\t".join([id, *(columns - 1) * "x"])


def test_words_are_what_is_neither_comment_range_nor_empty_node():
    first, second = read(RANGES)
    assert first.values("form") == ("I", "did", "n't", "go", ",", "he", "did", ".")
    assert first.values("UPOS")[:3] == ("PRON", "AUX", "PART")
    assert first.values("feats=Number") == ("Sing", *7 * ("_",))
    assert first.values("misc=Note") == (*6 * ("_",), "", "_")
    assert second.values("form") == ("Two words",)
    assert (first.file, first.line, second.line) == ("a.conllu", 1, 14)


def test_lines_are_kept_byte_for_byte():
    assert "".join(map(str, read(RANGES))) == RANGES
    assert "".join(map(str, read(RANGES.rstrip("\n")))) == RANGES


def test_one_column_changes_and_all_else_stays():
    [sentence, _] = read(RANGES)
    tags = [tag.lower() for tag in sentence.values("upos")]
    changed = sentence.with_values("upos", tags)
    assert changed.values("upos") == tuple(tags)
    assert changed.with_values("upos", sentence.values("upos")) == sentence
    for before, after in zip(sentence.lines, changed.lines, strict=True):
        assert before.lower() == after.lower()
    ranges = [line for line in sentence.lines if line.startswith(("#", "2-3", "7.1"))]
    assert [line for line in changed.lines if line in ranges] == ranges


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Plur", "Case=Nom|Number=Plur"),
        ("_", "Case=Nom"),
    ],
)
def test_one_feature_changes_within_its_column(value, expected):
    [sentence, _] = read(RANGES)
    rest = sentence.values("feats")[1:]
    changed = sentence.with_values("feats=Number", [value, *7 * ("_",)])
    assert changed.values("feats") == (expected, *rest)


def test_a_new_feature_takes_its_alphabetical_place():
    [sentence, _] = read(RANGES)
    assert sentence.with_values("feats=gender", 8 * ["Fem"]).values("feats")[:3] == (
        "Case=Nom|gender=Fem|Number=Sing",
        "gender=Fem|Tense=Past",
        "gender=Fem",
    )


def test_new_sentences_are_read_again():
    sentence = sentence_of(["Hi", "there", "!"], text="Hi there!", unspaced=[1])
    [again] = read(str(sentence.with_comment("rank = 1")))
    assert again.lines[:2] == ("# text = Hi there!", "# rank = 1")
    assert again.values("misc=SpaceAfter") == ("_", "No", "_")


def test_comments_alone_are_a_sentence_without_words():
    comments, sentence = read(f"# newdoc\n\n\n   \n{row('1')}\n")
    assert comments.words == ()
    assert str(comments) == "# newdoc\n\n"
    assert sentence.line == 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([row("1"), row("2", columns=9)], "a.conllu, line 2: expected 10 columns; got 9"),
        ([" ".join(row("1").split("\t"))], "line 1: expected 10 columns; got 1; .* separated by spaces, expected tabs"),
        ([row("1").replace("\tx\tx\t", "\tx\t\t", 1)], r"line 1: column 3 \(lemma\) is empty; write _"),
        ([row("one")], "line 1: the id 'one' is not a number, range"),
        ([row("1"), row("²")], "line 2: the id '²' is not a number"),
        ([row("-1")], "the id '-1' is not a number"),
        ([row("1"), row("3")], "line 2: the id 3 is out of order; expected 2"),
        ([row("0")], "the id 0 is out of order; expected 1"),
        ([row("1"), row("1")], "the id 1 is out of order; expected 2"),
        ([row("1"), row("3-4")], "the id 3-4 is out of order; expected a range from 2 on"),
        ([row("2-1")], "the id 2-1 is out of order; expected a range from 1 on"),
        ([row("1-2"), row("1-2")], "line 2: the id 1-2 is out of order; expected a range from 3 on"),
        (
            ["# text", row("1-3"), row("1"), row("2"), ""],
            "line 2: the range goes to word 3; the sentence has 2",
        ),
        ([row("1"), row("1.2")], "the id 1.2 is out of order; expected 1.1"),
        ([row("2.1")], "the id 2.1 is out of order; expected 0.1"),
    ],
)
def test_what_is_no_conllu_is_named_by_file_and_line(lines, message):
    with pytest.raises(elman.DataError, match=message):
        read("\n".join(lines))


def test_a_column_that_is_not_there_is_named():
    [sentence, _] = read(RANGES)
    with pytest.raises(elman.ConfigError, match="'upso': CoNLL-U has id, form.*did you mean 'upos'"):
        sentence.values("upso")
    with pytest.raises(elman.ConfigError, match="expected a column, or a feature such as feats=Number"):
        sentence.values("upos=NOUN")


def test_the_english_web_treebank(data_folder):
    """Counts from the repository's own stats.xml."""
    path = data_folder / "ud_english_ewt" / "en_ewt-ud-test.conllu.xz"
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as file:
        text = file.read()
    sentences = read(text)
    assert (len(sentences), sum(len(sentence.words) for sentence in sentences)) == (2077, 25094)
    assert "".join(map(str, sentences)) == text
    assert len(Counter(tag for sentence in sentences for tag in sentence.values("upos"))) == 17


TAG = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n"), min_size=1)


@given(st.lists(TAG, min_size=1), st.sampled_from(["upos", "misc=Tag", "feats=Tag"]))
def test_tags_of_any_characters_read_back(tags, column):
    sentence = sentence_of(["10 000"] * len(tags), unspaced=[0]).with_values(column, tags)
    [again] = read(str(sentence))
    assert again.values(column) == tuple(tags)
    assert again.values("form") == ("10 000",) * len(tags)
    assert again.values("misc=SpaceAfter")[0] == "No"
