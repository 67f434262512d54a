"""A model that one compiled program builds has the weights of one that is built operation by operation."""

import jax
import numpy as np
import pytest

import elman
from elman.cells.find import known_cells
from tests.conftest import SMALL_TEXT

SIZES = {"hidden_size": 6, "num_layers": 1}
TEXTS = [("good fun", "pos"), ("bad day", "neg")] * 20
SERIES = [(np.linspace(0, k, 24, dtype=np.float32).reshape(12, 2), "ab"[k % 2]) for k in range(40)]


def language_modelling(**settings):
    task = elman.LanguageModelling(**SIZES, embedding_size=5, **settings)
    return task, task.read_text(SMALL_TEXT)


def classification():
    task = elman.Classification(**SIZES, pooling="attention", convolution=3)
    return task, task.read_texts(TEXTS)


def series_classification():
    task = elman.SeriesClassification(**SIZES)
    return task, task.read_series(SERIES)


def tagging():
    task = elman.Tagging(**SIZES)
    return task, task.read("grammar")


def seq2seq():
    task = elman.Seq2Seq(**SIZES)
    return task, task.read("sums")


def forecasting():
    task = elman.Forecasting(**SIZES)
    return task, task.read("sines")


def ecg():
    task = elman.Ecg(hidden_size=6)
    return task, task.read("ecg")


def slow(*values):
    """Cases of the second tier."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


TASKS = [language_modelling, classification, series_classification, tagging, seq2seq, forecasting, ecg]


# Operation by operation, a model is some fifty programs to compile: the first tier builds one task and one cell.
@pytest.mark.optimised
@pytest.mark.parametrize("make", [TASKS[0], *slow(*TASKS[1:])], ids=lambda make: make.__name__)
def test_a_compiled_model_has_the_weights_of_an_eager_one(make, rounding):
    task, data = make()
    check(task.configure(data), data, **rounding)


@pytest.mark.optimised
@pytest.mark.parametrize("cell", ["GRU", *slow(*sorted(set(known_cells()) - {"GRU"}))])
def test_so_has_each_cell(cell, rounding):
    check(*language_modelling(cell=cell), **rounding)


def test_a_model_is_of_the_cell_that_its_name_stands_for_now(monkeypatch):
    task, data = language_modelling(cell=f"{__name__}:Own")
    task.build(data.codec, key=jax.random.key(0))
    monkeypatch.setitem(globals(), "Own", type("Own", (elman.GRU,), {}))
    assert type(task.build(data.codec, key=jax.random.key(0)).layers.cells[0]) is Own


class Own(elman.GRU):
    """A user's cell."""


@pytest.fixture
def rounding(request):
    """The differences that are allowed. Without optimisations, numbers near zero are rounded otherwise."""
    return dict(rtol=1e-6, atol=0) if request.config.getoption("--optimised") else dict(rtol=1e-5, atol=2e-6)


def check(task, data, **rounding):
    """Both draw the same numbers; what is computed from these may be rounded otherwise where operations are fused, or
    where a processor takes several logarithms at once."""
    key = jax.random.key(3)
    eager, compiled = task.network(data.codec, key=key), task.build(data.codec, key=key)
    assert jax.tree.structure(eager) == jax.tree.structure(compiled)
    for (path, one), other in zip(jax.tree.leaves_with_path(eager), jax.tree.leaves(compiled), strict=True):
        np.testing.assert_allclose(one, other, **rounding, err_msg=jax.tree_util.keystr(path))
        assert one.aval == other.aval
