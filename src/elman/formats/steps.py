"""Infers the steps of series from their stamps: the step of time of each, and a calendar whose holes recur, such as
weekends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from elman._errors import DataError
from elman.formats.frequency import CYCLES, SECONDS, Frequency, Stamps

LEAST_ROWS = 5
"""The fewest rows by which a series may show a step of its own, longer than that of the others."""
LEAST_SHARE = 0.8
"""The least share of the steps outside the holes of a calendar that have rows."""
CHANCE = 0.01
"""The most probability that holes recur by chance."""


def infer_step(series: Iterable[Stamps]) -> Frequency:
    """The step of ascending stamps: the commonest one, or the shortest where not all stamps lie on such steps.

    >>> str(infer_step([np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[s]")]))
    '1mo'

    Raises:
        DataError: no series has two stamps.
    """
    series = [stamps for stamps in series if len(stamps) > 1]
    if not series:
        raise DataError("one row a series does not tell the step of time; expected two rows or more")
    candidates = _candidates(series)
    fitting = (one for one in candidates if all(one.first_off(stamps) is None for stamps in series))
    return next(fitting, candidates[0])


def infer_steps(series: Sequence[Stamps]) -> list[Frequency]:
    """The step of each series of ascending stamps, with its calendar. It is that of all together, except where a series
    of five rows or more has a longer one, on which most steps have rows.

    >>> days, weeks = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]"), np.datetime64("2024-01-01")
    >>> weeks = weeks + 7 * np.arange(9)
    >>> [str(step) for step in infer_steps([days.astype("datetime64[s]"), weeks.astype("datetime64[s]")])]
    ['1d', '1w']

    Raises:
        DataError: no series has two stamps.
    """
    shared = _shared_step(series)
    steps = [_own_step(stamps, shared) for stamps in series]
    calendars = [
        msgspec.structs.replace(step, open=recurring_steps(stamps, step))
        for step, stamps in zip(steps, series, strict=True)
    ]
    return _settle_undecided(series, calendars)


def recurring_steps(stamps: Stamps, step: Frequency) -> tuple[tuple[int, int], ...]:
    """The steps of a week, or months of a year, in which ascending stamps lie, as runs; see `Frequency.open`. Empty
    where stamps lie in all of them, or where the holes may be chance.

    >>> days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]").astype("datetime64[s]")
    >>> recurring_steps(days[np.arange(40) % 7 < 5], Frequency.parse("1d"))
    ((0, 345600),)
    """
    cycle = CYCLES.get(step.unit, 0)
    if cycle % step.count or step.count >= cycle or len(stamps) < LEAST_ROWS or step.first_off(stamps) is not None:
        return ()
    positions = step.positions(stamps)
    if (positions[-1] - positions[0]) // step.count < len(stamps):  # there are no holes
        return ()
    filled = _filled_slots(positions, step.count, cycle)
    if filled is None and step.unit == "second" and step.count < SECONDS["d"] and SECONDS["d"] % step.count == 0:
        # Hours of the day, on the days that have rows; too few weeks may have passed to know the days of the week.
        _, day = np.unique(positions // SECONDS["d"], return_inverse=True)
        hours = _filled_slots(day * SECONDS["d"] + positions % SECONDS["d"], step.count, SECONDS["d"])
        filled = None if hours is None else np.tile(hours, 7)
    if filled is None:
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(int)))
    phase = int(positions[0] % step.count)
    return tuple(
        (int(first) * step.count + phase, (int(last) - 1) * step.count + phase)
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    )


def _settle_undecided(series: Sequence[Stamps], calendars: list[Frequency]) -> list[Frequency]:
    """The calendars, where series that are too short to show holes have those of most others, if their rows agree."""
    shown = Counter(one for one in calendars if one.open).most_common(1)
    if not shown:
        return calendars
    (usual, count), *_ = shown
    plain = msgspec.structs.replace(usual, open=())
    agree = [
        calendar == plain and len(stamps) > 0 and usual.first_off(stamps) is None
        for calendar, stamps in zip(calendars, series, strict=True)
    ]
    if count <= sum(calendar == plain for calendar in calendars) - sum(agree):
        return calendars
    return [usual if agrees else calendar for calendar, agrees in zip(calendars, agree, strict=True)]


def _shared_step(series: Sequence[Stamps]) -> Frequency:
    """The step of all series. Where neither the commonest nor the shortest fits them, as on Mondays, Wednesdays and
    Fridays, it is the longest that does, if the holes recur."""
    shared = infer_step(series)
    if shared.unit != "second" or all(shared.first_off(stamps) is None for stamps in series):
        return shared
    longest = Frequency("second", int(np.gcd.reduce([int(np.gcd.reduce(_changes(stamps))) for stamps in series])))
    recurs = all(recurring_steps(stamps, longest) for stamps in series if len(stamps) >= LEAST_ROWS)
    return longest if recurs and max(map(len, series)) >= LEAST_ROWS else shared


def _changes(stamps: Stamps) -> np.ndarray:
    return np.diff(stamps).astype(np.int64)


def _own_step(stamps: Stamps, shared: Frequency) -> Frequency:
    if len(stamps) < LEAST_ROWS:
        return shared
    own = infer_step([stamps])
    if own == shared or own.first_off(stamps) is not None or 2 * len(stamps) <= own.places(stamps)[-1]:
        return shared
    fits = shared.first_off(stamps) is None
    return shared if fits and 2 * len(stamps) > shared.places(stamps)[-1] + 2 else own


def _filled_slots(positions: np.ndarray, count: int, cycle: int) -> np.ndarray | None:
    """The mask of the steps of a cycle that have rows; None where all have, or where the holes may be chance.

    The probability that a step has no row by chance is that of a missing row, as often as the cycle has come round.
    """
    slots, numbers = cycle // count, positions // count
    filled = np.bincount(numbers % slots, minlength=slots)
    rounds, rest = divmod(int(numbers[-1] - numbers[0]) + 1, slots)
    rounds_of_slots = np.full(slots, rounds)
    rounds_of_slots[(numbers[0] + np.arange(rest)) % slots] += 1
    holes = filled == 0
    if not holes.any() or rounds_of_slots[holes].min() < 2:
        return None
    share = (filled.sum() + 1) / (rounds_of_slots[~holes].sum() + 2)
    if share < LEAST_SHARE:
        return None
    choices = math.lgamma(slots + 1) - math.lgamma(holes.sum() + 1) - math.lgamma(slots - holes.sum() + 1)
    log_likelihood = choices + rounds_of_slots[holes].sum() * math.log(1 - share)
    return filled > 0 if log_likelihood < math.log(CHANCE) else None


def _candidates(series: Sequence[Stamps]) -> list[Frequency]:
    """The possible steps of the series, likeliest first."""
    whole = not np.issubdtype(series[0].dtype, np.datetime64)
    seconds = np.concatenate([_changes(stamps) for stamps in series])
    fitting = []
    if not whole and seconds.min() >= 28 * SECONDS["d"]:
        months = np.concatenate([np.diff(stamps.astype("datetime64[M]")).astype(np.int64) for stamps in series])
        lengths = [*_commonest_and_least(months), int(np.gcd.reduce(months))] if (months > 0).all() else []
        fitting = [Frequency("month", count, end) for count in lengths for end in (False, True)]
        fitting = [one for one in fitting if all(one.first_off(stamps) is None for stamps in series)]
    return fitting + [Frequency("step" if whole else "second", count) for count in _commonest_and_least(seconds)]


def _commonest_and_least(steps: np.ndarray) -> list[int]:
    counts = Counter(steps.tolist())
    most = max(counts.values())
    return [min(step for step, count in counts.items() if count == most), min(counts)]
