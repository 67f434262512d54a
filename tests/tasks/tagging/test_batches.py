import numpy as np
import pytest

import elman
from elman.tasks.tagging.batches import TagBatches
from elman.tasks.tagging.codec import LETTERS, TagCodec
from elman.tasks.tagging.reading import TaggedWords

TRAIN = [
    TaggedWords(("The", "cat", "sat", "."), ("DET", "NOUN", "VERB", "PUNCT")),
    TaggedWords(("the", "dog"), ("DET", "NOUN")),
    TaggedWords(("a", "very", "very", "long", "sentence", "about", "the", "cat", "and", "the", "dog"), 11 * ("X",)),
    TaggedWords(("cat",), ("NOUN",)),
]


@pytest.fixture
def codec():
    return TagCodec.of(TRAIN)


def test_the_codec_orders_words_by_count_and_knows_letters_as_they_are(codec):
    assert codec.words[:5] == ("\0", "<unk>", "the", "cat", "dog")
    assert codec.letters[2:5] == (".", "T", "a")
    assert codec.tags == ("DET", "NOUN", "PUNCT", "VERB", "X")
    assert TagCodec.of(TRAIN, lower=False).word_ids(["cat", "The", "THE"]).tolist() == [2, 7, 1]
    assert len(TagCodec.of(TRAIN, min_count=2).words) == 2 + 4
    with pytest.raises(elman.DataError, match="min_count 9 leaves no word; the most frequent appears 4 times"):
        TagCodec.of(TRAIN, min_count=9)


def test_long_words_are_read_from_both_ends(codec):
    word = "a" * LETTERS + "t" * LETTERS
    ids = codec.letter_ids(word)
    assert "".join(codec.letters[i] for i in ids) == "a" * (LETTERS // 2) + "t" * (LETTERS // 2)


def read_back(batch, codec):
    """The sentences of a batch from its letters and tags."""
    for row, length in enumerate(batch.lengths):
        spelt = [batch.letters[place, : batch.letter_counts[place]] for place in batch.spellings[row, :length]]
        words = tuple("".join(codec.letters[i] for i in letters) for letters in spelt)
        yield words, tuple(codec.tags[tag] for tag in batch.tags[row, :length])


@pytest.mark.parametrize("batch_words", [4, 16, 64])
def test_an_epoch_holds_every_sentence_once(codec, batch_words):
    batches = TagBatches(TRAIN, codec, batch_words=batch_words, shuffle=True, seed=3)
    for epoch in range(2):
        records, words = [], 0
        for step in range(epoch * len(batches), (epoch + 1) * len(batches)):
            batch = batches.at(step)
            records += [sentence for sentence in read_back(batch, codec) if sentence[0]]
            rows = batches.indices(step)
            assert [TRAIN[i][:2] for i in rows] == list(read_back(batch, codec))[: len(rows)]
            words += batch.weights.sum()
            distinct = batch.spellings.max() + 1
            assert len({tuple(letters) for letters in batch.letters[:distinct]}) == distinct
            assert (batch.words[batch.weights == 0] == 0).all()
        assert sorted(records) == sorted(sentence[:2] for sentence in TRAIN)
        assert words == 18
    again = TagBatches(TRAIN, codec, batch_words=batch_words, shuffle=True, seed=3)
    last = len(batches) - 1
    for one, other in zip(batches.at(last), again.at(last), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rare_words_are_taken_for_unknown_ones_by_their_counts():
    sentence = TaggedWords(("often",) * 9 + ("once",), ("X",) * 10)
    codec = TagCodec.of([sentence])
    batches = TagBatches([sentence], codec, batch_words=16, word_dropout=0.5)
    dropped = np.mean([batches.at(step).words[0, :10] == 1 for step in range(4000)], axis=0)
    np.testing.assert_allclose(dropped[:9], 0.5 / 9.5, atol=0.02)
    assert dropped[9] == pytest.approx(0.5 / 1.5, abs=0.03)
    kept = TagBatches([sentence], codec, batch_words=16)
    assert all((kept.at(step).words[0, :10] > 1).all() for step in range(20))


def test_tags_that_were_not_there_weigh_nothing(codec):
    [batch] = [TagBatches([TaggedWords(("cat", "sat"), ("NEW", "VERB"))], codec, batch_words=4).at(0)]
    assert batch.weights.tolist() == [[0, 1, 0, 0]]
    assert batch.tags.tolist() == [[0, 3, 0, 0]]
