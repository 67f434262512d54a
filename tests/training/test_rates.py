import os
import signal

import jax
import numpy as np
import pytest

import elman
from elman.training.events import Checkpoint, Stepped
from elman.training.loop import train
from elman.training.rates import rates_by_weight
from elman.training.settings import Training
from elman.training.start import start_state

SMALL = dict(hidden_size=12, embedding_size=6, batch_size=4, unroll_length=16, num_layers=2, dropout=0.0)
PLAIN = dict(optimiser="sgd", momentum=0, learning_rate=0.5, warmup_steps=0, decay="none", clip=0)


@pytest.fixture
def rates(monkeypatch):
    """Sets what the task says of each epoch."""

    def says(*epochs):
        monkeypatch.setattr(
            elman.LanguageModelling, "rates", lambda task, model, epoch: epochs[min(epoch, len(epochs) - 1)]
        )

    return says


def named(model):
    paths = jax.tree.leaves_with_path(model)
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.array(leaf) for path, leaf in paths}


def begun(text, **settings):
    task, training = elman.LanguageModelling(**SMALL, input_dropout=0.0), Training(**settings)
    data = task.read_text(text)
    model = task.build(data.codec, key=jax.random.key(0))
    return task, data, training, start_state(task, model, training, 4)


def trained(text, **settings):
    *_, finished = train(*begun(text, **settings))
    return named(finished.state.model)


@pytest.mark.parametrize("optimiser", ["adamw", "muon", "sgd"])
def test_a_frozen_part_is_not_changed_by_any_optimiser_nor_by_weight_decay(small_text, rates, optimiser):
    rates({"embedding": 0.0, "layers.cells.0": 0.0})
    settings = dict(steps=5, optimiser=optimiser, weight_decay=0.5, warmup_steps=0)
    before = named(begun(small_text, **settings)[3].model)
    for name, weights in trained(small_text, **settings).items():
        frozen = name.startswith(("embedding", "layers.cells.0"))
        assert np.array_equal(weights, before[name]) == frozen, name


def test_a_factor_multiplies_the_step_of_its_part(small_text, rates):
    start = named(begun(small_text)[3].model)
    whole = trained(small_text, steps=1, **PLAIN)
    rates({"layers": 0.25, "layers.cells.1": 0.5})
    scaled = trained(small_text, steps=1, **PLAIN)
    for name, before in start.items():
        factor = {"0": 0.25, "1": 0.5}[name.split(".")[2]] if name.startswith("layers") else 1.0
        np.testing.assert_allclose(scaled[name] - before, factor * (whole[name] - before), atol=1e-7)
        assert np.abs(whole[name] - before).max() > 1e-5


def test_the_gradient_of_a_frozen_part_is_not_in_the_norm(small_text, rates):
    def norm():
        return next(
            event.gradient_norm for event in train(*begun(small_text, steps=1, **PLAIN)) if type(event) is Stepped
        )

    start, whole = named(begun(small_text)[3].model), trained(small_text, steps=1, **PLAIN)
    squares = {name: np.sum(((whole[name] - start[name]) / 0.5) ** 2) for name in start}
    assert norm() == pytest.approx(np.sqrt(sum(squares.values())), rel=1e-3)
    rates({"head": 0.0})
    left = sum(square for name, square in squares.items() if not name.startswith("head"))
    assert norm() == pytest.approx(np.sqrt(left), rel=1e-3)


def test_parts_thaw_when_their_epoch_begins(small_text, rates):
    rates({"embedding": 0.0}, {})
    task, data, training, state = begun(small_text, epochs=2, evaluations=1, checkpoint_seconds=1e-9)
    start, length = named(state.model)["embedding.table"], len(task.batches(data.train, seed=0))
    changed = {
        event.state.progress.step: not np.array_equal(start, named(event.state.model)["embedding.table"])
        for event in train(task, data, training, state)
        if isinstance(event, Checkpoint)
    }
    assert [*changed.values()] == [False] * length + [True] * length


class StopAt:
    def __init__(self, step):
        self.step = step

    def __call__(self, event):
        if isinstance(event, Stepped) and event.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)

    def close(self): ...


def test_a_resumed_run_thaws_at_the_same_step(small_text, rates, tmp_path):
    rates({"layers": 0.0}, {"layers": 0.5}, {})
    task = elman.LanguageModelling(**SMALL)
    data = task.read_text(small_text)
    length = len(task.batches(data.train, seed=0))
    whole = elman.fit(task, data, epochs=3, evaluations=1)
    with pytest.raises(elman.Interrupted):
        elman.fit(task, data, out=tmp_path / "m", epochs=3, evaluations=1, report=StopAt(length + 2))
    again = named(elman.fit(task, data, out=tmp_path / "m", resume=True, epochs=3, evaluations=1).model)
    for name, weights in named(whole.model).items():
        np.testing.assert_array_equal(again[name], weights)


def test_a_part_that_is_not_there_is_named(small_text):
    model = begun(small_text)[3].model
    with pytest.raises(elman.ConfigError, match=r"no part 'embedding\.tabel'; did you mean 'embedding\.table'"):
        rates_by_weight(model, {"embedding.tabel": 0.0})
    with pytest.raises(elman.ConfigError, match=r"no part 'layers\.cells\.2'"):
        rates_by_weight(model, {"layers.cells.2": 0.0})
