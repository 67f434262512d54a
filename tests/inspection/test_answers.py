"""The answers of models item by item, and their calibration, against NumPy and scikit-learn."""

import re

import jax
import numpy as np
import pytest
from sklearn.calibration import calibration_curve

import elman
from elman.inspection import answers, calibration, record
from elman.ops.distributions import LEVELS
from tests.inspection.test_inside import LONG, TEXT, lstm_logits, untrained, writer
from tests.tasks.cases import CASES


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_loss_entropy_and_likeliest_answers_are_those_of_the_softmax():
    [seen] = answers(writer(), TEXT, count=3)
    shares = softmax(lstm_logits(writer(), TEXT)[0])
    ids, tokens = writer().codec.encode(TEXT), writer().codec.token
    assert seen.question == "character"
    assert ("".join(seen.items), "".join(seen.right)) == (TEXT[:-1], TEXT[1:])
    np.testing.assert_allclose(seen.loss, -np.log(shares[np.arange(len(ids) - 1), ids[1:]]), rtol=1e-5)
    np.testing.assert_allclose(seen.entropy, -(shares * np.log(shares)).sum(-1), rtol=1e-5)
    order = np.argsort(-shares, axis=1)[:, :3]
    np.testing.assert_allclose(seen.probabilities, np.take_along_axis(shares, order, axis=1), rtol=1e-5)
    assert seen.choices == tuple(tuple(tokens(id) for id in row) for row in order.tolist())


@pytest.mark.sample(3)
@pytest.mark.parametrize("make", CASES[::-1], ids=lambda make: make.__name__)
def test_every_task_answers_item_by_item(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    fitted = untrained(case.task, data)
    for seen, measured in zip(answers(fitted, data.train), calibration(fitted, data.train), strict=True):
        assert seen.question == measured.question
        assert len(seen.items) == len(seen.right) == len(seen.loss) == len(seen.choices) > 0
        assert np.isfinite(seen.loss).all()
        if make.__name__ != "forecasting":
            assert (seen.probabilities[:, 0] >= seen.probabilities[:, -1]).all()
            assert (seen.entropy >= -1e-6).all()
            likely = np.array([row[0] for row in seen.choices]) == np.array(seen.right)
            np.testing.assert_allclose(seen.loss[likely], -np.log(seen.probabilities[likely, 0]), rtol=1e-4)
            assert sum(one.count for one in measured.bins) == measured.count
    if make.__name__ in ("language_modelling", "seq2seq"):
        assert np.average(seen.loss) == pytest.approx(record(fitted, data.train).loss, rel=1e-4)


def test_the_calibration_of_a_language_model_is_scikit_learns():
    [measured] = calibration(writer(), LONG, bins=5)
    shares = softmax(lstm_logits(writer(), LONG)[0])
    right = shares.argmax(1) == writer().codec.encode(LONG)[1:]
    accuracy, confidence = calibration_curve(right, shares.max(1), n_bins=5)
    assert measured.count == len(right)
    np.testing.assert_allclose([one.accuracy for one in measured.bins], accuracy)
    np.testing.assert_allclose([one.confidence for one in measured.bins], confidence, rtol=1e-5)
    weights = np.array([one.count for one in measured.bins]) / len(right)
    assert measured.error == pytest.approx(float(weights @ np.abs(accuracy - confidence)), rel=1e-4)


def test_a_forecasts_quantiles_have_as_many_values_below_them_as_they_say():
    random = np.random.default_rng(0)
    task = elman.Forecasting(horizon=2, window=4, hidden_size=4, output="gaussian")
    data = task.read_table({"ds": range(400), "y": random.normal(3, 2, 400)})
    task = task.configure(data)
    fitted = task.fitted_class(task=task, codec=data.codec, model=task.build(data.codec, key=jax.random.key(0)))
    [measured], [seen] = calibration(fitted, data.test), answers(fitted, data.test)
    assert [one.confidence for one in measured.bins] == list(LEVELS)
    forecasts = fitted.backtest({"ds": range(400), "y": random.normal(3, 2, 400)}, level=80, intervals="model", first=4)
    assert seen.items == ("+1", "+2")
    assert answers(fitted, data.test, count=1)[0].choices == seen.choices
    assert len(forecasts["elman"]) > 0
    batch = task.evaluation_batches(data.test)
    quantiles, right = [], []
    for step in range(len(batch)):
        (one,), _ = fitted.choices(fitted.model, (), batch.at(step))
        real = np.asarray(one.weights) > 0
        quantiles.append(np.asarray(one.quantiles)[real])
        right.append(np.asarray(one.right)[real])
    quantiles, right = np.concatenate(quantiles), np.concatenate(right)
    assert measured.count == len(right) == 2 * len(data.test)
    for one, column in zip(measured.bins, quantiles.T, strict=True):
        assert one.accuracy == pytest.approx(np.mean(right <= column))
    assert [float(text) for text in seen.choices[0]] == pytest.approx(quantiles[0][[6, 2, 10]], rel=1e-4)


def test_a_single_input_does_not_say_what_is_right():
    texts = [("good film", "pos"), ("bad film", "neg")] * 10
    task = elman.Classification(embedding_size=4, hidden_size=4)
    fitted = untrained(task, task.read_texts(texts))
    with pytest.raises(elman.DataError, match=re.escape("a single input does not say what is right; got str")):
        calibration(fitted, "a good film")
    [seen] = answers(fitted, "a good film")
    assert seen.question == "class"
    assert {*seen.choices[0]} == {"pos", "neg"}
    assert seen.right[0] == seen.choices[0][0]
