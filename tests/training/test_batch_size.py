from dataclasses import replace
from typing import Any

import msgspec
import pytest

import elman
from elman.training import batch_size
from elman.training.batch_size import ENOUGH, quicker, with_batch_size
from elman.training.begin import begin_from, origin_of
from elman.training.settings import Training
from tests.tasks import cases


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with nothing else to do; a test may take another share of its processors."""
    monkeypatch.setattr(batch_size, "free_share", lambda: 1.0)
    return monkeypatch


@pytest.fixture(scope="module")
def text():
    task = elman.LanguageModelling()
    return task, task.read_text("the quick brown fox jumps over the lazy dog. " * 4000)


def size(text, **budget):
    task, data = text
    sized: Any = with_batch_size(task, data, Training(**budget))
    return sized.batch_size


def test_a_budget_with_enough_steps_has_the_usual_size(text):
    task, data = text
    steps = len(task.batches(data.train, seed=0))
    assert size(text, epochs=ENOUGH / steps + 1) == 32
    assert size(text, minutes=20) == 32


def test_a_shorter_one_has_smaller_batches_until_it_has_enough_steps(text):
    task, data = text
    steps = len(task.batches(data.train, seed=0))
    assert size(text, epochs=0.6 * ENOUGH / steps) == 16
    assert size(text, epochs=0.3 * ENOUGH / steps) == size(text, epochs=0.01) == 8
    sizes = [size(text, minutes=minutes) for minutes in (0.1, 1, 2, 4, 8)]
    assert sizes == sorted(sizes)
    assert {*sizes} == {8, 16, 32}


def test_a_busy_machine_has_smaller_batches_where_the_budget_is_in_minutes(text, machine):
    task, data = text
    minutes = next(minutes for minutes in range(1, 60) if size(text, minutes=minutes) == 32)
    epochs = ENOUGH / len(task.batches(data.train, seed=0)) + 1
    for share, expected in ((1 / 2, 16), (1 / 8, 8)):
        machine.setattr(batch_size, "free_share", lambda share=share: share)
        assert size(text, minutes=minutes) == expected
        assert size(text, epochs=epochs) == 32


def test_the_size_with_which_more_steps_had_been_made():
    sized = [elman.LanguageModelling(batch_size=size) for size in (32, 64, 8)]
    assert [quicker(task, 335) for task in sized] == ["--batch-size 8", "--batch-size 16", ""]
    assert quicker(sized[0], 700) == "--batch-size 16"
    assert quicker(sized[0], ENOUGH) == ""


def test_a_size_that_is_given_stays_and_so_does_one_for_a_number_of_steps(text):
    _, data = text
    given = elman.LanguageModelling(batch_size=64)
    assert with_batch_size(given, data, Training(minutes=0.1)) is given
    assert size(text, steps=3) == 32


def test_the_size_is_saved_and_a_resumed_run_keeps_it(tmp_path):
    texts = [(f"good film {n}", "pos") for n in range(60)] + [(f"bad film {n}", "neg") for n in range(60)]
    task = elman.Classification(embedding_size=4, hidden_size=4)
    data = task.read_texts(texts)
    assert elman.fit(task, data, out=tmp_path / "m", epochs=0.5, evaluations=1).task.batch_size == 8
    assert elman.load(tmp_path / "m").task.batch_size == 8
    longer = elman.fit(task, data, out=tmp_path / "m", resume=True, epochs=0.5)
    assert longer.task.batch_size == 8
    imported = replace(longer, task=msgspec.structs.replace(longer.task, batch_size=None))  # which has had no budget
    begun: Any = begin_from(task, data, {"epochs": 0.5}, origin_of(imported)).task
    assert begun.batch_size == 8


@pytest.mark.parametrize("make", cases.CASES, ids=lambda make: make.__name__)
def test_every_task_leaves_the_size_to_the_budget(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    sizes = case.task.batch_sizes
    task = msgspec.structs.replace(case.task, **{sizes.name: None}).configure(data)
    budgets = ({"minutes": 0.001}, {"minutes": 60}, {"epochs": 0.1}, {"steps": 5})
    chosen = [getattr(with_batch_size(task, data, Training(**budget)), sizes.name) for budget in budgets]
    assert chosen == [sizes.least, sizes.usual, sizes.least, sizes.usual]
    assert task.in_batch == sizes.usual
