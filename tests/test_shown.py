"""Values as a session shows them: `repr` has three lines at the most, and a notebook a small table of escaped text."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

import elman
from elman._show import LINES, WIDTH
from elman.formats.results import ResultTable
from elman.formats.wfdb.record import Record
from elman.metrics.classification import Confusion
from elman.tasks.classification.predictor import Prediction
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.fitted import RecordBeats
from elman.tasks.ecg.strip import strips_of
from elman.tasks.seq2seq.answers import Candidate
from elman.tasks.seq2seq.fitted import AttentionMap
from elman.tasks.tagging.fitted import TaggedSentence
from elman.training.history import Evaluation, History
from tests.tasks.cases import CASES
from tests.test_old_artefacts import ARTEFACTS

TEXT = "<b>&\n" * 50
MANY = tuple(f"{n}{TEXT}" for n in range(100))


def predictions():
    qrs = DetectedWave("QRS", 480, 500, 520, 0.99)
    strip, *_ = strips_of(Record("a", np.zeros((5000, 1), np.float32), 500.0, ("II",)))
    beats = tuple(DetectedBeat("N", qrs._replace(peak=500 + n), None, None, None, None) for n in range(1000))
    yield Prediction(TEXT, 0.5, dict.fromkeys(MANY, 0.01), MANY)
    yield TaggedSentence(MANY, MANY, 0.5, (0.5,) * 100)
    yield Candidate(TEXT, -1.0, -1.0)
    yield AttentionMap(MANY, MANY, np.zeros((100, 100)))
    yield ResultTable(("unique_id", "ds", *MANY), (np.array(MANY), np.arange(100), *np.zeros((100, 100))))
    yield RecordBeats(TEXT, 500.0, {TEXT: strip}, {TEXT: beats}, beats, ())
    yield Record("a", np.zeros((5000, 12), np.float32), 500.0, MANY[:12])
    yield Confusion(MANY, ((1,) * 100,) * 100)
    measures = dict.fromkeys(MANY, 0.5)
    one: dict[str, Any] = dict(seconds=1.0, training_loss=2.0, learning_rate=0.005, objective=1.0, measures=measures)
    yield History(tuple(Evaluation(step=step, **one) for step in range(1, 1000)))


def parts(value, seen):
    """Yields every value of elman that a value holds."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if type(value).__module__.startswith(("elman.", "tests.")):
        yield value
    if isinstance(value, dict):
        inner = [*value.values()]
    elif isinstance(value, msgspec.Struct):
        inner = [getattr(value, name) for name in value.__struct_fields__]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        inner = value if isinstance(value, list | tuple) else ()
    for each in inner[:3]:
        yield from parts(each, seen)
    for each in inner[3:] if not isinstance(value, list | tuple) else ():
        yield from parts(each, seen)


def check_all(*values):
    for each in (each for value in values for each in parts(value, {})):
        check(each)


def check(value):
    text = repr(value)
    assert len(text.split("\n")) <= LINES, text
    assert max(map(len, text.split("\n"))) <= WIDTH + 20, text
    if "_repr_html_" in dir(type(value)):
        html = value._repr_html_()
        assert len(html) < 100_000
        assert TEXT[:5] not in html


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_all_that_a_task_is_made_of_shows_itself_in_three_lines(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    task = case.task.configure(data)
    fitted = task.fitted_class(task=task, codec=data.codec, model=task.shapes(data.codec))
    check_all(fitted, data)


@pytest.mark.parametrize("place", sorted(ARTEFACTS.glob("*/model")), ids=lambda place: place.parent.name)
def test_a_saved_model_and_its_measures_show_themselves_in_three_lines(place):
    fitted = elman.load(place)
    assert fitted.validation is not None
    assert str(fitted.validation)[:60] in repr(fitted)
    check_all(fitted, fitted.validation)


@pytest.mark.parametrize("value", [*predictions()], ids=lambda value: type(value).__name__)
def test_long_answers_show_themselves_in_three_lines_and_escape_texts(value):
    check(value)
    assert "&lt;b&gt;" in value._repr_html_() or isinstance(value, Record | History)
