import os

import numpy as np
import pytest


def reference(model, words):
    """The logits of one sentence from two LSTMs and a dense layer, step by step in NumPy's float64."""
    vectors = np.asarray(model["embedding"].table, np.float64)[words]

    def read(cell, vectors):
        kernel, recurrent, bias = (
            np.asarray(array, np.float64) for array in (cell.kernel, cell.recurrent_kernel, cell.bias)
        )
        h = c = np.zeros(len(recurrent))
        for x in vectors:
            i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
            yield h

    ahead = np.array(list(read(model["reader"].forward, vectors)))
    back = np.array(list(read(model["reader"].backward, vectors[::-1])))[::-1]
    both = np.concatenate([ahead, back], axis=1)
    return both @ np.asarray(model["dense"].kernel, np.float64) + np.asarray(model["dense"].bias, np.float64)


def compare_with_keras(names):
    """Compares the means of random logits with Keras' losses: with sample weights, without, and with a mask."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="needs keras: scripts/test --all")
    _, tags, real = names["batch_of"](names["pair"], 40)
    logits = np.random.default_rng(0).normal(size=(*tags.shape, names["TAGS"]))
    means = names["four_means"](logits, tags, real)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(loss(tags, logits, sample_weight=real), means["over places"], rtol=1e-5)
    np.testing.assert_allclose(loss(tags, logits), means["padding as a tag"], rtol=1e-5)
    masked = keras.ops.convert_to_tensor(logits.astype(np.float32))
    keras.src.backend.set_keras_mask(masked, real)
    np.testing.assert_allclose(loss(tags, masked), means["over real words"], rtol=1e-5)


def test_tagger(names):
    model, codec, example = names["model"], names["codec"], names["example"]
    hand = reference(model, codec.word_ids(example.words))
    np.testing.assert_allclose(names["by_hand"], hand, atol=1e-5)
    assert names["network_difference"] < 1e-5

    # Padding changes nothing, and the loss of the sentence alone is the mean over its words.
    logs = hand - np.log(np.exp(hand).sum(-1, keepdims=True))
    mean = -logs[np.arange(len(hand)), codec.tag_ids(example.tags)].mean()
    np.testing.assert_allclose(names["alone"], mean, rtol=1e-5)
    for loss, off, off_where_not_told in names["by_padding"].values():
        np.testing.assert_allclose(loss, mean, rtol=1e-5)
        assert off < 1e-5 < 0.01 < off_where_not_told
    assert names["filling_difference"] == names["row_of_padding"] == 0

    # The mean over places is smaller by the share of the padding.
    means, lengths = names["means"], names["lengths"]
    places = 2 * lengths.max()
    np.testing.assert_allclose(means["over places"], means["over real words"] * lengths.sum() / places, rtol=1e-6)
    assert names["loss_difference"] < 1e-5
    over_words = names["curves"]["over real words"]
    np.testing.assert_allclose(over_words, over_words[0], rtol=1e-4)
    np.testing.assert_allclose(
        np.multiply(names["curves"]["over places"], names["widths"]), over_words[0] * lengths.sum() / 2, rtol=1e-4
    )

    assert (
        len(names["tagged"])
        == len(names["right"])
        == len(names["by_word"])
        == sum(len(one.words) for one in names["data"].test.examples)
    )
    assert names["accuracy"]["from both ends"] > names["accuracy"]["by word"]
    assert names["measured"].accuracy > 0.6
    assert names["slip_says"] > names["slip_is"]
    assert names["task_difference"] < 1e-4
    np.testing.assert_allclose(names["task_nats"] / names["task_words"], names["hand_mean"], rtol=1e-4)
    assert names["task_words"] == (names["batch"].weights > 0).sum()
    assert names["pictures"] == ["28-padding", "28-tags"]
    compare_with_keras(names)
