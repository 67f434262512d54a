import dataclasses
import errno
import os
import signal
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import elman
from elman import artefact
from elman._compilation import CompileClock
from elman.training.events import Checkpoint, Evaluated, Finished, Started, Stepped
from elman.training.loop import train
from elman.training.reporters import Quiet
from elman.training.settings import Training
from elman.training.start import start_state

SMALL = dict(hidden_size=12, embedding_size=6, batch_size=4, unroll_length=16)


def begun(text, *, codec=None, task=None, **settings):
    task = task or elman.LanguageModelling(**SMALL)
    training = Training(**({"steps": 12} | settings))
    data = task.read_text(text)
    model = task.build(data.codec, key=jax.random.key(training.seed))
    return task, data, training, start_state(task, model, training, task.batch_size)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def assert_same(a, b):
    for x, y in zip(leaves(a), leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_events_tell_the_story_in_order(small_text):
    events = list(train(*begun(small_text, evaluations=3, checkpoint_seconds=1e9)))
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert kinds[-1] is Finished
    assert kinds.count(Stepped) == 12
    assert [event.step for event in events if isinstance(event, Evaluated)] == [4, 8, 12]
    assert events[-1].reason == "done"
    assert events[-1].state.progress.step == 12


def test_one_step_of_sgd_is_the_gradient_of_the_mean_loss(small_text):
    task = elman.LanguageModelling(**SMALL, dropout=0, input_dropout=0)
    settings = dict(steps=1, optimiser="sgd", momentum=0, learning_rate=0.5, warmup_steps=0, decay="none", clip=0)
    task, data, training, state = begun(small_text, task=task, **settings)
    start = jax.tree.map(jnp.copy, state.model)
    batch = task.batches(data.train, seed=0)[0]

    def mean_loss(model):
        _, logits = model(jnp.asarray(batch.inputs), model.init_carry(4))
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets).mean()

    gradient = jax.grad(mean_loss)(start)
    *_, finished = train(task, data, training, state)
    for old, slope, new in zip(leaves(start), leaves(gradient), leaves(finished.state.model), strict=True):
        np.testing.assert_allclose(new, old - 0.5 * slope, atol=1e-6)


def test_clipping_bounds_the_step(small_text):
    settings = dict(steps=1, optimiser="sgd", momentum=0, learning_rate=1.0, warmup_steps=0, decay="none", clip=1e-3)
    task, data, training, state = begun(small_text, **settings)
    start = leaves(state.model)
    *_, finished = train(task, data, training, state)
    moved = [new - old for new, old in zip(leaves(finished.state.model), start, strict=True)]
    assert np.sqrt(sum((m.astype(np.float64) ** 2).sum() for m in moved)) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.sample(3)
@pytest.mark.parametrize("optimiser", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("kind", ["Elman", "GRU", "LSTM"])
def test_every_optimiser_and_cell_learns(small_text, optimiser, kind):
    task = elman.LanguageModelling(**SMALL | {"hidden_size": 32}, cell=kind, num_layers=1, dropout=0)
    data = task.read_text(small_text)
    rate: dict[str, Any] = {"learning_rate": 0.02} if optimiser == "adamw" else {}
    fitted = elman.fit(task, data, steps=200, optimiser=optimiser, report=Quiet(), **rate)
    assert fitted.validation.nats_per_token < (2.4 if optimiser == "sgd" else 1.2) < np.log(data.codec.size)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "options", [dict(tied=True, embedding_size=24), dict(residual=True, layer_norm=True), dict(embedding_size=12)]
)
def test_options_of_the_network_learn_too(small_text, options):
    task = elman.LanguageModelling(**SMALL | {"hidden_size": 24} | options, dropout=0.1)
    fitted = elman.fit(task, task.read_text(small_text), steps=200, learning_rate=0.02, report=Quiet())
    assert fitted.validation.nats_per_token < 2.0


def test_evaluation_counts_every_token_once_from_a_fresh_state(small_fitted):
    fitted, data = small_fitted
    part = dataclasses.replace(data.train, tokens=np.tile(data.train.tokens[:], 2))
    ids = part.tokens
    targets, streams = len(ids) - 1, len(ids) // 1000
    assert streams == 5
    bounds = [row * targets // streams for row in range(streams + 1)]
    nats = 0.0
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        _, logits = fitted.model(jnp.asarray(ids[None, start:stop], jnp.int32), fitted.model.init_carry(1))
        logits = np.asarray(logits[0], np.float64)
        chosen = logits[np.arange(stop - start), ids[start + 1 : stop + 1]]
        nats += (np.log(np.exp(logits).sum(1)) - chosen).sum()
    metrics = fitted.evaluate(part)
    assert metrics.tokens == targets
    assert metrics.nats_per_token == pytest.approx(nats / targets, rel=1e-5)
    assert metrics.bits_per_char == pytest.approx(nats / targets / np.log(2), rel=1e-5)
    assert fitted.evaluate(data.validation).nats_per_token == pytest.approx(fitted.validation.nats_per_token, rel=1e-6)


def test_evaluation_does_not_touch_training(small_text):
    finals = [list(train(*begun(small_text, evaluations=n)))[-1].state.model for n in (1, 12)]
    assert_same(*finals)


@pytest.mark.optimised
def test_the_same_seed_gives_the_same_weights(small_text):
    finals = [list(train(*begun(small_text, seed=seed)))[-1].state.model for seed in (1, 1, 2)]
    assert_same(finals[0], finals[1])
    assert not np.array_equal(leaves(finals[0])[0], leaves(finals[2])[0])


@pytest.mark.optimised
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(small_text, tmp_path):
    task = elman.LanguageModelling(**SMALL)
    data = task.read_text(small_text)
    options: dict[str, Any] = dict(steps=40, evaluations=5)
    whole = elman.fit(task, data, out=tmp_path / "whole", report=Quiet(), **options)

    class StopAt:
        def __init__(self, step):
            self.step = step

        def __call__(self, event):
            if isinstance(event, Stepped) and event.step == self.step:
                os.kill(os.getpid(), signal.SIGINT)

        def close(self): ...

    out = tmp_path / "parts"
    with pytest.raises(elman.Interrupted, match="after step 13; resume with --resume"):
        elman.fit(task, data, out=out, report=StopAt(13), **options)
    assert elman.load(out).task == task.configure(data)
    with pytest.raises(elman.Interrupted, match="after step 29"):
        elman.fit(task, data, out=out, resume=True, report=StopAt(29), **options)
    resumed = elman.fit(task, data, out=out, resume=True, report=Quiet(), **options)
    assert_same(resumed.model, whole.model)
    assert resumed.measures["validation"] == whole.measures["validation"]
    assert [one.step for one in whole.history] == [8, 16, 24, 32, 40]
    histories = [fitted.history.columns() | {"seconds": []} for fitted in (whole, resumed, elman.load(out))]
    assert histories[0] == histories[1] == histories[2]
    assert_same(elman.load(out).model, whole.model)
    with pytest.raises(elman.ArtefactError, match="complete, after step 40; a budget extends it"):
        elman.fit(task, data, out=out, resume=True, report=Quiet())


def test_a_run_is_resumed_only_as_it_began(small_text, tmp_path):
    task = elman.LanguageModelling(**SMALL)
    data = task.read_text(small_text)

    class Crash(Quiet):
        def __call__(self, event):
            if isinstance(event, Stepped) and event.step == 3:
                raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        elman.fit(task, data, out=tmp_path / "m", steps=9, checkpoint_seconds=1e-9, report=Crash())
    other = elman.LanguageModelling(**SMALL | {"hidden_size": 13})
    with pytest.raises(elman.ConfigError, match="hidden_size: the run at .* has 12; it cannot be resumed with 13"):
        elman.fit(other, data, out=tmp_path / "m", resume=True, steps=9)
    with pytest.raises(elman.ConfigError, match="steps: the run at .* has 9; it cannot be resumed with 10"):
        elman.fit(task, data, out=tmp_path / "m", resume=True, steps=10)
    with pytest.raises(elman.ArtefactError, match="not the data of .*: the training part, .* differ"):
        elman.fit(task, task.read_text(small_text + "x"), out=tmp_path / "m", resume=True, steps=9)
    elman.fit(task, data, out=tmp_path / "m", resume=True, steps=9, learning_rate=0.001, report=Quiet())
    with pytest.raises(elman.ConfigError, match="choose one"):
        elman.fit(task, data, out=tmp_path / "m", resume=True, force=True, steps=9)


def test_the_best_evaluation_is_kept_and_patience_ends_the_run(small_text):
    task = elman.LanguageModelling(**SMALL, dropout=0)
    data = task.read_text(small_text[:600] + "zq" * 20)
    history = []

    class Watch(Quiet):
        def __call__(self, event):
            if isinstance(event, Evaluated):
                history.append(event)

    settings: dict[str, Any] = dict(
        steps=2000, evaluations=200, patience=3, decay="none", learning_rate=0.02, report=Watch()
    )
    fitted = elman.fit(task, data, **settings)
    best = min(history, key=lambda event: event.metrics.nats_per_token)
    assert history[-1].step < 2000
    assert history.index(best) == len(history) - 4
    assert fitted.measures["step"] == best.step == fitted.history.best.step
    assert fitted.evaluate(data.validation).nats_per_token == pytest.approx(best.metrics.nats_per_token, rel=1e-6)


def poisoned(state, path, value):
    return state._replace(model=eqx.tree_at(path, state.model, value))


def test_a_weight_that_is_not_finite_is_named(small_text):
    task, data, training, state = begun(small_text)
    kernel = state.model.layers.cells[1].recurrent_kernel.at[0, 0].set(jnp.nan)
    state = poisoned(state, lambda m: m.layers.cells[1].recurrent_kernel, kernel)
    with pytest.raises(elman.NonFiniteError, match=r"step 0: layers\.cells\.1\.recurrent_kernel is infinite"):
        list(train(task, data, training, state))


class Poisonous(elman.Elman):
    """Puts out what is not a number."""

    def step(self, h, a):
        h, y = super().step(h, a)
        return h, y + jnp.nan


def test_the_first_layer_that_puts_out_nan_is_named(small_text):
    task = elman.LanguageModelling(**SMALL, cell="tests.training.test_training:Poisonous")
    with pytest.raises(elman.NonFiniteError, match=r"the output of layers\.cells\.0 is infinite"):
        list(train(*begun(small_text, task=task)))


def test_every_evaluation_is_made(small_text):
    events = list(train(*begun(small_text, steps=29, evaluations=29)))
    assert [event.step for event in events if isinstance(event, Evaluated)] == list(range(1, 30))


def test_a_budget_too_short_for_a_step_makes_one(small_text):
    events = list(train(*begun(small_text, steps=None, minutes=1e-9)))
    assert [event.step for event in events if isinstance(event, Evaluated)] == [1]


def test_data_of_another_vocabulary_is_refused(small_fitted, small_text):
    fitted, data = small_fitted
    words = elman.LanguageModelling(vocabulary="words").read_text(small_text)
    with pytest.raises(elman.DataError, match="another task read it as words"):
        elman.fit(fitted.task, words, steps=1)
    with pytest.raises(elman.DataError, match="expected what task.read returns; got str"):
        elman.fit(fitted.task, "text.txt", steps=1)  # ty: ignore[invalid-argument-type]
    shifted = fitted.task.read_text("".join(chr(ord(char) + 1) for char in small_text))
    with pytest.raises(elman.DataError, match="numbered with another vocabulary; read it with fitted.read"):
        fitted.evaluate(shifted.train)
    with pytest.raises(elman.DataError, match="expected a part of the data"):
        fitted.evaluate(data)


def test_a_text_read_with_the_models_vocabulary_can_be_measured(small_fitted, small_text, tmp_path):
    fitted, _ = small_fitted
    (tmp_path / "t.txt").write_text(small_text)
    assert fitted.evaluate(fitted.read(tmp_path / "t.txt")).tokens == len(small_text) - 1


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(small_text, tmp_path, capsys, monkeypatch):
    task, writes, write = elman.LanguageModelling(**SMALL), [], artefact.write

    def fails_once(path, saved):
        writes.append(path)
        if len(writes) == 2:
            raise elman.ArtefactError("the disk is full")
        write(path, saved)

    monkeypatch.setattr(artefact, "write", fails_once)
    data = task.read_text(small_text)
    elman.fit(task, data, steps=5, out=tmp_path / "m", checkpoint_seconds=1e-9, report=Quiet())
    assert capsys.readouterr().err.startswith("the disk is full\n")
    assert elman.load(tmp_path / "m").measures["step"] == 5


def test_a_full_disk_is_said_and_training_goes_on(small_text, tmp_path, capsys, monkeypatch):
    task, synced, sync = elman.LanguageModelling(**SMALL), [], os.fsync

    def full(descriptor):
        synced.append(descriptor)
        if 15 < len(synced) < 35:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    out = tmp_path / "m"
    fitted = elman.fit(
        task, task.read_text(small_text), steps=30, evaluations=1, out=out, checkpoint_seconds=1e-9, report=Quiet()
    )
    said = capsys.readouterr().err.splitlines()
    failed = f"{out}: cannot be saved (No space left on device); the artefact saved before is whole"
    assert {line for line in said if "saved" in line} == {failed}
    assert_same(elman.load(out).model, fitted.model)
    assert os.listdir(tmp_path) == ["m"]


@pytest.mark.parametrize("failing", [2, 9])
def test_the_last_save_is_tried_again(small_text, tmp_path, capsys, monkeypatch, failing):
    task, left, write = elman.LanguageModelling(**SMALL), [*range(failing)], artefact.write

    def write_later(path, saved):
        if saved.state.values["complete"] and left:
            left.pop()
            raise elman.ArtefactError("m: cannot be saved")
        write(path, saved)

    monkeypatch.setattr(artefact, "write", write_later)
    monkeypatch.setattr("elman.training.fit.LAST_WAITS", (0, 0, 0))
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = dict(steps=4, evaluations=1, out="m", checkpoint_seconds=1e-9, report=Quiet())
    data = task.read_text(small_text)
    if failing == 2:
        fitted = elman.fit(task, data, **options)
    else:
        with pytest.raises(elman.ArtefactError, match=r"saved: step 4, and --resume --out m goes on from there$"):
            elman.fit(task, data, **options)
        left.clear()
        fitted = elman.fit(task, data, resume=True, **options)
    said = [line for line in capsys.readouterr().err.splitlines() if "saved" in line]
    assert said == ["m: cannot be saved; trying again in 0 s"] * min(failing, 3)
    assert_same(elman.load("m").model, fitted.model)


def test_a_layer_whose_output_overflows_is_named(small_text):
    task, data, training, state = begun(small_text, task=elman.LanguageModelling(**SMALL, cell="Elman"))
    huge = jnp.full_like(state.model.head.kernel, 3e38)
    state = poisoned(state, lambda m: m.head.kernel, huge)
    with pytest.raises(elman.NonFiniteError, match=r"step 0: the output of head is infinite"):
        list(train(task, data, training, state))


def test_the_last_good_state_is_kept_when_training_diverges(small_text, tmp_path):
    task = elman.LanguageModelling(**SMALL, cell="tests.training.test_training:Growing")
    data = task.read_text(small_text)
    with pytest.raises(elman.NonFiniteError, match="step "):
        elman.fit(
            task,
            data,
            out=tmp_path / "m",
            steps=500,
            optimiser="sgd",
            learning_rate=1e30,
            clip=0,
            report=Quiet(),
        )
    kept = elman.load(tmp_path / "m")
    assert all(np.isfinite(leaf).all() for leaf in leaves(kept.model))
    assert (tmp_path / "m" / "training" / "state.json").exists()


class Growing(elman.Elman):
    """A cell without a bound, which a huge learning rate makes overflow."""

    def step(self, h, a):
        h = a + h @ self.recurrent_kernel
        return h, h


def test_a_learned_start_state_gets_a_gradient(small_text):
    task = elman.LanguageModelling(**SMALL, cell="tests.training.test_training:LearnedStart", num_layers=1)
    task, data, training, state = begun(small_text, task=task, steps=5)
    *_, finished = train(task, data, training, state)
    assert np.abs(leaves(finished.state.model.layers.cells[0].start)).max() > 0


class LearnedStart(elman.Elman):
    """Elman cell whose start state is a weight."""

    start: jax.Array

    def __init__(self, input_size, hidden_size, *, key):
        super().__init__(input_size, hidden_size, key=key)
        self.start = jnp.zeros(hidden_size)

    def init_carry(self):
        return self.start


def test_the_clock_of_training_stands_still_while_xla_compiles(small_text):
    start = begun(small_text, steps=2)
    jax.clear_caches()
    compiling, began = CompileClock(), time.monotonic()
    *_, finished = train(*start)
    compiled, passed = compiling.seconds(), time.monotonic() - began
    assert compiled > 0
    assert finished.state.progress.seconds <= passed - compiled + 1e-3


def test_evaluations_take_a_tenth_of_a_budget_in_minutes(small_text, monkeypatch):
    evaluate = elman.LanguageModelling.evaluate

    def slow(self, model, part, codec):
        time.sleep(0.2)
        return evaluate(self, model, part, codec)

    monkeypatch.setattr(elman.LanguageModelling, "evaluate", slow)
    events = list(train(*begun(small_text, steps=None, minutes=0.03, evaluations=50)))
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert evaluated[-1].spent == 1
    for one, other in zip(evaluated[1:], evaluated[2:-1], strict=False):  # the last one comes in any case
        assert other.seconds - one.seconds > 9 * 0.2


def test_a_budget_in_minutes_ends_on_time(small_text):
    events = list(train(*begun(small_text, steps=None, minutes=0.02)))
    assert events[-1].reason == "done"
    assert events[-2].spent == 1
    seconds = [event.seconds for event in events if isinstance(event, Stepped)]
    assert 1.0 < seconds[-1] < 20


def test_a_slow_reader_of_events_does_not_cost_the_last_evaluation(small_text):
    events = []
    for event in train(*begun(small_text, steps=None, minutes=0.01, evaluations=3)):
        time.sleep(0.05)
        events.append(event)
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert evaluated[-1].spent == 1
    assert evaluated[-1].step == events[-1].state.progress.step


def test_an_infinite_rate_is_refused_and_an_infinite_update_kept_out(small_text):
    with pytest.raises(elman.ConfigError, match="learning_rate: expected a finite number"):
        elman.Training(learning_rate=float("inf"))
    settings = dict(optimiser="sgd", momentum=0, learning_rate=3e38, warmup_steps=0, clip=0)
    task, data, training, state = begun(small_text, **settings)
    events = []
    with pytest.raises(elman.NonFiniteError):
        events.extend(train(task, data, training, state))
    assert all(np.isfinite(leaf).all() for leaf in leaves(events[-1].state.model))


def test_an_interrupted_fit_without_a_place_hands_over_the_model(small_text):
    task = elman.LanguageModelling(**SMALL)

    class Stop(Quiet):
        def __call__(self, event):
            if isinstance(event, Stepped) and event.step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(elman.Interrupted, match="the exception's `fitted`") as caught:
        elman.fit(task, task.read_text(small_text), steps=20, report=Stop())
    assert caught.value.fitted.generate("the", length=5)


def test_fit_outside_the_main_thread(small_text):
    from concurrent.futures import ThreadPoolExecutor

    task = elman.LanguageModelling(**SMALL)
    data = task.read_text(small_text)
    with ThreadPoolExecutor(1) as pool:
        fitted = pool.submit(elman.fit, task, data, steps=3, report=Quiet()).result()
    assert dataclasses.is_dataclass(fitted)


def test_checkpoints_hold_the_state_of_their_step(small_text):
    seen = [
        e.state.progress.step for e in train(*begun(small_text, checkpoint_seconds=1e-9)) if isinstance(e, Checkpoint)
    ]
    assert [*dict.fromkeys(seen)] == list(range(1, 13))
