"""The forecasters against loops in NumPy over their own weights, and against PyTorch."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM
from elman.interop import gates
from elman.ops.distributions import Samples
from elman.tasks.forecasting.autoregressive import AutoregressiveForecaster, Filter, HistorySteps, StaticInputs
from elman.tasks.forecasting.direct import SegmentForecaster
from elman.tasks.forecasting.encoder_decoder import EncoderDecoderForecaster
from elman.tasks.forecasting.model import Sizes, WindowInputs, normalise
from tests.cells.checks import shaken
from tests.conformance.peers import peer

SIZES = Sizes(lookback=10, horizon=5, past=2, future=1, static=3, channels=2)
ROWS = 3


def inputs(seed=0, known=None):
    random = np.random.default_rng(seed)

    def some(*shape):
        return jnp.array(random.normal(size=shape), jnp.float32)

    time, horizon = SIZES.lookback, SIZES.horizon
    known = jnp.ones((ROWS, time)) if known is None else known
    return WindowInputs(
        some(ROWS, time) * known,
        known,
        some(ROWS, time, SIZES.past),
        some(ROWS, time + horizon, SIZES.future),
        some(ROWS, SIZES.static),
        jnp.array([0, 1, 2]),  # the last of these was not there in training
        some(ROWS, horizon),
        jnp.ones((ROWS, horizon)),
        jnp.zeros(ROWS),
        jnp.ones(ROWS),
    )


@jax.jit
def forecast(model, batch):
    return model.forecast(batch, key=jr.key(0))


@jax.jit
def teach(model, batch):
    return model.teach(batch)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(cell, h, x):
    """One step of the equations in cells/gru.py."""
    kernel, recurrent, bias, recurrent_bias = map(
        np.asarray, (cell.kernel, cell.recurrent_kernel, cell.bias, cell.recurrent_bias)
    )
    a_r, a_z, a_n = np.split(x @ kernel + bias, 3, axis=-1)
    u_r, u_z, u_n = np.split(h @ recurrent, 3, axis=-1)
    r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
    return (1 - z) * np.tanh(a_n + r * (u_n + recurrent_bias)) + z * h


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)


def channels(model):
    table = np.asarray(model.channels.table)
    return np.concatenate([table, table.mean(axis=0, keepdims=True)])[[0, 1, 2]]


def last_known(batch):
    return np.array([row[known > 0][-1] for row, known in zip(*map(np.asarray, batch[:2]), strict=True)])


GAPS = jnp.ones((ROWS, SIZES.lookback)).at[0, 3:5].set(0).at[1, -2:].set(0)


@pytest.mark.parametrize("segment", [5, 4])
def test_the_direct_forecaster_is_the_loop_of_its_paper(segment):
    model = shaken(SegmentForecaster(GRU, SIZES, segment=segment, hidden_size=6, key=jr.key(0)))
    batch = inputs(known=GAPS)
    xs = np.stack([(np.asarray(batch.values) - last_known(batch)[:, None]) * GAPS, GAPS], axis=-1)
    xs = np.concatenate([xs, batch.past, batch.future[:, :10]], axis=-1)
    front = -10 % segment
    xs = np.concatenate([np.zeros((ROWS, front, xs.shape[-1])), xs], axis=1)
    cell, h = model.layers.cells[0], np.zeros((ROWS, 6))
    for begin in range(0, xs.shape[1], segment):
        h = gru(cell, h, np.maximum(dense(model.embedding, xs[:, begin : begin + segment].reshape(ROWS, -1)), 0))
    pieces = []
    ahead = np.pad(np.asarray(batch.future[:, 10:]), ((0, 0), (0, -5 % segment), (0, 0)))
    for place in range(-(-5 // segment)):
        question = np.concatenate([np.tile(model.places.table[place], (ROWS, 1)), channels(model)], axis=-1)
        answers = ahead[:, place * segment : (place + 1) * segment].reshape(ROWS, -1)
        question = question + dense(model.ahead, np.concatenate([answers, batch.static], axis=-1))
        pieces.append(dense(model.head, gru(cell, h, question)))
    expected = np.concatenate(pieces, axis=-1)[:, :5] + last_known(batch)[:, None]
    np.testing.assert_allclose(forecast(model, batch).centre, expected, rtol=1e-4, atol=1e-5)
    taught = teach(model, batch)
    np.testing.assert_allclose(taught.forecast.centre, expected, rtol=1e-4, atol=1e-5)
    assert (taught.targets == batch.targets).all()


def test_the_encoder_decoder_hands_its_state_over():
    model = shaken(EncoderDecoderForecaster(GRU, SIZES, hidden_size=6, normalise="window", key=jr.key(0)))
    batch = inputs(known=GAPS)
    values, known = map(np.asarray, batch[:2])
    mean = np.array([row[there > 0].mean() for row, there in zip(values, known, strict=True)])[:, None]
    std = np.array([row[there > 0].std() for row, there in zip(values, known, strict=True)])[:, None]
    same = np.concatenate([batch.static, channels(model)], axis=-1)
    h = np.zeros((ROWS, 6))
    for step in range(10):
        value = (values[:, step : step + 1] - mean) / np.sqrt(std**2 + 1e-5) * known[:, step : step + 1]
        x = np.concatenate(
            [value, known[:, step : step + 1], batch.past[:, step], batch.future[:, step], same], axis=-1
        )
        h = gru(model.encoder.cells[0], h, x)
    pieces = []
    for step in range(5):
        place = np.tile(model.places.table[step], (ROWS, 1))
        h = gru(model.decoder.cells[0], h, np.concatenate([place, batch.future[:, 10 + step], same], axis=-1))
        pieces.append(dense(model.head, h)[:, 0])
    expected = np.stack(pieces, axis=1) * np.sqrt(std**2 + 1e-5) + mean
    np.testing.assert_allclose(forecast(model, batch).centre, expected, rtol=1e-4, atol=1e-5)


def autoregressive(**settings):
    small: dict[str, Any] = {"hidden_size": 6, "output": "squared", "draws": 400}
    return shaken(AutoregressiveForecaster(GRU, SIZES, **small | settings, key=jr.key(0)))


@pytest.mark.parametrize("normalise", ["last", "none"])
def test_the_autoregressive_forecaster_reads_the_value_before(normalise):
    model, batch = autoregressive(normalise=normalise), inputs(known=GAPS)
    values = np.concatenate([batch.values, batch.targets], axis=1)
    known = np.concatenate([batch.known, batch.weights], axis=1)
    past = np.pad(np.asarray(batch.past), ((0, 0), (0, 5), (0, 0)))
    same = np.concatenate([batch.static, channels(model)], axis=-1)
    h, last, pieces, free = np.zeros((ROWS, 6)), np.zeros(ROWS), [], []
    value, there, before = np.zeros(ROWS), np.zeros(ROWS), np.zeros((ROWS, 2))
    own: Any = None
    for step in range(15):
        x = np.concatenate([value[:, None], there[:, None], before, batch.future[:, step], same], axis=-1)
        h = gru(model.layers.cells[0], h, x)
        pieces.append(dense(model.head, h)[:, 0] + (last if normalise == "last" else 0))
        value, there, before = values[:, step], known[:, step], past[:, step]
        last = np.where(there > 0, value, last)
        if step == 9:
            own = (h, value, there, before, last)
    np.testing.assert_allclose(teach(model, batch).forecast.centre, np.stack(pieces, axis=1), rtol=1e-4, atol=1e-5)

    h, value, there, before, last = own
    for step in range(10, 15):
        x = np.concatenate([value[:, None], there[:, None], before, batch.future[:, step], same], axis=-1)
        h = gru(model.layers.cells[0], h, x)
        value = dense(model.head, h)[:, 0] + (last if normalise == "last" else 0)
        there, before, last = np.ones(ROWS), np.zeros((ROWS, 2)), value
        free.append(value)
    centre = forecast(model, batch).centre
    np.testing.assert_allclose(centre, np.stack(free, axis=1), rtol=1e-4, atol=1e-5)


def test_the_first_step_of_drawn_futures_has_the_distribution_that_was_said():
    model, batch = autoregressive(output="gaussian", draws=4000), inputs()
    futures = forecast(model, batch)
    assert isinstance(futures, Samples)
    said = teach(model, batch).forecast
    np.testing.assert_allclose(futures.centre[:, 0], said.mean[:, 10], atol=4 * float(said.scale[:, 10].max()) / 60)
    np.testing.assert_allclose(futures.spread[:, 0], said.scale[:, 10], rtol=0.1)
    one = model.simulate(*_state(model, batch), batch.future[:, 10:11], key=jr.key(0))
    np.testing.assert_allclose(one.mean[:, 0], said.mean[:, 10], rtol=1e-5, atol=1e-6)


def _state(model, batch, chunk=10):
    """The filter's state after the windows, read in chunks, which are filled up with what must not be read."""
    state, series = model.begin(ROWS), StaticInputs(batch.static, batch.channel, batch.scale)
    rows = [np.swapaxes(each, 0, 1) for each in (batch.values, batch.known, batch.past, batch.future[:, :10])]
    advance = jax.jit(AutoregressiveForecaster.advance)
    for begin in range(0, 10, chunk):
        parts = [each[begin : begin + chunk] for each in rows]
        count = len(parts[0])
        full = (np.concatenate([part, np.full((10 - count, *part.shape[1:]), np.nan, np.float32)]) for part in parts)
        state = advance(model, state, series, HistorySteps(*map(jnp.array, full)), count)
    return state, series


@pytest.mark.optimised
@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_a_filter_gives_the_same_bits_however_its_rows_are_cut(cell):
    model = shaken(AutoregressiveForecaster(cell, SIZES, hidden_size=6, num_layers=2, key=jr.key(0)))
    batch = inputs(known=GAPS)
    whole, _ = _state(model, batch)
    for chunk in (1, 3):
        cut, _ = _state(model, batch, chunk)
        assert isinstance(cut, Filter)
        for ours, other in zip(jax.tree.leaves(whole), jax.tree.leaves(cut), strict=True):
            assert np.asarray(ours).tobytes() == np.asarray(other).tobytes()


def test_rows_without_a_window_do_not_count_in_teaching():
    model = autoregressive()
    batch = inputs()
    batch = batch._replace(weights=batch.weights.at[1].set(0))
    taught = teach(model, batch)
    assert taught.weights.sum(axis=1).tolist() == [15, 0, 15]


@pytest.mark.parametrize("how", ["last", "window", "none"])
def test_a_window_of_which_nothing_is_known_stays_finite(how):
    batch = inputs(known=jnp.zeros((ROWS, SIZES.lookback)))
    result = normalise(batch, how)
    assert all(np.isfinite(leaf).all() for leaf in result)
    assert (result.values == 0).all()


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("kind", "output"),
    [
        (SegmentForecaster, "quantile"),
        (EncoderDecoderForecaster, "student"),
        (AutoregressiveForecaster, "negative-binomial"),
    ],
)
def test_every_output_of_every_forecaster_learns(kind, output):
    more = {"segment": 5} if kind is SegmentForecaster else {}
    normalise = "none" if output == "negative-binomial" else "last"
    model = kind(LSTM, SIZES, hidden_size=6, output=output, normalise=normalise, dropout=0.1, key=jr.key(0), **more)
    batch = inputs()
    batch = batch._replace(values=jnp.abs(batch.values), targets=jnp.abs(batch.targets))

    def loss(model):
        taught = model.teach(batch, key=jr.key(1))
        return (taught.forecast.loss(taught.targets) * taught.weights).mean()

    before, gradient = jax.jit(jax.value_and_grad(loss))(model)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    after = jax.jit(loss)(jax.tree.map(lambda weight, slope: weight - 0.01 * slope, model, gradient))
    assert after < before
    assert [name for name, _ in model.activations(batch)][-1] == "head"


@pytest.mark.slow
def test_the_direct_forecaster_is_pytorchs_gru_over_segments():
    torch = peer("torch")
    plain = Sizes(lookback=12, horizon=8, channels=1)
    model = shaken(SegmentForecaster(GRU, plain, segment=4, hidden_size=6, key=jr.key(0)))
    random = np.random.default_rng(0)
    values, none, ones = random.normal(size=(ROWS, 12)).astype(np.float32), jnp.zeros((ROWS, 20, 0)), jnp.ones(ROWS)
    targets = jnp.zeros((ROWS, 8))
    batch = WindowInputs(
        jnp.array(values), jnp.ones((ROWS, 12)), none[:, :12], none, none[:, 0], jnp.zeros(ROWS, int), targets, targets,
        0 * ones, ones,
    )  # fmt: skip
    cell = model.layers.cells[0]
    layer = torch.nn.GRU(6, 6, batch_first=True)
    state = gates.to_torch_arrays(
        gates.Weights(cell.kernel, cell.recurrent_kernel, cell.bias, np.pad(cell.recurrent_bias, (12, 0)))
    )
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    for name, array in zip(names, state, strict=True):
        getattr(layer, name).data = torch.tensor(np.array(array))

    def linear(part, x):
        return x @ torch.tensor(np.array(part.kernel)) + torch.tensor(np.array(part.bias))

    with torch.no_grad():
        xs = torch.tensor(values - values[:, -1:])
        xs = torch.stack([xs, torch.ones_like(xs)], dim=-1).reshape(ROWS, 3, 8)
        _, h = layer(torch.relu(linear(model.embedding, xs)))
        places = torch.tensor(np.array(model.places.table))
        channel = torch.tensor(np.array(model.channels.table[0]))
        questions = torch.cat([places, channel.expand(2, -1)], dim=-1).repeat(ROWS, 1)[:, None]
        ys, _ = layer(questions, h.repeat_interleave(2, dim=1))
        expected = linear(model.head, ys[:, 0]).reshape(ROWS, 8) + torch.tensor(values[:, -1:])
    np.testing.assert_allclose(forecast(model, batch).centre, expected.numpy(), atol=3e-6)
