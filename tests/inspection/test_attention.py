"""Attention as values, against the model's own weights and NumPy."""

import jax
import numpy as np
import pytest

import elman
from elman.inspection import attention
from tests.inspection.test_inside import TEXT, untrained, writer


def translator(**settings):
    task = elman.Seq2Seq(hidden_size=4, embedding_size=4, num_layers=1, validation=2, test=2, **settings)
    return untrained(task, task.read_pairs([(str(n), str(n)[::-1]) for n in range(100, 120)]))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "settings",
    [
        {"connection": "moving"},
        {"connection": "dot", "reverse_inputs": True, "reverse_answers": True},
        {"connection": "additive", "reverse_inputs": True},
    ],
)
def test_the_weights_of_a_decoder_are_those_of_its_map(settings):
    fitted = translator(**settings)
    [seen] = attention(fitted, "101")
    drawn = fitted.attention("101")
    assert seen.name == "attention"
    assert len(seen.weights) == (2 if settings["connection"] == "moving" else 1)
    order = -1 if settings.get("reverse_inputs") else 1
    assert seen.sources == drawn.source[::order]
    written = drawn.target[-2::-1] if settings.get("reverse_answers") else drawn.target[:-1]
    assert seen.targets == (*written, "")
    rows = [*range(len(written))[:: -1 if settings.get("reverse_answers") else 1], len(written)]
    np.testing.assert_allclose(seen.weights.mean(0)[rows], drawn.weights[:, ::order], atol=1e-6)


def test_the_weights_of_a_pooling_are_those_of_its_formula():
    texts = [("so good a film", "pos"), ("bad", "neg")] * 10
    task = elman.Classification(embedding_size=4, hidden_size=4, pooling="attention", bidirectional=False)
    fitted = untrained(task, task.read_texts(texts))
    [seen] = attention(fitted, "so good a film")
    assert (seen.name, seen.sources, seen.targets) == ("pooling", ("so", "good", "a", "film"), ())
    model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), fitted.model)
    outputs = np.asarray(elman.inspection.record(fitted, "so good a film")["layers.cells.0"].outputs[0], np.float64)[:4]
    scores = np.tanh(outputs @ model.pooling.dense.kernel + model.pooling.dense.bias) @ model.pooling.query
    np.testing.assert_allclose(seen.weights[0, 0], np.exp(scores) / np.exp(scores).sum(), rtol=1e-5)


def test_a_model_without_attention_says_so():
    with pytest.raises(elman.ConfigError, match="this model for LanguageModelling has no attention; a connection such"):
        attention(writer(), TEXT)
