import msgspec
import numpy as np
import pytest

from elman.tasks.classification.batches import ClassBatches
from elman.tasks.classification.codec import LONGEST_PIECE, EncodedText, ReadingSettings, TextCodec

TEXTS = ["The film was good. Very good!", "A bad film", "so bad"]


def codec(**reading):
    return TextCodec.of(TEXTS, labels=("neg", "pos"), reading=ReadingSettings(**reading))


def shown(codec, text):
    return [[codec.vocabulary.token(id) for id in ids.tolist()] for ids in codec.encode(text)]


@pytest.mark.parametrize(
    ("reading", "text", "expected"),
    [
        (dict(), "The GOOD day", [["the", "good", "<unk>"]]),
        (dict(lower=False), "The GOOD film", [["The", "<unk>", "film"]]),
        (dict(min_count=2), "the good film", [["<unk>", "good", "film"]]),
        (dict(max_length=2), "the good film", [["the", "good"]]),
        (dict(vocabulary="characters"), "So z!", [list("so !")]),
        (dict(vocabulary="bytes"), "Hé", [["h", "\\xc3", "\\xa9"]]),
        (dict(pieces="sentences"), "A film. Good!", [["a", "film", "."], ["good", "!"]]),
        (dict(vocabulary="characters", pieces="words"), "Bad, zzz film", [list("bad"), list("film")]),
        (dict(vocabulary="characters", pieces="words", max_length=5), "bad film was", [list("bad"), list("fi")]),
        (dict(vocabulary="characters"), "zzz", [[]]),
        (dict(vocabulary="characters", pieces="words"), "zzz", [[]]),
    ],
)
def test_texts_as_ids(reading, text, expected):
    assert shown(codec(**reading), text) == expected


def test_subwords():
    result = codec(vocabulary="subwords", vocabulary_size=300).encode("A good film")
    assert codec(vocabulary="subwords", vocabulary_size=300).vocabulary.decode(result[0]) == "a good film"


def test_long_pieces_are_cut():
    longest = LONGEST_PIECE["sentences"]
    result = codec(pieces="sentences").encode(f"{'bad ' * (longest + 3)}. so bad")
    assert [len(piece) for piece in result] == [longest, 4, 2]


@pytest.mark.parametrize(
    "reading",
    [dict(), dict(vocabulary="bytes"), dict(vocabulary="subwords", vocabulary_size=300), dict(vocabulary="characters")],
)
def test_a_codec_comes_back_from_plain_values(reading):
    before = codec(**reading)
    after = msgspec.convert(msgspec.json.decode(msgspec.json.encode(before)), TextCodec)
    assert after == before
    assert [a.tolist() for a in after.encode(TEXTS[0])] == [b.tolist() for b in before.encode(TEXTS[0])]


def test_arrays_of_whole_texts():
    one = codec()
    texts = [EncodedText(one.encode(text), 0) for text in TEXTS[1:]]
    values, outer, inner = one.inputs(texts, rows=3, length=4)
    assert inner is None
    assert outer.tolist() == [3, 2, 0]
    assert values[:2].tolist() == [[*one.encode(TEXTS[1])[0].tolist(), 0], [*one.encode(TEXTS[2])[0].tolist(), 0, 0]]
    assert not values[2].any()


def test_arrays_of_texts_in_pieces():
    one = codec(pieces="sentences")
    texts = [EncodedText(one.encode(text), 0) for text in TEXTS[:2]]
    values, outer, inner = one.inputs(texts, rows=3, length=4)
    assert values.shape == (3, 4, 8)
    assert outer.tolist() == [2, 1, 0]
    assert inner.tolist() == [[5, 3, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]]
    for row, text in enumerate(texts):
        for place, piece in enumerate(text.pieces):
            assert values[row, place, : len(piece)].tolist() == piece.tolist()
            assert not values[row, place, len(piece) :].any()


def test_every_text_is_once_in_an_epoch_with_its_class_and_weight():
    one, random = codec(), np.random.default_rng(0)
    lengths, labels = random.integers(1, 30, 57), random.integers(0, 2, 57)
    labels[:40] = 0
    pairs = zip(lengths, labels, strict=True)
    texts = [
        EncodedText((np.full(length, 2 + number, np.int32),), int(label))
        for number, (length, label) in enumerate(pairs)
    ]
    batches = ClassBatches(texts, one, batch_size=8, balance=1.0)
    for epoch in (0, 1):
        seen, total = [], np.zeros(2)
        for step in range(len(batches)):
            batch = batches.at(epoch * len(batches) + step)
            rows = batch.weights > 0
            seen += [
                (int(row[0]) - 2, int(label)) for row, label in zip(batch.values[rows], batch.labels[rows], strict=True)
            ]
            np.add.at(total, batch.labels, batch.weights)
            assert len(batch.values) == 8
            assert (batch.outer[~rows] == 0).all()
        assert sorted(seen) == [(number, int(label)) for number, label in enumerate(labels)]
        np.testing.assert_allclose(total, 57 / 2, rtol=1e-5)  # each class counts the same, and the mean weight is 1


def test_half_a_balance_is_the_root_of_the_whole():
    one, labels = codec(), [0] * 9 + [1]
    texts = [EncodedText((np.array([2], np.int32),), label) for label in labels]
    weights = {}
    for balance in (0.0, 0.5, 1.0):
        batch = ClassBatches(texts, one, batch_size=10, balance=balance, shuffle=False).at(0)
        weights[balance] = batch.weights[batch.labels == 1][0] / batch.weights[batch.labels == 0][0]
        np.testing.assert_allclose(batch.weights.sum(), 10, rtol=1e-6)
    np.testing.assert_allclose([weights[0.0], weights[0.5], weights[1.0]], [1, 3, 9], rtol=1e-6)
