"""Runs that start from a saved model, and complete runs that are extended."""

import os
import signal
from typing import Any

import msgspec
import numpy as np
import pytest

import elman
from elman import artefact
from elman.training.events import Evaluated, Stepped
from elman.training.reporters import Quiet
from elman.training.settings import Training
from tests.tasks.cases import replaced

CONSTANT: dict[str, Any] = dict(decay="none", warmup_steps=4, report=Quiet())


class Watch(Quiet):
    """Keeps the evaluations, and stops the run after a step."""

    def __init__(self, stop=0):
        self.evaluations, self.rates, self._stop = [], [], stop

    def __call__(self, event):
        if isinstance(event, Evaluated):
            self.evaluations.append(event)
        if isinstance(event, Stepped):
            self.rates.append(event.learning_rate)
            if event.step == self._stop:
                os.kill(os.getpid(), signal.SIGINT)


def bits(fitted):
    return {name: array.tobytes() for name, array in artefact.named_arrays(fitted.model).items()}


@pytest.fixture(scope="module")
def other_text():
    return "a zebra sat on the mat? the quick dog ate a zebra's hat, and that was 7.\n" * 30


def test_training_starts_from_what_the_model_knows(small_fitted, other_text):
    fitted, _ = small_fitted
    task, watch = fitted.task, Watch()
    again = elman.fit(task, task.read_text(other_text), start_from=fitted, steps=6, evaluations=1, report=watch)
    first, last = watch.evaluations
    assert (first.step, last.step, again.history.former) == (0, 6, (fitted.history.evaluations,))
    assert again.codec.tokens[: fitted.codec.size] == fitted.codec.tokens
    assert {*again.codec.tokens} > {*fitted.codec.tokens}
    anew = elman.fit(task, task.read_text(other_text), steps=6, evaluations=1, report=Quiet())
    assert again.validation.nats_per_token < first.metrics.nats_per_token < anew.validation.nats_per_token
    assert again.training == msgspec.structs.replace(fitted.training, evaluations=1, steps=6)  # the rest is the model's


def test_the_first_evaluation_is_the_models_own_and_a_worse_model_is_not_kept(small_fitted, tmp_path):
    fitted, data = small_fitted
    fitted.save(tmp_path / "m")
    before = artefact.read(tmp_path / "m").weights
    watch = Watch()
    settings: dict[str, Any] = dict(learning_rate=50.0, clip=0, warmup_steps=0, steps=3, report=watch)
    again = elman.fit(fitted.task, data, start_from=tmp_path / "m", out=tmp_path / "n", **settings)
    own = fitted.evaluate(data.validation)
    assert watch.evaluations[0].metrics.nats_per_token == pytest.approx(own.nats_per_token, rel=1e-6)
    assert again.measures["step"] == 0
    assert bits(elman.load(tmp_path / "n")) == bits(fitted)
    after = artefact.read(tmp_path / "m").weights
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.optimised
def test_a_run_from_a_model_is_resumed_bit_for_bit(small_fitted, other_text, tmp_path):
    fitted, _ = small_fitted
    read = lambda: fitted.task.read_text(other_text)
    settings: dict[str, Any] = dict(steps=6, evaluations=2)
    whole = elman.fit(fitted.task, read(), start_from=fitted, report=Quiet(), **settings)
    with pytest.raises(elman.Interrupted):
        elman.fit(fitted.task, read(), start_from=fitted, out=tmp_path / "m", report=Watch(stop=4), **settings)
    other = fitted.task.read_text(other_text + "!")
    with pytest.raises(elman.ArtefactError, match="not the data of .*: the training part"):
        elman.fit(fitted.task, other, out=tmp_path / "m", resume=True, **settings)
    again = elman.fit(fitted.task, read(), out=tmp_path / "m", resume=True, report=Quiet(), **settings)
    assert bits(again) == bits(whole)
    assert again.history.columns()["objective"] == whole.history.columns()["objective"]


@pytest.mark.optimised
def test_an_extended_run_is_one_that_was_never_complete(small_text, tmp_path):
    task = elman.LanguageModelling(hidden_size=12, embedding_size=6, batch_size=4, unroll_length=16, dropout=0.2)
    data = task.read_text(small_text)
    once: dict[str, Any] = {**CONSTANT, "steps": 6, "evaluations": 1}
    twice: dict[str, Any] = {**CONSTANT, "steps": 12, "evaluations": 2}
    whole = elman.fit(task, data, out=tmp_path / "whole", **twice)
    elman.fit(task, data, out=tmp_path / "parts", **once)
    with pytest.raises(elman.ArtefactError, match=r"complete, after step 6; a budget extends it, .* --minutes 10 \("):
        elman.fit(task, data, out=tmp_path / "parts", resume=True)
    with pytest.raises(elman.ConfigError, match="seed: the run at .* has 0; it cannot be resumed with 1"):
        elman.fit(task, data, out=tmp_path / "parts", resume=True, steps=6, seed=1)
    with pytest.raises(elman.ArtefactError, match="not the data of"):
        elman.fit(task, task.read_text(small_text + "x"), out=tmp_path / "parts", resume=True, steps=6)
    with pytest.raises(elman.Interrupted, match="after step 9"):
        elman.fit(task, data, out=tmp_path / "parts", resume=True, steps=6, report=Watch(stop=9))
    extended = elman.fit(task, data, out=tmp_path / "parts", resume=True, **once)
    assert bits(extended) == bits(whole)
    assert [one.step for one in extended.history] == [one.step for one in whole.history] == [6, 12]
    arrays = [artefact.read(tmp_path / name, with_state=True).state.arrays for name in ("whole", "parts")]
    assert all(array.tobytes() == arrays[1][name].tobytes() for name, array in arrays[0].items())


def test_an_extended_run_repeats_the_schedule_unless_the_rate_is_constant():
    settings: dict[str, Any] = dict(steps=100, learning_rate=1.0)
    rates = lambda first, **more: [
        round(Training(**settings | more).rate(step=first + step, spent=step / 100, first=first), 2)
        for step in (0, 10, 20, 60, 99)
    ]
    assert rates(100) == rates(0) == [0.02, 0.5, 1.0, 0.5, 0.01]
    assert rates(100, decay="none") == [1.0] * 5
    assert rates(100, decay="none", warmup_steps=200) == [0.51, 0.56, 0.6, 0.81, 1.0]


def test_a_model_whose_state_was_not_kept_cannot_be_extended(small_fitted, tmp_path):
    fitted, data = small_fitted
    fitted.save(tmp_path / "m")
    with pytest.raises(elman.ArtefactError, match=r"its state was not kept; --from \(start_from=\) goes on"):
        elman.fit(fitted.task, data, out=tmp_path / "m", resume=True, steps=2)


def test_the_model_to_start_from_is_never_overwritten(small_fitted, tmp_path):
    fitted, data = small_fitted
    fitted.save(tmp_path / "m")
    (tmp_path / "link").symlink_to(tmp_path / "m")
    for out in (tmp_path / "m", tmp_path / "link", tmp_path / "." / "m"):
        with pytest.raises(elman.ArtefactError, match=r"is the model to start from, which is never overwritten"):
            elman.fit(fitted.task, data, start_from=tmp_path / "m", out=out, force=True, steps=1)
    task = elman.Classification(start_from=str(tmp_path / "m"))
    with pytest.raises(elman.ArtefactError, match="never overwritten"):
        elman.fit(task, data, out=tmp_path / "m", force=True, steps=1)
    with pytest.raises(elman.ConfigError, match="start_from begins another one; choose one"):
        elman.fit(fitted.task, data, start_from=fitted, out=tmp_path / "n", resume=True)


def test_a_model_of_another_task_is_refused(small_fitted):
    fitted, _ = small_fitted
    task = elman.Classification()
    data = task.read_texts([("a", "x"), ("b", "y")] * 9)
    message = r"is a model for LanguageModelling, .* for Classification; Classification\(start_from=...\) starts from"
    with pytest.raises(elman.ConfigError, match=message):
        elman.fit(task, data, start_from=fitted, steps=1)


def test_starting_from_an_unfinished_model_says_so(small_text, tmp_path, capsys):
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16, num_layers=1)
    data = task.read_text(small_text)
    with pytest.raises(elman.Interrupted):
        elman.fit(task, data, out=tmp_path / "m", report=Watch(stop=2), steps=6, evaluations=6)
    elman.fit(replaced(task, dropout=0.1), data, start_from=tmp_path / "m", steps=1, evaluations=1, report=Quiet())
    assert "m: its training is unfinished; starting from its best weights so far" in capsys.readouterr().err
