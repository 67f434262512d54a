"""Sub-words as a vocabulary of language models, and models that read from the end."""

import numpy as np
import pytest

import elman
from elman.training.reporters import Quiet

SMALL = dict(hidden_size=24, embedding_size=8, num_layers=1, batch_size=4, unroll_length=16, dropout=0.0)
ONE_WAY = "".join(np.random.default_rng(0).choice(["abcd ", "ebcf "], 400))
"""The letter after `bc` depends on the one before it, and the one before `bc` on the one after it."""


def test_a_model_of_subwords_is_trained_saved_and_writes(small_text, tmp_path):
    task = elman.LanguageModelling(**SMALL, vocabulary="subwords", vocabulary_size=320)
    data = task.read_text(small_text)
    assert data.codec.kind == "subwords"
    assert 258 < data.codec.size <= 320
    fitted = elman.fit(task, data, steps=150, learning_rate=0.02, report=Quiet(), out=tmp_path / "m")
    assert fitted.validation.unit == "subword"
    assert "per subword, perplexity" in str(fitted.validation)
    assert fitted.validation.nats_per_token < 2
    again = elman.load(tmp_path / "m")
    text = again.generate("the cat", length=20, temperature=0)
    assert text == fitted.generate("the cat", length=20, temperature=0)
    assert set(text.split()) <= set(small_text.split()) | {text.split()[-1]}
    assert again.summary == f"{data.codec.size:,} subwords"


def test_subwords_are_the_same_from_memory_and_from_the_cache(small_text, tmp_path, monkeypatch):
    from elman.tasks.language_modelling import corpus

    task = elman.LanguageModelling(vocabulary="subwords", vocabulary_size=320)
    (tmp_path / "a.txt").write_text(small_text * 3)
    here = task.read(tmp_path / "a.txt")
    monkeypatch.setattr(corpus, "IN_MEMORY", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    there = task.read(tmp_path / "a.txt")
    assert here.codec == there.codec
    np.testing.assert_array_equal(here.train.tokens, there.train.tokens[:])


def test_a_number_of_subwords_belongs_to_subwords():
    with pytest.raises(elman.ConfigError, match="vocabulary_size: belongs to subwords; words are all kept"):
        elman.LanguageModelling(vocabulary="words", vocabulary_size=500)
    with pytest.raises(elman.ConfigError, match="vocabulary_size"):
        elman.LanguageModelling(vocabulary="subwords", vocabulary_size=100)


def test_a_model_that_reads_backwards_predicts_what_came_before():
    task = elman.LanguageModelling(**SMALL, reverse=True, validation=200)
    data = task.read_text(ONE_WAY)
    batch = task.batches(data.train, seed=0)[0]
    text = data.codec.decode(data.train.tokens)
    assert data.codec.decode(batch.inputs[0]) == text[::-1][:16]
    assert data.codec.decode(batch.targets[0]) == text[::-1][1:17]
    fitted = elman.fit(task, data, steps=150, learning_rate=0.02, report=Quiet())
    assert fitted.next("bcd ")["a"] > 0.8
    assert fitted.next("bcf ")["e"] > 0.8
    assert fitted.evaluate(data.test).nats_per_token == pytest.approx(np.log(2) / 5, abs=0.05)
    with pytest.raises(elman.ConfigError, match="reads from the end, so it cannot continue a text"):
        fitted.generate("abc")
