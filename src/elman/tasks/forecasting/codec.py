"""Encodes time series as arrays: scaled values, masks of the known ones, covariates and calendar features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from elman._errors import DataError, quantity
from elman._show import Shown, brief, brief_table
from elman.formats.frequency import Frequency, Stamps
from elman.formats.numbers import number_text
from elman.formats.stamp_forms import StampForm, show
from elman.formats.table import column_name
from elman.tasks.forecasting.calendar import calendar_features, calendar_names
from elman.tasks.forecasting.histories import Histories, History
from elman.tasks.scaler import Scaler

Scaling = Literal["standard", "mean", "root", "none"]
"""Ways of scaling values: "standard" gives each series a mean of 0 and a standard deviation of 1; "mean" divides by the
mean absolute value, which keeps 0 and signs, as for counts; "root" is "standard" of sqrt(y + 1), for values whose
errors grow with them; "none" leaves the values."""


class EncodedHistory(NamedTuple):
    """A series as a network reads it; missing values are 0, which is the mean of scaled values."""

    name: str
    stamps: Stamps
    """The stamps of `ahead`, which may go on after the values."""
    values: Float[np.ndarray, "time target"]
    known: Bool[np.ndarray, "time target"]
    """The mask of values that are not missing."""
    past: Float[np.ndarray, "time past"]
    past_known: Bool[np.ndarray, "time past"]
    ahead: Float[np.ndarray, "ahead feature"]
    """Covariates known ahead, then the calendar features."""
    static: Float[np.ndarray, " static"]
    scaler: Scaler
    """The scaler of the values."""

    __repr__, _repr_html_ = brief, brief_table


class ForecastCodec(Shown, msgspec.Struct, frozen=True, tag="forecast"):
    """Encodes time series: the names of their columns, their step, and their scalers.

    >>> values = np.array([[1.0], [3.0], [np.nan], [9.0]])
    >>> none = np.zeros((4, 0))
    >>> history = History("a", np.arange(4), values, none, none, none[0])
    >>> codec = ForecastCodec.of(Histories(("y",), (), (), (), Frequency("step"), (history,)), ends=[2])
    >>> encoded = codec.encode(history)
    >>> encoded.values.ravel().tolist(), encoded.known.ravel().tolist()
    ([-1.0, 1.0, 0.0, 7.0], [True, True, False, True])
    """

    targets: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    static: tuple[str, ...]
    frequency: Frequency
    season: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    """Steps of a season."""
    scaling: Scaling
    calendar: bool
    series: tuple[str, ...]
    """Names of the series in the training part."""
    scalers: tuple[Scaler, ...]
    """One scaler for the targets of each series."""
    past_scaler: Scaler
    """One scaler for the past covariates of all series."""
    future_scaler: Scaler
    static_scaler: Scaler
    constant: tuple[str, ...]
    """Series with a target that has only one value in the steps to train on, so that nothing can be learned of it."""
    steps: tuple[Frequency, ...] = ()
    """The step of each series; empty where all have the same."""
    stamps: StampForm = StampForm()
    """The form of the stamps."""

    def __post_init__(self) -> None:
        if len(self.scalers) != len(self.series) or len({*self.series}) != len(self.series):
            raise ValueError("series: expected different names, and a scaler for each")
        if self.steps and len(self.steps) != len(self.series):
            raise ValueError("steps: expected one for each series, or none")
        for scaler in self.scalers:
            scaler.check(len(self.targets), "targets")
        self.past_scaler.check(len(self.past), "past covariates")
        self.future_scaler.check(len(self.future), "covariates known ahead")
        self.static_scaler.check(len(self.static), "static covariates")

    @classmethod
    def of(
        cls,
        histories: Histories,
        *,
        ends: Sequence[int],
        season: int | None = None,
        scaling: Scaling = "standard",
        calendar: bool = True,
    ) -> ForecastCodec:
        """The codec of these series; it depends only on the steps to train on, those before each of `ends`.

        Raises:
            DataError: a series without a known value to train on.
        """
        parts = list(zip(histories.histories, ends, strict=True))
        for one, end in parts:
            _check_known(one, end, histories.targets)
        steps = tuple(one.frequency or histories.frequency for one, _ in parts)
        return cls(
            *histories[:4],
            histories.frequency,
            season or histories.frequency.season,
            scaling,
            calendar,
            tuple(one.name for one, _ in parts),
            tuple(_scaler([_transform(one, scaling)[:end]], scaling) for one, end in parts),
            _scaler([one.past[:end] for one, end in parts]),
            _scaler([one.future[:end] for one, end in parts]),
            _scaler([one.static[None] for one, _ in parts]),
            tuple(one.name for one, end in parts if _never_changes(one.values[:end])),
            steps if len({*steps}) > 1 else (),
            histories.form,
        )

    @property
    def unit(self) -> str:
        """window"""
        return "window"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of `EncodedHistory.ahead`."""
        return (*self.future, *(calendar_names(self.frequency) if self.calendar else ()))

    @property
    def known_steps(self) -> dict[str, Frequency]:
        """The steps of series by name, where they have different ones."""
        return dict(zip(self.series, self.steps, strict=True)) if self.steps else {}

    def step_of(self, history: History) -> Frequency:
        """The step of a series."""
        return history.frequency or self.known_steps.get(history.name) or self.frequency

    def season_of(self, history: History) -> int:
        """The steps of a season of a series."""
        step = self.step_of(history)
        return self.season if step == self.frequency else step.season

    def grown(self, other: ForecastCodec) -> ForecastCodec:
        """This codec with the series of another one that it lacks, after its own; a series that it has keeps its
        scaler."""
        new = [place for place, name in enumerate(other.series) if name not in self.series]
        steps = (
            *(self.steps or [self.frequency] * len(self.series)),
            *((other.steps or [other.frequency] * len(other.series))[place] for place in new),
        )
        return msgspec.structs.replace(
            self,
            series=(*self.series, *(other.series[place] for place in new)),
            scalers=(*self.scalers, *(other.scalers[place] for place in new)),
            steps=steps if len({*steps}) > 1 else (),
            constant=other.constant,
        )

    def check(self, histories: Histories) -> None:
        """Refuses series with other targets, covariates or steps than the model's.

        Raises:
            DataError: names the difference.
        """
        self.check_columns(histories, place=_place(histories))
        for one in histories.histories:
            self.check_step(one.frequency or histories.frequency, place=one.place)

    def check_columns(self, there: Histories | ForecastCodec, *, place: str) -> None:
        """Refuses other targets and covariates than the model's.

        Raises:
            DataError: names the difference.
        """
        for kind in ("targets", "past", "future", "static"):
            names, known = (tuple(map(column_name, getattr(one, kind))) for one in (there, self))
            if names != known:
                raise DataError(
                    f"{place}: {kind} {', '.join(names) or 'none'}; the model knows {', '.join(known) or 'none'}"
                )

    def check_step(self, step: Frequency, *, place: str) -> None:
        """Refuses another step than the model's.

        Raises:
            DataError: names both.
        """
        if step not in (self.frequency, *self.steps):
            raise DataError(
                f"{place}: steps of {step}; the model knows steps of "
                f"{' or '.join(dict.fromkeys(map(str, self.steps or [self.frequency])))}: aggregate the rows with "
                f"--resample {self.frequency}, if their steps are shorter"
            )

    def scaler_of(self, history: History) -> Scaler:
        """The scaler of a series: the one of its name, or for a series not in the training part one of its own values.

        Raises:
            DataError: all values are missing.
        """
        if history.name in self.series:
            return self.scalers[self.series.index(history.name)]
        _check_known(history, len(history.values), self.targets)
        return _scaler([_transform(history, self.scaling)], self.scaling)

    def encode(self, history: History, *, ahead: int = 0, scaler: Scaler | None = None) -> EncodedHistory:
        """Encodes a series, with the features of `ahead` steps after its last value. `scaler` replaces the scaler of
        `scaler_of`.

        Raises:
            DataError: a covariate known ahead ends before these steps do, or a scaled value is too large.
        """
        steps, step = len(history.values) + ahead, self.step_of(history)
        if self.future and len(history.future) < steps:
            missing = step.from_first(history.stamps[0], len(history.future) + 1)[-1]
            last = step.from_first(history.stamps[0], steps)[-1]
            raise DataError(
                f"{history.place}: {', '.join(self.future)} of {history.name!r} ends before {show(missing)}; expected "
                f"covariates known ahead up to {show(last)}, {quantity(ahead, 'step')} after the last value: add "
                "rows with them, "
                f"and with {', '.join(self.targets)} empty"
            )
        steps = max(steps, len(history.future)) if self.future else steps
        stamps = step.from_first(history.stamps[0], steps)
        scaler = self.scaler_of(history) if scaler is None else scaler
        values, past = _scaled(scaler, _transform(history, self.scaling)), _scaled(self.past_scaler, history.past)
        known, past_known = ~np.isnan(values), ~np.isnan(past)
        features = [_scaled(self.future_scaler, history.future)] if self.future else []
        if self.calendar:
            features.append(calendar_features(stamps, self.frequency))
        encoded = EncodedHistory(
            history.name,
            stamps,
            np.where(known, values, np.float32(0)),
            known,
            np.where(past_known, past, np.float32(0)),
            past_known,
            np.concatenate(features, axis=1) if features else np.zeros((steps, 0), np.float32),
            _scaled(self.static_scaler, history.static[None])[0],
            scaler,
        )
        _check_finite(history, encoded)
        return encoded

    def real(self, scaled: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
        """Scaled values in their original units, in float64. `mean` and `std` are those of their scalers; all shapes
        broadcast.

        >>> none = np.zeros((2, 0))
        >>> history = History("a", np.arange(2), np.array([[0.0], [8.0]]), none, none, none[0])
        >>> histories = Histories(("y",), (), (), (), Frequency("step"), (history,))
        >>> codec = ForecastCodec.of(histories, ends=[2], scaling="root")
        >>> codec.real(np.array([-1.0, 0.0, 1.0]), np.array(2.0), np.array(1.0)).tolist()
        [0.0, 3.0, 8.0]
        """
        values = np.asarray(mean, np.float64) + np.asarray(std, np.float64) * scaled
        return np.maximum(values, 0.0) ** 2 - 1 if self.scaling == "root" else values


def _scaler(parts: Sequence[np.ndarray], scaling: Scaling = "standard") -> Scaler:
    """The scaler of the known values; it leaves a column without known values as it is."""
    steps = np.concatenate(parts)
    columns = [column[~np.isnan(column)] for column in steps.T]
    if scaling in ("standard", "root"):
        scalers = [Scaler.of([column[:, None]]) if len(column) else Scaler((0.0,), (1.0,)) for column in columns]
        return Scaler(tuple(one.mean[0] for one in scalers), tuple(one.std[0] for one in scalers))
    sizes = [float(np.abs(column).mean()) if scaling == "mean" and len(column) else 1.0 for column in columns]
    return Scaler((0.0,) * len(sizes), tuple(size or 1.0 for size in sizes))


def _never_changes(values: np.ndarray) -> bool:
    return any(len(np.unique(column[~np.isnan(column)])) == 1 for column in values.T)


def _transform(history: History, scaling: Scaling) -> np.ndarray:
    """The values to be scaled: the targets, or for "root" the square root of each plus 1."""
    if scaling != "root":
        return history.values
    below = np.argwhere(history.values < -1)
    if len(below):
        step, target = below[0]
        raise DataError(
            f"{history.place}: {history.name!r} is {number_text(history.values[step, target])} at "
            f"{show(history.stamps[step])}; "
            'expected no value below -1 to take roots of: choose another scale, such as "standard"'
        )
    return np.sqrt(history.values + 1)


def _scaled(scaler: Scaler, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # `_check_finite` refuses values that are too large
        return scaler.encode(values)


def _check_known(history: History, end: int, targets: Sequence[str]) -> None:
    for target, column in zip(targets, history.values[:end].T, strict=True):
        if np.isnan(column).all():
            raise DataError(
                f"{history.place}: {target} of {history.name!r} is missing in all {quantity(end, 'step')} to train "
                "on; leave the "
                "series out, or train on more of it"
            )


def _check_finite(history: History, encoded: EncodedHistory) -> None:
    for values in (encoded.values, encoded.past, encoded.ahead, encoded.static[None]):
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            raise DataError(
                f"{history.place}: {history.name!r} at step {wrong[0][0] + 1} is too large beside the values that the "
                "model was trained on; mend the value, or leave it empty"
            )


def _place(histories: Histories) -> str:
    return histories.histories[0].place
