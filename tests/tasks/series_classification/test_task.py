"""The task on small series: reading, learning, measures, what is refused."""

from typing import Any

import jax.random as jr
import numpy as np
import pytest

import elman
from elman.training.reporters import Quiet

SMALL = dict(embedding_size=8, hidden_size=8)


def waves(count=120, seed=0):
    """Two channels of noisy waves of 8 to 20 steps; the second lags behind the first, or runs ahead."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        steps, ahead = np.arange(random.integers(8, 21)), random.integers(2)
        phase, lag = random.uniform(0, 2 * np.pi), 1.0 if ahead else -1.0
        values = np.stack([np.sin(0.7 * steps + phase), 50 + 10 * np.sin(0.7 * steps + phase + lag)], axis=1)
        yield values + random.normal(0, [0.05, 0.5], values.shape), "ahead" if ahead else "behind"


def trained(steps=60, **settings):
    task = elman.SeriesClassification(**SMALL | settings)
    data = task.read_series(waves())
    options: dict[str, Any] = dict(steps=steps, evaluations=2, learning_rate=0.02, report=Quiet())
    return elman.fit(task, data, **options), data


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "form",
    [
        dict(),
        dict(convolution=3, convolution_pool=2, pooling="max", cell="LSTM"),
        dict(pooling="last", bidirectional=False, num_layers=2, balance=1.0, label_smoothing=0.1),
    ],
)
def test_every_form_learns_and_is_the_same_when_loaded(form, tmp_path):
    fitted, data = trained(**form)
    assert fitted.evaluate(data.test).accuracy > 0.9
    assert fitted.evaluate(data.test).unit == "series"
    fitted.save(tmp_path / "m.elman")
    loaded = elman.load(tmp_path / "m.elman")
    assert (loaded.task, loaded.codec, loaded.validation) == (fitted.task, fitted.codec, fitted.validation)
    asked = [values for values, _ in waves(5, seed=1)]
    assert loaded.predict_all(asked) == fitted.predict_all(asked)
    assert elman.verify(tmp_path / "m.elman").agrees


def test_the_scale_is_that_of_the_training_part_alone():
    one, other = np.array([[1.0], [3.0]]), np.array([[100.0]])
    task = elman.SeriesClassification()
    data = task.read_series([(one, "a"), (one, "b")] * 2, validation=[(other, "a")], test=[(other, "b")])
    assert (data.codec.scaler.mean, data.codec.scaler.std) == ((2.0,), (1.0,))
    assert data.test.examples[0].values.tolist() == [[98.0]]
    changed = task.read_series([(one, "a"), (one, "b")] * 2, validation=[(other + 1, "a")], test=[(other, "b")])
    assert changed.fingerprint != data.fingerprint


def test_noise_is_of_training_only_and_of_its_size():
    task = elman.SeriesClassification(**SMALL, noise=0.5, dropout=0.0)
    plain = elman.SeriesClassification(**SMALL, noise=0.0, dropout=0.0)
    data = task.read_series(waves(40))
    model, batch = task.build(data.codec, key=jr.key(0)), task.batches(data.train, seed=0).at(0)
    quiet = float(task.loss(model, (), batch)[0][0])
    assert quiet == float(plain.loss(model, (), batch, key=jr.key(1))[0][0])
    assert quiet != float(task.loss(model, (), batch, key=jr.key(1))[0][0])
    noise = 0.5 * jr.normal(jr.split(jr.key(1))[1], batch.values.shape)
    noisy = batch._replace(values=batch.values + noise)
    np.testing.assert_allclose(task.loss(model, (), batch, key=jr.key(1))[0][0], task.loss(model, (), noisy)[0][0])


def test_a_given_budget_replaces_the_tasks_own():
    task = elman.SeriesClassification(**SMALL)
    data = task.read_series(waves(20))
    assert elman.fit(task, data, steps=1, report=Quiet()).training.budget == "1 step"
    assert elman.fit(task, data, minutes=0.001, report=Quiet()).training.budget == "0.001 minutes"
    assert elman.Training(**task.training).budget == "60 epochs"


UP = np.array([[1.0], [2.0]])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(UP, "a"), (UP, "a")], "series of at least two classes; all 2 are 'a'"),
        ([(UP, "a"), (UP, "a"), (UP, "b")], "train, series 3: the only series to train on of class 'b'"),
        ([(UP, "a"), (np.ones((2, 3)), "b")], r"train, series 2: expected values of shape \(steps, 1\).*got \(2, 3\)"),
        ([(UP, "a"), (UP * np.nan, "b")], "train, series 2: step 1 of channel 1 is nan"),
        ([], "at least two classes; there is no series"),
    ],
)
def test_series_that_cannot_be_learned_from(pairs, message):
    with pytest.raises(elman.DataError, match=message):
        elman.SeriesClassification().read_series(pairs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(convolution_pool=2), "convolution_pool: needs a convolution"),
        (dict(missing="zero"), "missing: "),
        (dict(validation=0.6, test=0.5), "leave nothing to train on"),
        (dict(vocabulary="words"), "no option 'vocabulary'"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(elman.ConfigError, match=message):
        elman.SeriesClassification(**settings)


def test_files_and_data_of_other_tasks_are_refused(small_fitted):
    task = elman.SeriesClassification()
    with pytest.raises(elman.DataError, match=r"expected series: a file ending in \.ts"):
        task.read()
    with pytest.raises(elman.DataError, match="expected what task.read returns"):
        task.configure(small_fitted[1])


def test_the_real_files_are_parts(data_folder):
    folder = data_folder / "classification" / "multivariate"
    data = elman.SeriesClassification().read(*(folder / f"JapaneseVowels_{part}.ts.xz" for part in ("TRAIN", "TEST")))
    assert (len(data.train), len(data.validation), len(data.test)) == (243, 27, 370)
    assert (data.codec.labels, len(data.codec.channels)) == (tuple("123456789"), 12)


def test_no_series_to_validate_with_is_told_before_training():
    task = elman.SeriesClassification()
    with pytest.raises(elman.DataError, match="4 series to train on and none to validate with.*larger validation"):
        task.configure(task.read_series([(UP, "a"), (UP, "b")] * 2))
