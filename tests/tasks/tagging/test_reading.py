import lzma

import pytest

import elman
from elman.tasks.tagging.reading import TaggedWords, check_spans, check_tags, read_tagged, scheme_of
from elman.tasks.tagging.spans import Scheme


def conllu(*words):
    rows = (f"{place}\t{word}\t_\t{tag}\t_\tCase={tag}\t_\t_\t_\t_" for place, (word, tag) in enumerate(words, start=1))
    return "# a comment\n" + "\n".join(rows) + "\n\n"


def test_the_parts_of_a_treebank_are_told_by_their_names(tmp_path):
    with lzma.open(tmp_path / "xx-ud-train.conllu.xz", "wt", encoding="utf-8") as file:
        file.write(conllu(("a", "DET"), ("cat", "NOUN")) + conllu(("sat", "VERB")))
    (tmp_path / "xx-ud-dev.conllu").write_text(conllu(("dev", "NOUN")))
    (tmp_path / "xx-ud-test.conllu").write_text(conllu(("test", "NOUN")))
    (tmp_path / "README.md").write_text("about")
    records = read_tagged(tmp_path)
    train = str(tmp_path / "xx-ud-train.conllu.xz")
    assert records.form == "conllu"
    assert records.train == (
        TaggedWords(("a", "cat"), ("DET", "NOUN"), f"{train}, sentence at line 1"),
        TaggedWords(("sat",), ("VERB",), f"{train}, sentence at line 5"),
    )
    assert [sentence.words for sentence in records.validation + records.test] == [("dev",), ("test",)]
    assert read_tagged(tmp_path, column="feats=Case").train[0].tags == ("DET", "NOUN")


def test_conllu_is_known_by_its_content_too(tmp_path):
    (tmp_path / "train.txt").write_text(conllu(("a", "DET")))
    assert read_tagged(tmp_path).train[0].tags == ("DET",)


def test_the_parts_of_conll_2003(tmp_path):
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / name).write_text(f"-DOCSTART- -X- -X- O\n\n{name} NNP B-NP B-ORG\n")
    records = read_tagged(tmp_path)
    assert records.form == "columns"
    assert [part[0].words for part in (records.train, records.validation, records.test)] == [
        ("eng.train",),
        ("eng.testa",),
        ("eng.testb",),
    ]
    assert read_tagged(tmp_path, column="pos").train[0].tags == ("NNP",)


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"a.conllu": "\n\n# comment\n"}, elman.DataError, "a.conllu: no sentence"),
        ({"a.conllu": conllu(("a", "X")) + "1\ta\n"}, elman.DataError, "a.conllu, line 4: expected 10 columns; got 2"),
        ({"a.conllu": conllu(("a", "X")), "b.txt": "a X\n"}, elman.DataError, "a.conllu is CoNLL-U and .*b.txt is not"),
        ({"a.txt": "a X Y\n"}, elman.ConfigError, r"'upos': the file has the columns 1 to 3 \(word, pos, chunk\)"),
        (
            {"a.csv": "word,is_org,is_per\nNew York,1,0\n"},
            elman.DataError,
            "a.csv: a table; expected a word and its tag",
        ),
        ({"a.jsonl": '{"tokens": ["a"], "tags": [0]}\n'}, elman.DataError, "a.jsonl: a table; expected a word and its"),
        ({"a.txt": "a\x00"}, elman.DataError, "a binary file"),
        ({}, elman.DataError, "no file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, files, error, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=message):
        read_tagged(tmp_path, column="upos")


def test_a_column_without_tags_is_named():
    with pytest.raises(elman.DataError, match="column xpos: nothing to learn, all 2 words have '_'"):
        check_tags([TaggedWords(("a", "b"), ("_", "_"))], column="xpos")
    with pytest.raises(elman.DataError, match="there is no word"):
        check_tags([], column="xpos")


def test_ill_formed_spans_are_refused_by_file_and_word_or_repaired():
    sentences = [TaggedWords(("a", "b"), ("O", "B-X"), "x, line 1"), TaggedWords(("c", "d"), ("O", "I-X"), "x, line 4")]
    scheme, _ = scheme_of(sentences, None)
    assert scheme == Scheme("IOB2")
    with pytest.raises(elman.DataError, match=r"x, line 4, word 2 \('d'\): I-X cannot follow O; .*--ill-formed"):
        check_spans(sentences, scheme=scheme, ill_formed="refuse")
    repaired = check_spans(sentences, scheme=Scheme("IOB2"), ill_formed="repair")
    assert [sentence.tags for sentence in repaired] == [("O", "B-X"), ("O", "B-X")]
    with pytest.raises(elman.DataError, match="'NOUN' is no tag of IOB2"):
        check_spans([TaggedWords(("a",), ("NOUN",))], scheme=Scheme("IOB2"), ill_formed="repair")


def test_tags_outside_of_spans_say_what_is_beside_them_in_bmewo_plus():
    tags = ("BOS_O", "EE_O_PER", "B_PER", "E_PER", "PER_O", "MM_O", "O_LOC", "W_LOC", "WW_O_LOC")
    for ill_formed in ("refuse", "repair"):
        [sentence] = check_spans([TaggedWords(tags, tags)], scheme=Scheme("BMEWO", "B_X"), ill_formed=ill_formed)
        assert sentence.tags == ("O", "O", "B_PER", "E_PER", "O", "O", "O", "W_LOC", "O")
    with pytest.raises(elman.DataError, match="E_PER cannot be the first tag"):
        check_spans([TaggedWords(tags[3:], tags[3:])], scheme=Scheme("BMEWO", "B_X"), ill_formed="refuse")
    assert Scheme("BMES", "B_X").without_context(tags) == tags


def test_what_is_recognised_is_said():
    def told(*tags, chosen=None):
        return scheme_of([TaggedWords(("w",) * len(tags), tags)], chosen)

    assert told("U-PER", "O") == (
        Scheme("BILOU"), ["the tags mark spans in BILOU; choose another scheme with --scheme"]
    )  # fmt: skip
    assert told("EE_O_A", "W_A", "BB_O_A", "MM_O") == (
        Scheme("BMEWO", "B_X"),
        ["the tags mark spans in BMEWO+, of which tags such as BB_O_A are read and written as O; choose another scheme "
         "with --scheme"],
    )  # fmt: skip
    assert told("I-A", "B-A", chosen="IOB2") == (Scheme("IOB2"), [])
    assert told("A_I", "A_B", chosen="IOB1") == (Scheme("IOB1", "X_B"), [])
    assert told("U-PER", "O", chosen="plain") == (None, [])
    assert told("b-per", "i-per", "o") == (
        None,
        ["tags such as b-per would mark spans in IOB2 if their marks were capital letters: each is a tag by itself"],
    )  # fmt: skip
    assert told("NOUN", "VERB") == told("I", "N") == told("O", "O") == (None, [])
    assert told("B-A", "I-A", "NOUN") == (
        None, ["some tags, such as B-A, seem to mark spans, but 'NOUN' does not: each is a tag by itself"]
    )  # fmt: skip
    assert told("U-A", "S-A") == (
        None, ["some tags, such as S-A, seem to mark spans, but they belong to several: each is a tag by itself"]
    )  # fmt: skip


def test_tags_that_no_repair_helps_are_not_said_to_be_repaired():
    for ill_formed in ("refuse", "repair"):
        with pytest.raises(
            elman.DataError, match=r"word 1 \('a'\): 'NOUN' is no tag of IOB2; .* Mend the file, or choose .*--scheme$"
        ):
            check_spans([TaggedWords(("a",), ("NOUN",))], scheme=Scheme("IOB2"), ill_formed=ill_formed)


@pytest.mark.slow
def test_the_english_web_treebank(data_folder):
    records = read_tagged(data_folder / "ud_english_ewt")
    parts = (records.train, records.validation, records.test)
    assert [len(part) for part in parts] == [12544, 2001, 2077]
    assert [sum(len(sentence.words) for sentence in part) for part in parts] == [204577, 25147, 25094]
    assert scheme_of(records.train, None) == (None, [])
