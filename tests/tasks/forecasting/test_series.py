import jax
import numpy as np
import pytest

import elman
from elman import DataError
from elman.tasks.forecasting.histories import histories_of
from elman.tasks.forecasting.metrics import COVERED, ErrorSums, ScaledForecasts
from elman.tasks.forecasting.reading import SeriesColumns, rows_in
from elman.training.events import Prepared
from elman.training.reporters import Quiet


def table(*series, days=60):
    """Series of days by name, each a function of the day."""
    first = np.datetime64("2020-01-01")
    columns = {"unique_id": [], "ds": [], "y": []}
    for name, value in series:
        columns["unique_id"] += [name] * days
        columns["ds"] += [first + np.timedelta64(day, "D") for day in range(days)]
        columns["y"] += [value(day) for day in range(days)]
    return histories_of(rows_in(columns, SeriesColumns()))


SMALL = {"hidden_size": 4, "horizon": 3, "window": 9, "validation": 10, "test": 10}


def test_parts_are_cut_by_time():
    data = elman.Forecasting(**SMALL).read_histories(table(("a", float), ("b", lambda day: day % 7)))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [2 * 29, 2 * 8, 2 * 8]
    assert data.codec.season == 7


class Notes(Quiet):
    def __init__(self):
        self.said = []

    def __call__(self, event):
        if isinstance(event, Prepared):
            self.said.append(event.message)


def test_series_that_never_change_are_told_and_trained_on_all_the_same():
    data = elman.Forecasting(**SMALL).read_histories(table(("still", lambda day: 5.0), ("a", float)))
    notes = Notes()
    fitted = elman.fit(elman.Forecasting(**SMALL), data, steps=2, report=notes)
    assert notes.said == ["1 series of 2 never change where they train: still"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(fitted.model) if hasattr(leaf, "dtype"))


@pytest.mark.parametrize(("naive", "there"), [([0.0, np.nan], False), ([0.0, 2.0], True)])
def test_errors_of_series_that_never_change_are_measured_by_nothing(naive, there):
    codec = elman.Forecasting(**SMALL).read_histories(table(("still", lambda day: 0.0))).codec
    ones = np.ones((2, 3))
    answers = ScaledForecasts(0 * ones, ones, 4 * ones, ones, 4 * ones, ones, ones, np.zeros((2, 3, 2 * len(COVERED))))
    gathered = ErrorSums("scaled_mae", None)
    gathered.add(answers, codec, 0 * ones, ones, naive=np.array(naive))
    values = gathered.metrics().values
    assert values["mae"] == 4
    assert values.get("mase") == (2 if there else None)
    assert "weighted_quantile_loss" not in values


def test_without_such_series_nothing_is_told():
    task, result = elman.Forecasting(**SMALL), table(("a", float))
    data = task.read_histories(result)
    task = task.configure(data)
    assert task.initialise(task.build(data.codec, key=jax.random.key(0)), data.codec)[1] == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"horizon": 100},
            "'a' has 40 steps to train on; expected 109 or more, for a window of 9 and a horizon of 100",
        ),
        ({"window": 50}, "'a' has 40 steps to train on; expected 53 or more, for a window of 50 and a horizon of 3"),
        ({"validation": 2}, "'a' has 2 steps for validation; expected 3 or more, those of the horizon"),
        ({"test": 2}, "'a' has 2 steps for test; expected 3 or more"),
        ({"validation": 30, "test": 30}, "'a' has 60 steps; expected more than validation 30 and test 30 take"),
        ({"scaling": "root"}, "'a' is -5 at 2020-01-01; expected no value below -1 to take roots of"),
    ],
)
def test_series_that_are_too_short_or_do_not_suit_are_refused(settings, message):
    task = elman.Forecasting(**{**SMALL, **settings})
    with pytest.raises(DataError, match=message):
        task.read_histories(table(("a", lambda day: day - 5.0)))
