import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from elman.formats.frequency import Frequency
from elman.tasks.forecasting.calendar import calendar_features, calendar_names


def by_hand(moment, cycle):
    midnight = datetime(moment.year, moment.month, moment.day)
    day = (moment - midnight).total_seconds() / 86_400
    share = {
        "day": day,
        "week": (moment.weekday() + day) / 7,
        "year": (moment - datetime(moment.year, 1, 1)).total_seconds() / 86_400 / 366,
    }[cycle]
    return [math.sin(2 * math.pi * share), math.cos(2 * math.pi * share)]


@pytest.mark.parametrize(
    ("step", "cycles"),
    [("1h", ["day", "week", "year"]), ("1d", ["week", "year"]), ("1w", ["year"]), ("1mo", ["year"]), ("1y", [])],
)
def test_features_are_those_by_hand(step, cycles):
    moments = [datetime(1969, 12, 31, 23) + n * timedelta(hours=100) for n in range(40)]
    expected = [[number for cycle in cycles for number in by_hand(moment, cycle)] for moment in moments]
    frequency = Frequency.parse(step)
    detections = calendar_features(np.array(moments, "datetime64[s]"), frequency)
    np.testing.assert_allclose(detections, np.array(expected).reshape(40, -1), atol=1e-6)
    assert detections.dtype == np.float32
    assert calendar_names(frequency) == tuple(f"{cycle} {wave}" for cycle in cycles for wave in ("sin", "cos"))


def test_whole_numbers_have_no_calendar():
    assert calendar_features(np.arange(3), Frequency("step")).shape == (3, 0)
