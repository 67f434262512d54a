import msgspec
import pytest

from elman import DataError
from elman.words.lexicon import Lexicon, split_sentences, split_words


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("Don't! It's can't, won't.", "Do n't ! It 's ca n't , wo n't ."),
        ("they’re Isn’t we'd", "they 're Is n't we 'd"),
        ("o'clock rock'n'roll re-imagining mother-in-law's", "o'clock rock'n'roll re-imagining mother-in-law 's"),
        ("$1,000.50 at 10:30 on 1/2/2020, 10th", "$ 1,000.50 at 10:30 on 1/2/2020 , 10th"),
        ("wait... what -- (no)", "wait ... what -- ( no )"),
        ("naïve café 漢字 ?!", "naïve café 漢字 ? !"),
        ("line\nend\tx", "line end x"),
        ("", ""),
    ],
)
def test_words_and_marks(raw, words):
    assert split_words(raw) == words.split()
    assert split_words(words) == words.split()


def test_text_that_is_split_already_keeps_its_words(data_folder):
    lines = (data_folder / "classification" / "sst" / "stsa.binary.dev").read_text().splitlines()
    same = sum(split_words(line[2:]) == line[2:].split() for line in lines)
    assert same / len(lines) > 0.95  # "mr." and "\\/" are cut


def test_the_brackets_and_quotes_of_the_treebank_are_words():
    assert split_words("`` so '' -lrb- yes -rrb-") == ["``", "so", "''", "-lrb-", "yes", "-rrb-"]


def test_sentences():
    text = 'one . two ! ! "Three?" four\n\nfive . . .'
    assert split_sentences(text) == ["one .", "two ! !", '"Three?"', "four", "five . . ."]
    assert split_sentences(" \n ") == []


def test_a_lexicon_counts_lowers_and_comes_back():
    lexicon = Lexicon.of(["The cat, the dog", "the cat"], lower=True, min_count=2)
    assert lexicon.tokens == ("\0", "<unk>", "the", "cat")
    assert lexicon.encode("THE dog cat").tolist() == [2, 1, 3]
    assert lexicon.encode("THE dog cat", unknown="skip").tolist() == [2, 3]
    assert lexicon.decode([2, 1, 3, 0, 0]) == "the <unk> cat"
    assert (lexicon.size, lexicon.unit, lexicon.token(3)) == (4, "word", "cat")
    assert msgspec.convert(msgspec.to_builtins(lexicon), Lexicon) == lexicon
    with pytest.raises(DataError, match="min_count 4 leaves no word; the most frequent appears 3 times"):
        Lexicon.of(["the the the"], min_count=4)
