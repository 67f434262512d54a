import gzip
import io
import lzma

import pytest

from elman._errors import DataError
from elman.tasks.seq2seq.reading import Line, Pair, read_lines, read_pairs


def write(path, text):
    path.write_text(text)
    return path


def test_a_table_of_pairs(tmp_path):
    place = write(tmp_path / "pairs.tsv", "Go.\tVa !\tCC-BY\n\nHi.\tSalut.\n Go. \tMarche.\nGo.\tVa !\n")
    assert read_pairs(place) == [Pair("Go.", ("Va !", "Marche.")), Pair("Hi.", ("Salut.",))]


def test_compressed_files_and_standard_input(tmp_path, monkeypatch):
    text = "a\tb\r\nc\td"
    expected = [Pair("a", ("b",)), Pair("c", ("d",))]
    (tmp_path / "p.tsv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "p.tsv.xz").write_bytes(lzma.compress(text.encode()))
    assert read_pairs(tmp_path / "p.tsv.gz") == read_pairs(tmp_path / "p.tsv.xz") == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_pairs("-") == expected


def test_aligned_files(tmp_path):
    sources, targets = write(tmp_path / "a.en", "one\n\ntwo\n"), write(tmp_path / "a.fr", "un\n\ndeux\n")
    assert read_pairs(sources, targets) == [Pair("one", ("un",)), Pair("two", ("deux",))]


def test_a_pronouncing_dictionary(tmp_path):
    text = ";;; old comment\nlead L EH1 D\nlead(2) L IY1 D # verb\nlive L IH1 V\nlive(2) L IH0 V\n'em AH0 M\n"
    place = write(tmp_path / "words.dict", text)
    assert read_pairs(place) == [
        Pair("lead", ("L EH1 D", "L IY1 D")),
        Pair("live", ("L IH1 V", "L IH0 V")),
        Pair("'em", ("AH0 M",)),
    ]
    assert read_pairs(place, stress=False)[:2] == [Pair("lead", ("L EH D", "L IY D")), Pair("live", ("L IH V",))]


def test_a_dictionary_of_the_montreal_forced_aligner(tmp_path):
    place = write(tmp_path / "words.dict", "bala\t1\t0.0\t0.0\t0.0\tB AA1 L\nkora\t0.99\t0.14\t1.0\t1.03\tK OW0\n")
    assert read_pairs(place, stress=False) == [Pair("bala", ("B AA L",)), Pair("kora", ("K OW",))]


def test_a_table_whose_targets_are_probabilities_is_a_dictionary(tmp_path):
    text = "bala\t1\t0.0\t0.0\t0.0\tB AA1\nkora\t0.99\t0.14\t1.0\t1.03\tK R\n"
    with pytest.raises(DataError, match=r"words\.tsv: every line has a probability for its target, .* ends in \.dict"):
        read_pairs(write(tmp_path / "words.tsv", text))
    assert read_pairs(write(tmp_path / "half.tsv", "half\t0.5\tby me\nten\t10\tby me\n"))[0] == Pair("half", ("0.5",))


def test_the_real_files(data_folder):
    pairs = read_pairs(data_folder / "seq2seq" / "cmudict.dict.xz", stress=False)
    answers = dict(pairs)
    assert len(answers) == len(pairs) == 126_052
    assert answers["tomato"] == ("T AH M EY T OW", "T AH M AA T OW")
    assert answers["aalborg"][0] == "AO L B AO R G"
    assert len({phone for targets in answers.values() for target in targets for phone in target.split()}) == 39
    french = dict(read_pairs(data_folder / "seq2seq" / "eng-fra-5000.txt.xz"))
    assert french["Go."] == ("Va !", "Marche.", "Bouge !")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\nno tab here\n", r"pairs.tsv, line 2: expected source<TAB>target; got 'no tab here', without a tab"),
        ("a\tb\n\tc\n", r"pairs.tsv, line 2: the source of 'c' is empty"),
        ("a\tb\nc\t \tmore\n", r"pairs.tsv, line 2: the target of 'c' is empty"),
        ("\n \n", r"pairs.tsv: no pairs in it"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_pairs(write(tmp_path / "pairs.tsv", text))


def test_lines_after_one_that_cannot_be_read(tmp_path):
    """Aligned files stay aligned where a line of one is no text."""
    sources, targets = tmp_path / "a.en", write(tmp_path / "a.fr", "un\ndeux\ntrois\n")
    sources.write_bytes(b"one\nt\xffo\nthree\n")
    lines = [*read_lines(sources, targets)]
    assert [line[:2] for line in lines if isinstance(line, Line)] == [("one", "un"), ("three", "trois")]
    assert "a.en, line 2: not text (byte 0xff)" in str(lines[1])
    with pytest.raises(DataError, match="line 2: not text"):
        read_pairs(sources, targets)


def test_aligned_files_that_are_not(tmp_path):
    sources, targets = write(tmp_path / "a.en", "1\n2\n3\n4\n"), write(tmp_path / "a.fr", "1\n2\n")
    with pytest.raises(DataError, match=r"a\.en, line 3: .*a\.fr has no such line: it ends 2 lines earlier"):
        read_pairs(sources, targets)
    with pytest.raises(DataError, match=r"a\.en, line 3: .*a\.fr has no such line: it ends 2 lines earlier"):
        read_pairs(targets, sources)
    write(targets, "1\n\n3\n4\n")
    with pytest.raises(DataError, match=r"a\.en and .*a\.fr, line 2: the target of '2' is empty"):
        read_pairs(sources, targets)


def test_two_files_of_pairs_are_not_taken_for_aligned_ones(tmp_path):
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("a\tb\n")
    with pytest.raises(DataError, match=r"dev\.tsv, line 1: both have a tab; expected sources in one file"):
        read_pairs(tmp_path / "train.tsv", tmp_path / "dev.tsv")
    with pytest.raises(DataError, match="a folder; expected a file of lines source<TAB>target"):
        read_pairs(tmp_path)


def test_a_dictionary_entry_without_phones(tmp_path):
    with pytest.raises(DataError, match=r"words\.dict, line 2: the target of 'b' is empty"):
        read_pairs(write(tmp_path / "words.dict", "a AH\nb # nothing\n"))


def test_places(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_pairs(tmp_path / "missing.tsv")
    with pytest.raises(DataError, match=r"expected one file, or one of sources and one of targets; got 3"):
        read_pairs("a", "b", "c")
