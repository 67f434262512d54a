"""The classifier against PyTorch with the same weights, and against its own parts put together by hand."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM
from elman.interop import gates
from elman.layers import Hierarchical
from elman.tasks.classification.model import ClassificationModel
from tests.cells.checks import shaken
from tests.conformance.peers import peer

VOCAB, CLASSES = 9, 3
SMALL: dict[str, Any] = dict(embedding_size=4, hidden_size=5)
IDS = jnp.array([[3, 1, 4, 1, 5, 8], [2, 7, 0, 0, 0, 0], [6, 2, 6, 5, 0, 0]], jnp.int32)
LENGTHS = jnp.array([6, 2, 4], jnp.int32)


def model(cell=LSTM, **settings):
    return shaken(ClassificationModel(cell, vocab=VOCAB, classes=CLASSES, **SMALL | settings, key=jr.key(0)))


def torch_outputs(torch, ours, layers=1):
    """Every real step's output of PyTorch's layers, for packed sequences."""
    lstm = torch.nn.LSTM(4, 5, layers, batch_first=True, bidirectional=True)
    for layer, cell in enumerate(ours.layers.cells):
        for direction, suffix in ((cell.forward, ""), (cell.backward, "_reverse")):
            result = gates.Weights(direction.kernel, direction.recurrent_kernel, direction.bias, 0 * direction.bias)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            for name, array in zip(names, gates.to_torch_arrays(result), strict=True):
                getattr(lstm, f"{name}_l{layer}{suffix}").data = torch.tensor(np.array(array))
    embedded = torch.tensor(np.array(ours.embedding.table[IDS]))
    packed = torch.nn.utils.rnn.pack_padded_sequence(embedded, LENGTHS.tolist(), batch_first=True, enforce_sorted=False)
    return torch.nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True)[0].detach().numpy()


def pooled(ys, name):
    rows = [row[:length] for row, length in zip(ys, LENGTHS, strict=True)]
    match name:
        case "last":
            return np.stack([np.concatenate([row[-1, :5], row[0, 5:]]) for row in rows])
        case "mean":
            return np.stack([row.mean(axis=0) for row in rows])
        case "max":
            return np.stack([row.max(axis=0) for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_logits_are_those_of_pytorch_with_the_same_weights(pooling, layers):
    torch = peer("torch")
    ours = model(pooling=pooling, num_layers=layers)
    head = np.asarray(ours.head.kernel), np.asarray(ours.head.bias)
    expected = pooled(torch_outputs(torch, ours, layers), pooling) @ head[0] + head[1]
    np.testing.assert_allclose(ours(IDS, LENGTHS), expected, atol=2e-6)


FORMS = [
    dict(),
    dict(bidirectional=False, pooling="last"),
    dict(pooling="attention", num_layers=2),
    dict(convolution=3),
    dict(cell=GRU, pooling="mean"),
]


@pytest.mark.optimised
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", FORMS)
def test_a_sequence_does_not_depend_on_its_neighbours_or_padding(form):
    ours = model(**form)
    together = ours(IDS, LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = ours(IDS[row : row + 1, :length], LENGTHS[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=2e-6)
    further = ours(jnp.pad(IDS, [(0, 0), (0, 4)], constant_values=7), LENGTHS)
    np.testing.assert_allclose(together, further, atol=2e-6)


PIECES = jnp.array([[[1, 2, 3], [4, 0, 0], [0, 0, 0]], [[5, 6, 0], [7, 8, 1], [2, 2, 0]]], jnp.int32)
COUNTS, STEPS = jnp.array([2, 3], jnp.int32), jnp.array([[3, 1, 0], [2, 3, 2]], jnp.int32)


def test_pieces_are_read_as_the_hierarchical_layer_reads_them():
    ours = model(pooling="last", piece_size=6)
    lower, upper = ours.reader.layer, ours.layers.cells[0]
    layer = Hierarchical((lower, upper))
    carry, _ = layer(ours.embedding.table[PIECES], lengths=(STEPS, COUNTS))
    last = jnp.concatenate([carry.forward.h, carry.backward.h], axis=-1)
    np.testing.assert_allclose(ours(PIECES, COUNTS, STEPS), ours.head(last), atol=2e-6)


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", [dict(), dict(pooling="attention"), dict(convolution=3, pooling="mean")])
def test_pieces_do_not_depend_on_neighbours_or_padding(form):
    ours = model(piece_size=6, **form)
    together = ours(PIECES, COUNTS, STEPS)
    for row, count in enumerate(COUNTS):
        longest = STEPS[row].max()
        alone = ours(PIECES[row : row + 1, :count, :longest], COUNTS[row : row + 1], STEPS[row : row + 1, :count])
        np.testing.assert_allclose(together[row], alone[0], atol=2e-6)


def test_an_empty_row_has_finite_gradients():
    ours = model(pooling="attention", input_dropout=0.5)

    def total(ours):
        return ours(IDS, jnp.array([6, 0, 4], jnp.int32), key=jr.key(1)).sum()

    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(jax.grad(total)(ours)))


def test_noise_is_of_training_only():
    quiet, noisy = model(), model(input_dropout=0.5, dropout=0.3, word_dropout=0.3)
    np.testing.assert_array_equal(noisy(IDS, LENGTHS), quiet(IDS, LENGTHS))
    one, other = (np.asarray(noisy(IDS, LENGTHS, key=jr.key(seed))) for seed in (1, 2))
    assert not np.allclose(one, other)


def test_dropped_words_are_read_as_the_unknown_one():
    ours = model(word_dropout=0.5, unknown=1)
    dropped = np.asarray(ours._with_unknown(jnp.full((50, 40), 7), jr.key(0)))
    assert set(dropped.ravel().tolist()) == {1, 7}
    assert abs((dropped == 1).mean() - 0.5) < 0.05


def test_what_each_part_puts_out_is_named():
    ours = model(convolution=3, piece_size=6, num_layers=2)
    names = [name for name, _ in ours.activations(PIECES, COUNTS, STEPS)]
    assert names == ["embedding", "convolution", "reader", "layers.cells.0", "layers.cells.1", "pooling", "head"]


def test_the_noise_of_cells_is_drawn_for_training():
    from elman.cells import WeightDropout

    ours = model(lambda *sizes, key: WeightDropout(LSTM(*sizes, key=key), rate=0.5))
    one, other = (np.asarray(ours(IDS, LENGTHS, key=jr.key(seed))) for seed in (1, 2))
    assert not np.allclose(one, other)
    assert eqx.tree_equal(ours(IDS, LENGTHS), ours(IDS, LENGTHS))
