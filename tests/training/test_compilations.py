"""No program is compiled twice in a run, and the first step waits for none but its own."""

import logging
import re
from contextlib import contextmanager

import jax
import pytest

import elman
from elman.training.events import Compiling, Stepped
from tests.tasks.test_building import TASKS

SLOW = {"ecg", "seq2seq", "tagging"}
"""Tasks whose batches have several shapes, or whose networks are large."""


@pytest.mark.parametrize(
    "make", [pytest.param(make, marks=[pytest.mark.slow] * (make.__name__ in SLOW), id=make.__name__) for make in TASKS]
)
def test_a_run_compiles_no_program_twice(make):
    task, data = make()
    with programs() as compiled:
        elman.fit(task, data, steps=2, evaluations=2)
    names = [name for name, _ in compiled]
    assert {"jit(_computed)", "jit(_start)", "jit(step)"} <= {*names}
    assert sorted({*compiled}) == sorted(compiled)
    assert len({*names}) <= 12  # the model, its start, the step, what evaluation needs, and few more


def test_writing_compiles_no_program_twice(small_fitted):
    fitted, _ = small_fitted
    with programs() as compiled:
        fitted.generate("the", length=70)
        fitted.generate("a cat", length=70, seed=1)
    names = {name for name, _ in compiled}
    assert "jit(_begin)" in names
    assert names & {"jit(walk)", "jit(draws)"}  # by XLA, or the draws for the native kernels
    assert sorted({*compiled}) == sorted(compiled)


def test_the_first_step_is_shown_before_the_evaluation_is_compiled(small_text):
    task = elman.LanguageModelling(hidden_size=6, embedding_size=5, batch_size=4, unroll_length=16)
    with programs() as compiled:
        watch = Watch(compiled)
        elman.fit(task, task.read_text(small_text), steps=2, evaluations=2, report=watch)
    assert [(kind, what) for kind, what, _ in watch.seen] == [
        (Compiling, "the training step"),
        (Stepped, 1),
        (Compiling, "the evaluation"),
        (Stepped, 2),
    ]
    names = {what: {*names} for _, what, names in watch.seen}
    assert "jit(step)" in names[1]
    assert "jit(measure)" not in names["the evaluation"]
    assert "jit(measure)" in names[2]


class Watch:
    """A reporter that keeps what was compiled before each event."""

    def __init__(self, compiled):
        self.compiled, self.seen = compiled, []

    def __call__(self, event):
        if isinstance(event, Compiling | Stepped):
            what = event.what if isinstance(event, Compiling) else event.step
            self.seen.append((type(event), what, [name for name, _ in self.compiled]))

    def close(self): ...


@contextmanager
def programs():
    """The name and the shapes of every program that is compiled, or read from the cache, meanwhile; a number that is
    taken from Python ("weak") makes no other program."""
    compiled = []

    class Listener(logging.Handler):
        def emit(self, record):
            result = re.match(r"Compiling (\S+) with global shapes and types (.*)\. Argument", record.getMessage())
            if result:
                compiled.append((result[1], result[2].replace(", weak_type=True", "")))

    listener = Listener()
    logging.getLogger("jax").addHandler(listener)
    jax.clear_caches()
    try:
        with jax.log_compiles():
            yield compiled
    finally:
        logging.getLogger("jax").removeHandler(listener)
