from typing import Any

import numpy as np
import pytest

from elman._errors import DataError, VocabularyError
from elman.tasks.seq2seq.batches import PairBatches
from elman.tasks.seq2seq.codec import PairCodec, SpacedTokens
from elman.tasks.seq2seq.reading import Pair

PAIRS = [Pair("ab c", ("K AE", "T")), Pair("b", ("T AE K AE T",)), Pair("cab", ("K",))]


def test_units_of_both_sides():
    codec = PairCodec.of(PAIRS, target="words")
    assert (codec.source.kind, codec.target.kind) == ("characters", "words")
    assert codec.source.tokens == ("\0", " ", "a", "b", "c")
    assert codec.target.tokens == ("\0", "<unk>", "AE", "K", "T")  # three times each
    assert codec.target.decode(codec.target.encode("T K")) == "T K"


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_many_texts_are_numbered_as_one_by_one(unit):
    codec = PairCodec.of(PAIRS, source=unit)
    texts = ["ab c", "", "c", "b ab"]
    rows = codec.rows("source", texts)
    expected = [codec.source.encode(text) for text in texts]
    assert rows.lengths.tolist() == [len(ids) for ids in expected]
    for row, ids in enumerate(expected):
        np.testing.assert_array_equal(rows.ids[rows.starts[row] : rows.starts[row + 1]], ids)
    for reverse in (False, True):
        ids, lengths = rows.pad([3, 0, 1], rows=4, length=6, reverse=reverse)
        assert lengths.tolist() == [len(expected[3]), len(expected[0]), 0, 0]
        for row, place in enumerate((3, 0, 1)):
            wanted = expected[place][::-1] if reverse else expected[place]
            assert ids[row].tolist() == [*wanted, *[0] * (6 - len(wanted))]
        assert not ids[3].any()


def test_texts_without_any_token():
    rows = PairCodec.of(PAIRS).rows("source", ["", ""])
    ids, lengths = rows.pad([0, 1], rows=2, length=3)
    assert not ids.any()
    assert not lengths.any()


def test_characters_that_were_not_seen():
    codec = PairCodec.of(PAIRS)
    with pytest.raises(VocabularyError, match=r"the source 'bxa': the vocabulary has no 'x' \(U\+0078\), character 2"):
        codec.rows("source", ["ab", "bxa"])
    assert codec.rows("source", ["ab", "bxa"], unknown="skip").lengths.tolist() == [2, 2]


def test_rare_words():
    vocabulary = SpacedTokens.of(["a a b", "c b"], min_count=2)
    assert vocabulary.tokens == ("\0", "<unk>", "a", "b")
    assert vocabulary.encode("b c a").tolist() == [3, 1, 2]
    assert vocabulary.encode("b c a", unknown="skip").tolist() == [3, 2]
    with pytest.raises(DataError, match="min_count 3 leaves no word; the most frequent appears 2 times"):
        SpacedTokens.of(["a a b", "c b"], min_count=3)


def test_subwords_write_what_they_are():
    codec = PairCodec.of([Pair("low lower é", ("slow slower",))] * 9, target="subwords", size=300)
    texts = [codec.target.text(token) for token in range(codec.target.size)]
    assert texts[0] is texts[1] is None
    assert texts[2 + ord("s")] == "s"
    assert texts[2 + 0xC3] is None
    ids = codec.target.encode("slow slower").tolist()
    assert "".join(texts[token] for token in ids) == "slow slower"
    assert codec.target.separator == ""


def test_codecs_are_saved_as_plain_values():
    import msgspec

    settings: list[dict[str, Any]] = [{}, dict(target="words"), dict(source="subwords", target="subwords", size=300)]
    for units in settings:
        codec = PairCodec.of(PAIRS, **units)
        assert msgspec.json.decode(msgspec.json.encode(codec), type=PairCodec) == codec


def test_an_epoch_holds_every_target_once():
    rng = np.random.default_rng(0)
    text = lambda longest: "".join(rng.choice(list("abc"), rng.integers(1, longest)))
    pairs = [Pair(f"{text(30)}{number}", tuple({text(12) for _ in range(rng.integers(1, 4))})) for number in range(300)]
    codec = PairCodec.of(pairs)
    for reverse in (False, True):
        batches = PairBatches(
            pairs, codec, batch_size=16, reverse_inputs=reverse, reverse_answers=reverse, shuffle=True, seed=1
        )
        seen, shapes = [], set()
        for step in range(len(batches)):
            batch, owners = batches.at(step), batches.indices(step)
            shapes.add((batch.sources.shape, batch.targets.shape))
            assert batch.forced is None
            for row, owner in enumerate(owners):
                source = batch.sources[row, : batch.lengths[row]]
                assert codec.source.decode(source[::-1] if reverse else source) == pairs[owner].source
                count = int(batch.weights[row].sum())
                assert batch.weights[row, :count].all()
                assert batch.targets[row, count - 1] == 0
                target = codec.target.decode(batch.targets[row])
                seen.append((pairs[owner].source, target[::-1] if reverse else target))
            assert not batch.weights[len(owners) :].any()
            assert not batch.lengths[len(owners) :].any()
        assert sorted(seen) == sorted((pair.source, target) for pair in pairs for target in pair.targets)
        assert len(shapes) <= 5
    again = PairBatches(pairs, codec, batch_size=16, reverse_inputs=True, reverse_answers=True, shuffle=True, seed=1)
    for step in (len(batches) + 3, 2):
        for a, b in zip(again.at(step)[:4], batches.at(step)[:4], strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(again.at(0).sources, again.at(len(again)).sources)


def test_lengths_that_few_pairs_have_join_the_next():
    pairs = [Pair("a" * 4, ("b",))] * 2 + [Pair("a" * 8, ("b",))] * 50 + [Pair("a" * 12, ("b",))] * 48
    batches = PairBatches(pairs, PairCodec.of(pairs), batch_size=10)
    assert {batches.at(step).sources.shape for step in range(len(batches))} == {(10, 8), (10, 12)}


def test_scheduled_sampling_forces_fewer_tokens_from_epoch_to_epoch():
    pairs = [Pair("ab", ("cd" * 10,))] * 64
    batches = PairBatches(pairs, PairCodec.of(pairs), batch_size=32, sampled=0.5, ramp=2)
    shares = [batches.at(step).forced.mean() for step in range(10)]
    assert shares[0] == 1.0
    np.testing.assert_allclose(shares, [1, 0.875, 0.75, 0.625, *[0.5] * 6], atol=0.05)
    np.testing.assert_array_equal(batches.at(5).forced, batches.at(5).forced)


def test_words_of_running_text_have_their_spaces():
    pairs = [Pair("Go!", ("Va !",)), Pair("Hi, Tom.", ("Salut, Tom.",)), Pair("l'ami (the one)", ('« L\'ami » "ici"',))]
    codec = PairCodec.of(pairs, source="words", target="words")
    assert (codec.source.separator, codec.target.separator) == ("", "")
    for pair in pairs:
        assert codec.target.decode(codec.target.encode(pair.targets[0])) == pair.targets[0]
    assert codec.target.encode("Salut !").tolist() == [codec.target.tokens.index(word) for word in ("Salut", " !")]
    assert not any("\n" in word for word in codec.source.tokens)
    assert isinstance(PairCodec.of([Pair("go , go !", ("G OW",))], source="words").source, SpacedTokens)
