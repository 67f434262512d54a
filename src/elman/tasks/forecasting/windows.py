"""Windows of time series for training and evaluation: the steps of a window, and the steps of the horizon after them.

The last part of each series is for test, the part before it for validation. All steps of a horizon lie in one part; the
steps of its window may lie in the part before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman._errors import DataError, quantity
from elman._show import Shown
from elman.tasks.fingerprint import digest
from elman.tasks.forecasting.codec import EncodedHistory, ForecastCodec
from elman.tasks.forecasting.histories import History
from elman.tasks.items import Items


class Ends(NamedTuple):
    """The steps at which the parts of a series end."""

    train: int
    validation: int
    test: int

    def span(self, part: str) -> tuple[int, int]:
        """The first step of a part, and the step after its last.

        >>> Ends(8, 9, 10).span("validation")
        (8, 9)
        """
        place = self._fields.index(part)
        return (0, *self)[place], self[place]


class WindowBatch(NamedTuple):
    """The arrays of one training step. Rows without a window have weights of 0."""

    values: Float[np.ndarray, "batch time target"]
    """Scaled values of the window; 0 where missing."""
    known: Bool[np.ndarray, "batch time target"]
    past: Float[np.ndarray, "batch time past"]
    past_known: Bool[np.ndarray, "batch time past"]
    ahead: Float[np.ndarray, "batch time_and_horizon feature"]
    static: Float[np.ndarray, "batch static"]
    targets: Float[np.ndarray, "batch horizon target"]
    """Scaled values of the horizon; 0 where missing."""
    weights: Float[np.ndarray, "batch horizon target"]
    """1 where the target is known, else 0."""
    means: Float[np.ndarray, "batch target"]
    """The means by which the row's series is scaled."""
    stds: Float[np.ndarray, "batch target"]
    """The standard deviations by which the row's series is scaled."""
    series: Integer[np.ndarray, " batch"]
    """The index of the row's series in the codec; the number of series for one that the codec does not have."""


@dataclass(frozen=True)
class WindowPart(Shown):
    """One part of all series, and the windows in it."""

    name: str
    series: tuple[EncodedHistory, ...]
    """The whole encoded series, with the steps of the other parts."""
    histories: tuple[History, ...]
    """The same series before encoding."""
    spans: tuple[tuple[int, int], ...]
    """For each series the steps of this part, in which horizons lie: the first, and the one after the last."""
    codec: ForecastCodec
    window: int
    """Steps before the horizon that a forecaster reads."""
    horizon: int
    """Steps to forecast."""

    def __len__(self) -> int:
        return sum(max(0, last - first) for first, last in map(self._origins, self.spans))

    @cached_property
    def digest(self) -> str:
        """A hash of the steps that windows of this part read. The steps after all parts, which a forecaster keeps,
        count as steps of the test part."""
        return digest(map(self._content, self.histories, self.spans))

    def _content(self, history: History, span: tuple[int, int]) -> tuple[Any, ...]:
        begin, end = span
        steps = slice(max(0, begin - self.window), None if self.name == Ends._fields[-1] else end)
        moving = (each[steps] for each in (history.stamps, history.values, history.past, history.future))
        return history.name, history.static, span, self.window, self.horizon, *moving

    def items(self) -> Items:
        """The steps of this part: the name of their series, their stamp and their values."""
        values, stamps = list[bytes](), []
        for history, (begin, end) in zip(self.histories, self.spans, strict=True):
            name, own = history.name.encode(), history.stamps[begin:end]
            times = own.astype("datetime64[s]") if own.dtype.kind == "M" else own
            for stamp, row in zip(times.astype("<i8"), history.values[begin:end].astype("<f8"), strict=True):
                values.append(b"%b\0%b%b" % (name, stamp.tobytes(), row.tobytes()))
            stamps.extend(own)
        return Items(values, "step", len(values), lambda place: self.codec.stamps.write(stamps[place]))

    @property
    def left_out(self) -> int:
        """The number of windows without a known value in their horizon."""
        return len(self) - len(self.origins())

    def origins(self, stride: int = 1) -> Integer[np.ndarray, "windows 2"]:
        """The series and the first step of the horizon of each window, every `stride` steps, without windows whose
        horizon has no known value."""
        origins = []
        for place, (one, span) in enumerate(zip(self.series, self.spans, strict=True)):
            steps = np.arange(*self._origins(span), stride)
            known = np.concatenate([[0], np.cumsum(one.known.any(axis=1))])
            steps = steps[known[steps + self.horizon] > known[steps]]
            origins.append(np.stack([np.full_like(steps, place), steps], axis=1))
        return np.concatenate(origins)

    def _origins(self, span: tuple[int, int]) -> tuple[int, int]:
        begin, end = span
        return max(begin, self.window), end - self.horizon + 1


class Windows:
    """Batches of windows; `shuffle` shuffles them anew in every epoch."""

    def __init__(
        self,
        part: WindowPart,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        stride: int = 1,
        per_epoch: int | None = None,
    ):
        """Batches the windows of `part`.

        Args:
            part: the series and their windows.
            batch_size: windows of a batch.
            seed: seed of the random numbers.
            shuffle: shuffles the windows anew in every epoch.
            stride: steps from one window to the next.
            per_epoch: windows of an epoch, drawn anew for each epoch without repetition; all by default.
        """
        self._part, self._rows, self._seed, self._shuffle = part, batch_size, seed, shuffle
        self.origins = part.origins(stride)
        self._count = min(per_epoch or len(self.origins), len(self.origins))
        self._epoch = -1
        lengths = [len(one.values) for one in part.series]
        self._first = np.cumsum([0, *lengths[:-1]])
        self._values, self._known, self._past, self._past_known = (
            np.concatenate([getattr(one, name) for one in part.series])
            for name in ("values", "known", "past", "past_known")
        )
        self._ahead = np.concatenate([one.ahead[:n] for one, n in zip(part.series, lengths, strict=True)])
        self._static = np.stack([one.static for one in part.series])
        names = part.codec.series
        known = {name: place for place, name in enumerate(names)}
        self._places = np.array([known.get(one.name, len(names)) for one in part.series], np.int32)
        self._means, self._stds = (
            np.array([getattr(one.scaler, name) for one in part.series], np.float32) for name in ("mean", "std")
        )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-self._count // self._rows)

    def at(self, step: int) -> WindowBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        chosen = self.origins[self.indices(step)]
        window, horizon = self._part.window, self._part.horizon
        chosen = np.concatenate([chosen, np.repeat(chosen[:1], self._rows - len(chosen), axis=0)])
        series, origin = chosen.T
        begin = (self._first[series] + origin)[:, None]
        before, after = begin + np.arange(-window, 0), begin + np.arange(horizon)
        weights = self._known[after].astype(np.float32)
        weights[len(self.indices(step)) :] = 0
        return WindowBatch(
            self._values[before],
            self._known[before],
            self._past[before],
            self._past_known[before],
            self._ahead[np.concatenate([before, after], axis=1)],
            self._static[series],
            self._values[after],
            weights,
            self._means[series],
            self._stds[series],
            self._places[series],
        )

    def indices(self, step: int) -> Integer[np.ndarray, " windows"]:
        """The indices into `origins` of the windows in the first rows of a batch."""
        epoch, index = divmod(step, len(self))
        if epoch != self._epoch:
            random = np.random.default_rng((self._seed, epoch))
            order = random.permutation(len(self.origins)) if self._shuffle else np.arange(len(self.origins))
            self._epoch, self._order = epoch, order[: self._count]
        return self._order[index * self._rows : (index + 1) * self._rows]


def parts_of(
    histories: Sequence[History], codec: ForecastCodec, ends: Sequence[Ends], *, window: int, horizon: int
) -> tuple[WindowPart, WindowPart, WindowPart]:
    """The training, validation and test parts of series.

    Raises:
        DataError: a series with fewer steps to train on than a window and a horizon have, or a part for validation or
            test that is shorter than a horizon.
    """
    for one, end in zip(histories, ends, strict=True):
        _check_room(one, end, window, horizon)
    series = tuple(codec.encode(one) for one in histories)
    train, validation, test = (
        WindowPart(name, series, tuple(histories), tuple(end.span(name) for end in ends), codec, window, horizon)
        for name in Ends._fields
    )
    for part in (train, validation, test):
        if len(part) and not len(part.origins()):
            raise DataError(
                f"{histories[0].place}: no value is known in the part for {part.name}; train on other steps, or leave "
                "the series out"
            )
    return train, validation, test


def ends_of(history: History, *, validation: float, test: float, train: float = 0) -> Ends:
    """The steps at which the parts of a series end. A size below 1 is a share of its steps, from 1 on a number of
    steps. A training part of 0 takes all steps that the others leave; else the steps after all three are not used.

    >>> none = np.zeros((17_420, 0))
    >>> history = History("OT", np.arange(17_420), np.zeros((17_420, 1)), none, none, none[0])
    >>> ends_of(history, train=8640, validation=2880, test=2880)
    Ends(train=8640, validation=11520, test=14400)
    >>> ends_of(history, validation=0.1, test=0.2)
    Ends(train=12194, validation=13936, test=17420)

    Raises:
        DataError: no step is left to train on, or the series has fewer steps than the parts need.
    """
    steps = len(history.values)
    trained, validated, tested = (
        round(size * steps) if size < 1 else round(size) for size in (train, validation, test)
    )
    trained = trained or steps - validated - tested
    if trained < 1 or trained + validated + tested > steps:
        raise DataError(
            f"{history.place}: {history.name!r} has {quantity(steps, 'step')}; expected more than validation "
            f"{validation:g} and "
            f"test {test:g} take" + (f" beside {train:g} to train on" if train else "")
        )
    return Ends(trained, trained + validated, trained + validated + tested)


def _check_room(history: History, ends: Ends, window: int, horizon: int) -> None:
    if ends.train < window + horizon:
        raise DataError(
            f"{history.place}: {history.name!r} has {quantity(ends.train, 'step')} to train on; expected "
            f"{window + horizon:,} or "
            f"more, for a window of {window:,} and a horizon of {horizon:,}: choose smaller ones, or leave the series "
            "out"
        )
    for part in ("validation", "test"):
        begin, end = ends.span(part)
        if 0 < end - begin < horizon:
            raise DataError(
                f"{history.place}: {history.name!r} has {quantity(end - begin, 'step')} for {part}; expected "
                f"{horizon:,} or "
                f"more, those of the horizon: choose a larger part with --{part}, or a shorter horizon"
            )
