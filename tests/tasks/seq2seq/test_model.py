from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman import GRU, LSTM, MLSTM, ConfigError, Elman, MinGRU, ProjectedLSTM
from elman.layers import Bidirectional
from elman.tasks.seq2seq.model import EncoderDecoder

SOURCES = np.array([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0], [0, 0, 0, 0, 0]])
LENGTHS = np.array([5, 2, 0])
INPUTS = np.array([[0, 2, 3, 1], [0, 1, 1, 2], [0, 3, 2, 1]])
CONNECTIONS = ["repeat", "state", "additive", "dot", "moving"]


def model(cell=LSTM, **options):
    settings: dict[str, Any] = (
        dict(source_vocab=7, target_vocab=4, embedding_size=5, hidden_size=6, num_layers=2) | options
    )
    made = EncoderDecoder(cell, key=jax.random.key(0), **settings)
    return jax.tree.map(lambda leaf: leaf + 0.05, made)  # biases that are not zero


def stepped(cell, xs, carry=None):
    """A cell step by step, without batch: the last carry and all outputs."""
    carry, ys = cell.init_carry() if carry is None else carry, []
    for x in xs:
        carry, y = cell.step(carry, jax.tree.map(lambda leaf: leaf[0, 0], cell.project(jnp.asarray(x)[None, None])))
        ys.append(y)
    return carry, np.array(ys).reshape(len(xs), cell.hidden_size)


def encoded(net, ids):
    xs, carries = np.asarray(net.source_embedding.table)[ids], []
    for layer in net.encoder.cells:
        if isinstance(layer, Bidirectional):
            (ahead, xs_ahead), (back, xs_back) = stepped(layer.forward, xs), stepped(layer.backward, xs[::-1])
            xs = np.concatenate([xs_ahead, xs_back[::-1]], axis=1)
            carries.append(jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ahead, back))
            split = layer.forward.hidden_size
            last = np.concatenate([xs[-1, :split], xs[0, split:]]) if len(xs) else np.zeros(layer.hidden_size)
        else:
            carry, xs = stepped(layer, xs)
            carries.append(carry)
            last = xs[-1] if len(xs) else np.zeros(layer.hidden_size)
    return carries, xs, last


def by_hand(net, row):
    """Logits and attention of one example, by loops."""
    carries, states, last = encoded(net, SOURCES[row, : LENGTHS[row]])
    if net.connection == "repeat":
        xs, carries = np.tile(last, (INPUTS.shape[1], 1)).astype(np.float32), [None] * len(carries)
    else:
        xs = np.asarray(net.target_embedding.table)[INPUTS[row]]
    for cell, carry in zip(net.decoder.cells, carries, strict=True):
        _, xs = stepped(cell, xs, carry)
    if net.attention is None:
        return xs @ net.head.kernel + net.head.bias, np.zeros((len(xs), 0))
    if net.connection == "moving":
        return by_hand_moving(net, states, xs)
    logits, places = [], []
    for h in xs:
        if net.connection == "dot":
            scores = states @ h
        else:
            a = net.attention
            scores = np.tanh(h @ a.query_kernel + states @ a.state_kernel + a.bias) @ a.score
        p = np.exp(scores - scores.max(initial=-np.inf))
        p = p / p.sum() if len(p) else p
        mixed = np.tanh(np.concatenate([p @ states, h]) @ net.combine.kernel + net.combine.bias)
        logits.append(mixed @ net.head.kernel + net.head.bias)
        places.append(np.pad(p, (0, SOURCES.shape[1] - len(p))))
    return np.array(logits), np.array(places)


def by_hand_moving(net, states, hidden):
    """The same with two heads that walk from the first state and from the last."""
    count, width, attention = len(states), SOURCES.shape[1], net.attention
    weights = [np.eye(count)[place] if count else np.zeros(0) for place in (0, -1)]
    contexts, places = [], []
    for h in hidden:
        asked = (h @ attention.query.kernel + attention.query.bias).reshape(2, -1)
        gates = 1 / (1 + np.exp(-(h @ attention.gate.kernel + attention.gate.bias)))
        shares = np.exp(h @ attention.shift.kernel + attention.shift.bias).reshape(2, 3)
        sharpness = 1 + np.log1p(np.exp(h @ attention.sharpness.kernel + attention.sharpness.bias))
        for head in range(2 if count else 0):
            scores = states @ asked[head] / states.shape[1] ** 0.5
            content, moved = np.exp(scores) / np.exp(scores).sum(), np.zeros(count)
            for place in range(count):
                for share, towards in zip(shares[head] / shares[head].sum(), (-1, 0, 1), strict=True):
                    if 0 <= place + towards < count:
                        moved[place + towards] += share * weights[head][place]
            mixed = (gates[head] * content + (1 - gates[head]) * moved) ** sharpness[head]
            weights[head] = mixed / mixed.sum()
        contexts.append(
            np.concatenate([*(w @ states if count else np.zeros(6) for w in weights), h]).astype(np.float32)
        )
        places.append(np.pad(sum(weights) / 2, (0, width - count)))
    _, mixed = stepped(net.mixer.cells[0], contexts)
    return mixed @ net.head.kernel + net.head.bias, np.array(places)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("cell", "bidirectional", "connection"),
    [
        (Elman, False, "repeat"),
        (GRU, True, "repeat"),
        (LSTM, False, "state"),
        (LSTM, True, "additive"),
        (GRU, True, "dot"),
        (LSTM, True, "moving"),
        (GRU, False, "moving"),
    ],
)
def test_teacher_forcing_is_the_loop_over_steps(cell, bidirectional, connection):
    net = model(cell, connection=connection, bidirectional=bidirectional)
    result = net(jnp.asarray(SOURCES), jnp.asarray(LENGTHS), jnp.asarray(INPUTS))
    for row in range(3):
        logits, places = by_hand(net, row)
        np.testing.assert_allclose(result.logits[row], logits, atol=2e-5)
        np.testing.assert_allclose(result.attention[row], places, atol=2e-5)


@pytest.mark.parametrize(
    ("cell", "connection"), [(LSTM, "repeat"), (MinGRU, "state"), (LSTM, "additive"), (LSTM, "dot"), (GRU, "moving")]
)
def test_steps_of_several_texts_are_teacher_forcing(cell, connection):
    net = model(cell, connection=connection)
    memory = net.encode(jnp.asarray(SOURCES), jnp.asarray(LENGTHS))
    beams = np.stack([INPUTS, INPUTS[::-1]], axis=1)  # batch, beam, time
    carry = jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], 2, axis=1), memory.carry)
    step = jax.jit(lambda *arrays: net.step(*arrays))
    wholes = [net.decode(memory, jnp.asarray(beams[:, beam])) for beam in range(2)]
    for place in range(INPUTS.shape[1]):
        carry, result = step(memory, carry, jnp.asarray(beams[:, :, place]))
        for beam, whole in enumerate(wholes):
            np.testing.assert_allclose(result.logits[:, beam], whole.logits[:, place], atol=1e-5)
            np.testing.assert_allclose(result.attention[:, beam], whole.attention[:, place], atol=1e-5)


@pytest.mark.sample(1)
@pytest.mark.parametrize("connection", ["repeat", "additive", "moving"])
def test_scheduled_sampling_that_never_samples_is_teacher_forcing_with_its_noise_too(connection):
    net = model(connection=connection, dropout=0.4, input_dropout=0.2)
    memory = net.encode(jnp.asarray(SOURCES), jnp.asarray(LENGTHS), key=jax.random.key(1))
    key = jax.random.key(2)
    sampled = net.decode_sampled(memory, jnp.asarray(INPUTS), jnp.ones(INPUTS.shape, bool), key=key)
    forced = net.decode(memory, jnp.asarray(INPUTS), key=jax.random.split(key)[0])
    np.testing.assert_allclose(sampled.logits, forced.logits, atol=1e-5)
    np.testing.assert_allclose(sampled.attention, forced.attention, atol=1e-5)


def test_scheduled_sampling_reads_what_it_drew():
    """Draws come as often as the scores say, and a text that is never forced does not depend on the right one."""
    net = model(connection="dot")
    rows = 4000
    sources, lengths = jnp.tile(jnp.asarray(SOURCES[:1]), (rows, 1)), jnp.full(rows, 5)
    memory, inputs = net.encode(sources, lengths), jnp.zeros((rows, 2), jnp.int32)
    free = jnp.zeros((rows, 2), bool).at[:, 0].set(True)
    detections = net.decode_sampled(memory, inputs, free, key=jax.random.key(0))
    other = net.decode_sampled(memory, inputs.at[:, 1].set(3), free, key=jax.random.key(0))
    np.testing.assert_array_equal(detections.logits, other.logits)
    after = np.array(
        [net.decode(memory, jnp.full((rows, 2), token).at[:, 0].set(0)).logits[0, 1] for token in range(4)]
    )
    drawn = np.abs(np.asarray(detections.logits[:, 1])[:, None] - after[None]).sum(-1).argmin(1)
    expected = jax.nn.softmax(detections.logits[0, 0])
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / rows, expected, atol=0.03)


@pytest.mark.sample(2)
@pytest.mark.parametrize("connection", CONNECTIONS)
def test_an_empty_source_has_finite_gradients_and_padding_changes_nothing(connection):
    net = model(connection=connection, bidirectional=True)

    def loss(net, sources):
        return (net(sources, jnp.asarray(LENGTHS), jnp.asarray(INPUTS)).logits ** 2).sum()

    spoilt = np.where(np.arange(5) < LENGTHS[:, None], SOURCES, 6)
    gradient = jax.jit(jax.value_and_grad(loss))
    values = [gradient(net, jnp.asarray(sources)) for sources in (SOURCES, spoilt)]
    for a, b in zip(*map(jax.tree.leaves, values), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_sources_network_for_addition():
    """Keras' example: an encoder of 12 characters, its vector repeated, one layer, 12 outputs."""
    net = model(
        Elman, source_vocab=12, target_vocab=12, hidden_size=128, num_layers=1, embedding_size=12, connection="repeat"
    )
    layers = [net.encoder.cells[0], net.decoder.cells[0], net.head]
    # Keras' SimpleRNN(128) on 12 features, SimpleRNN(128) on 128, Dense(12): 18,048 + 32,896 + 1,548 parameters.
    assert [sum(leaf.size for leaf in jax.tree.leaves(layer)) for layer in layers] == [18_048, 32_896, 1_548]
    assert net.target_embedding is None


def test_activations_end_with_the_logits():
    net = model(connection="additive")
    arrays = jnp.asarray(SOURCES), jnp.asarray(LENGTHS), jnp.asarray(INPUTS)
    parts = dict(net.activations(*arrays))
    assert list(parts) == [
        *("source_embedding", "encoder.cells.0", "encoder.cells.1", "decoder.cells.0", "decoder.cells.1"),
        *("attention", "head"),
    ]
    np.testing.assert_allclose(parts["head"], net(*arrays).logits, atol=1e-6)


def test_networks_that_cannot_be():
    with pytest.raises(ConfigError, match="expected an even number for a bidirectional encoder; got 7"):
        model(hidden_size=7, bidirectional=True)
    with pytest.raises(ConfigError, match="cannot start from the states of two MLSTM"):
        model(MLSTM, bidirectional=True)
    assert model(MLSTM, bidirectional=True, connection="repeat").encoder.cells[0].hidden_size == 6
    assert model(ProjectedLSTM, connection="dot").head.kernel.shape[1] == 4
