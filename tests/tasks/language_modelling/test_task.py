"""The settings that wrap a task's cells, and cells that a function builds: trained and saved."""

import functools
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import pytest

import elman
from elman import artefact
from elman.training.events import Started
from elman.training.reporters import Quiet
from elman.words.vocabulary import Characters

SMALL = dict(hidden_size=24, embedding_size=8, num_layers=2, batch_size=4, unroll_length=16, dropout=0.0)
NOISY = dict(zoneout=0.1, weight_dropout=0.2, learned_start=True)


@pytest.mark.parametrize(("tied", "deviation"), [(False, 1.0), (True, 0.3)])
def test_vectors_begin_with_a_deviation_of_one_unless_the_head_shares_them(tied, deviation):
    task = elman.LanguageModelling(cell="Elman", hidden_size=16, embedding_size=16, num_layers=1, tied=tied)
    model = task.build(Characters(tokens=tuple(map(chr, range(256)))), key=jax.random.key(0))
    assert float(model.embedding.table.std()) == pytest.approx(deviation, rel=0.05)


def steady(input_size, hidden_size, *, key):
    """A wrapped cell by name."""
    return elman.Zoneout(elman.RecurrentDropout(elman.GRU(input_size, hidden_size, key=key), rate=0.1), rate=0.1)


def normed(input_size, hidden_size, *, key):
    """Wrappers without noise."""
    return elman.Residual(elman.Normalised(elman.LSTM(input_size, hidden_size, key=key)))


def masked(input_size, hidden_size, *, key):
    """Runs by other engines in training than after it."""
    return elman.RecurrentDropout(elman.GRU(input_size, hidden_size, key=key), rate=0.1)


def nothing(input_size, hidden_size, *, key):
    """Builds no cell."""
    return key


def trained(text, steps=150, report=None, **settings):
    task = elman.LanguageModelling(**SMALL | settings)
    options: dict[str, Any] = dict(steps=steps, evaluations=2, learning_rate=0.02, report=report or Quiet())
    return elman.fit(task, task.read_text(text), **options)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


CELLS = ["OutputElman", "ResetBeforeGRU", "PeepholeLSTM", "ProjectedLSTM", "SummedElman"]


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "settings",
    [
        NOISY,
        dict(cell=steady),
        dict(cell=normed, embedding_size=24),
        *[dict(cell=cell, num_layers=1) for cell in CELLS],
    ],
)
def test_each_cell_and_setting_learns_and_is_the_same_when_loaded(settings, small_text, tmp_path):
    fitted = trained(small_text, **settings)
    assert fitted.validation.nats_per_token < 2.0 < np.log(fitted.codec.size)
    fitted.save(tmp_path / "cats.elman")
    loaded = elman.load(tmp_path / "cats.elman")
    assert loaded.task == fitted.task
    assert same(loaded.model, fitted.model)
    assert loaded.generate("the", length=20, seed=1) == fitted.generate("the", length=20, seed=1)


def test_the_settings_wrap_every_layer(small_text):
    task = elman.LanguageModelling(**SMALL | NOISY)
    model = task.build(task.read_text(small_text).codec, key=jax.random.key(0))
    for cell in model.layers.cells:
        kinds = [type(cell), type(cell.inner), type(cell.inner.inner), type(cell.inner.inner.inner)]
        assert kinds == [elman.LearnedStart, elman.Zoneout, elman.WeightDropout, elman.LSTM]
    assert (cell.inner.rate, cell.inner.inner.rate) == (0.1, 0.2)
    plain = elman.LanguageModelling(**SMALL).build(task.read_text(small_text).codec, key=jax.random.key(0))
    assert [type(cell) for cell in plain.layers.cells] == [elman.LSTM] * 2


def test_noise_is_of_training_only(small_text):
    """The loss without a key is that of the inner cells where only weights are dropped."""
    task = elman.LanguageModelling(**SMALL, weight_dropout=0.5, input_dropout=0.0)
    plain = elman.LanguageModelling(**SMALL, input_dropout=0.0)
    data = task.read_text(small_text)
    batch = task.batches(data.train, seed=0)[0]
    key = jax.random.key(0)
    nats = []
    for one, noise in [(task, None), (plain, None), (task, jax.random.key(1)), (task, jax.random.key(2))]:
        model = one.build(data.codec, key=key)
        nats.append(float(one.loss(model, model.init_carry(4), batch, key=noise)[0][0]))
    assert nats[0] == nats[1]
    assert len(set(nats)) == 3


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("settings", "by_scan"), [(dict(weight_dropout=0.1), False), (dict(zoneout=0.1), False), (dict(cell=masked), True)]
)
def test_the_engine_that_is_told_is_the_one_that_trains(settings, by_scan, small_text):
    class Keep(Quiet):
        def __call__(self, event):
            if isinstance(event, Started):
                engines.append(event.engine)

    engines = []
    trained(small_text, steps=1, report=Keep(), **settings)
    assert [engine.startswith("scan") for engine in engines] == [by_scan]


def test_artefacts_from_before_these_settings_load(small_fitted, tmp_path):
    fitted, _ = small_fitted
    fitted.save(tmp_path / "new.elman")
    saved = artefact.read(tmp_path / "new.elman")
    for name in NOISY:
        del saved.model["task"][name]
    artefact.write(tmp_path / "old.elman", msgspec.structs.replace(saved))
    old = elman.load(tmp_path / "old.elman")
    assert old.task == fitted.task
    assert same(old.model, fitted.model)


def test_a_function_is_named_by_its_import_path():
    assert elman.LanguageModelling(cell=steady).cell == f"{__name__}:steady"
    assert elman.LanguageModelling(cell=elman.PeepholeLSTM).cell == "PeepholeLSTM"


@pytest.mark.parametrize("cell", [functools.partial(steady), lambda *sizes, key: steady(*sizes, key=key)])
def test_a_function_that_could_not_be_found_again_is_refused(cell):
    with pytest.raises(elman.ConfigError, match="cannot be found again when the model is loaded"):
        elman.LanguageModelling(cell=cell)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (f"{__name__}:nothing", "cell nothing: builds a .*; expected an elman.Cell"),
        (f"{__name__}:SMALL", "no cell .*SMALL"),
        ("Zoneout", "no cell 'Zoneout'"),
    ],
)
def test_what_builds_no_cell_is_refused(cell, message, small_text):
    task = elman.LanguageModelling(cell=cell)
    with pytest.raises(elman.ConfigError, match=message):
        task.build(task.read_text(small_text).codec, key=jax.random.key(0))


def test_the_wrapper_that_does_not_fit_a_cell_is_named(small_text):
    from tests.recurrence.test_unroll import Fading

    task = elman.LanguageModelling(cell=Fading, weight_dropout=0.1)
    with pytest.raises(elman.ConfigError, match="WeightDropout: .*recurrent_kernel; Fading has none"):
        task.build(task.read_text(small_text).codec, key=jax.random.key(0))


def test_the_command_line_has_the_settings(small_text, tmp_path, monkeypatch):
    from elman.cli.main import main

    monkeypatch.chdir(tmp_path)
    Path("cats.txt").write_text(small_text)
    monkeypatch.setattr(
        "sys.argv",
        ["elman", "train", "cats.txt", "--steps", "2", "--hidden-size", "8", "--zoneout", "0.1", "--learned-start"],
    )
    with pytest.raises(SystemExit) as done:
        raise SystemExit(main())
    assert not done.value.code
    task = elman.load("cats.elman").task
    assert (task.zoneout, task.weight_dropout, task.learned_start) == (0.1, 0.0, True)
