"""The memory of a trained forecaster: what it needs to continue series without reading them again.

For every series it holds the last window of rows, and for an autoregressive model also the state after all rows. New
rows are appended at a cost that does not depend on how many came before.

A series that was not in training is scaled by its first window of rows, so that its scale is fixed from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from elman import artefact
from elman._errors import ArtefactError, DataError, quantity
from elman._show import brief, brief_table
from elman._types import Whole
from elman.formats.frequency import Frequency, Stamp
from elman.formats.stamp_forms import show
from elman.tasks.forecasting.autoregressive import AutoregressiveForecaster, Filter, HistorySteps, StaticInputs
from elman.tasks.forecasting.codec import EncodedHistory, ForecastCodec
from elman.tasks.forecasting.histories import History
from elman.tasks.forecasting.model import Forecaster
from elman.tasks.scaler import Scaler

REMEMBERED = "the model's memory"
"""The place of a remembered series, for messages."""

CHUNK = 64
"""The most rows that one call of the compiled filter reads."""


class SeriesMemory(NamedTuple):
    """The memory of one series."""

    history: History
    """The last rows, with the covariates known ahead from the first of these rows on."""
    rows: int
    """The number of all rows so far."""
    scaler: Scaler
    learned: int
    """The number of rows in the training and validation parts."""
    state: Filter | None
    """The state after all rows; only for an autoregressive model."""

    __repr__, _repr_html_ = brief, brief_table

    @property
    def last(self) -> Stamp:
        """The stamp of the last row."""
        return self.history.stamps[-1]


class SeriesReader(NamedTuple):
    """A model that reads series, with the length of its window."""

    codec: ForecastCodec
    model: Forecaster
    window: int

    def read(self, history: History, *, learned: int = 0) -> SeriesMemory:
        """Reads a whole series, from its first row.

        Raises:
            DataError: a series without a known value, or with one that is too large.
        """
        scaler = self.codec.scaler_of(_first_rows(history, self.window))
        state = None
        if isinstance(self.model, AutoregressiveForecaster):
            encoded = self.codec.encode(history, scaler=scaler)
            state = self._advanced(self.model, self.model.begin(len(self.codec.targets)), encoded, 0)
        return SeriesMemory(_last_rows(history, self.window), len(history.values), scaler, learned, state)

    def update(self, before: SeriesMemory, new: History) -> SeriesMemory:
        """Appends new rows to a series; the result is that of reading it whole.

        Raises:
            DataError: rows that do not follow the remembered ones, or lack covariates known ahead.
        """
        joined = self._append(before.history, new)
        count = len(joined.values) - len(before.history.values)
        if before.rows < self.window:  # all rows are still stored, and a new series' scaler may not be final
            return self.read(joined, learned=before.learned)
        state = None
        if isinstance(self.model, AutoregressiveForecaster):
            encoded = self.codec.encode(joined, scaler=before.scaler)
            state = self._advanced(self.model, before.state, encoded, len(before.history.values))
        return before._replace(history=_last_rows(joined, self.window), rows=before.rows + count, state=state)

    def static_inputs(self, name: str, encoded: EncodedHistory) -> StaticInputs:
        """The inputs that are the same at all steps of a series, with a row for each target."""
        targets = len(self.codec.targets)
        place = self.codec.series.index(name) if name in self.codec.series else len(self.codec.series)
        return StaticInputs(
            jnp.repeat(jnp.asarray(encoded.static)[None], targets, axis=0),
            place * targets + jnp.arange(targets),
            jnp.asarray(encoded.scaler.std, jnp.float32),
        )

    def _advanced(
        self, model: AutoregressiveForecaster, state: Filter | None, encoded: EncodedHistory, start: int
    ) -> Filter:
        """The state after the rows from `start` on."""
        targets = len(self.codec.targets)
        marks = encoded.past_known.astype(np.float32)
        past = np.concatenate([encoded.past, marks], axis=1)[:, None].repeat(targets, axis=1)
        future = encoded.ahead[: len(past), None].repeat(targets, axis=1)
        rows = (encoded.values, encoded.known.astype(np.float32), past, future)
        series = self.static_inputs(encoded.name, encoded)
        for begin in range(start, len(past), CHUNK):
            count = min(CHUNK, len(past) - begin)
            chunk = (each[begin : begin + count] for each in rows)
            full = (np.pad(each, [(0, CHUNK - count)] + [(0, 0)] * (each.ndim - 1)) for each in chunk)
            state = _advance(model, state, series, HistorySteps(*map(jnp.asarray, full)), count)
        return Filter(*jax.tree.map(np.asarray, state))

    def _append(self, before: History, new: History) -> History:
        """Appends rows to others; the values of steps without a row between them are missing."""
        last, first = before.stamps[-1], new.stamps[0]
        if first <= last:
            raise DataError(
                f"{new.place}: {show(first)} of {new.name!r} is not after {show(last)}, the last row that the model "
                "knows; expected new rows alone"
            )
        frequency = self.codec.step_of(before)
        pair = np.array([last, first])
        if frequency.first_off(pair) is not None:
            raise DataError(
                f"{new.place}: {show(first)} of {new.name!r} lies on no step of {frequency} after {show(last)}, the "
                "last row that the model knows; mend the stamp"
            )
        gap = int(frequency.places(pair)[1]) - 1
        stamps = frequency.from_first(before.stamps[0], len(before.stamps) + gap + len(new.stamps))
        between = len(before.values) + gap
        if self.codec.future and len(before.future) < between:
            raise DataError(
                f"{new.place}: {quantity(gap, 'step')} of {new.name!r} are left out between {show(last)} and "
                f"{show(first)}; "
                f"expected a row for each, with {', '.join(self.codec.future)}"
            )
        values, past = (
            np.concatenate([old, np.full((gap, old.shape[1]), np.nan), come])
            for old, come in ((before.values, new.values), (before.past, new.past))
        )
        future = np.concatenate([before.future[:between], new.future])
        if len(before.future) > len(future):  # the earlier rows were known further ahead than the new ones
            future = np.concatenate([future, before.future[len(future) :]])
        return before._replace(stamps=stamps, values=values, past=past, future=future)


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of an artefact that describes one series, beside its arrays."""

    name: str
    rows: Whole
    learned: Whole
    scaler: Scaler
    times: bool
    """True if the stamps are times, False if they are numbers."""
    frequency: Frequency | None = None
    """The step of the series; None where it is that of the codec."""


class _SavedMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    series: tuple[_Saved, ...]

    def __post_init__(self) -> None:
        if len({one.name for one in self.series}) != len(self.series):
            raise ValueError("expected series of different names")


def pack(memory: Mapping[str, SeriesMemory]) -> artefact.SavedState:
    """Converts a memory to the plain values and arrays that an artefact stores."""
    series, arrays = [], {}
    for place, (name, one) in enumerate(memory.items()):
        history = one.history
        series.append(
            _Saved(name, one.rows, one.learned, one.scaler, history.stamps.dtype.kind == "M", history.frequency)
        )
        arrays[f"{place}.stamps"] = np.ascontiguousarray(history.stamps.astype(np.int64))
        for part in ("values", "past", "future", "static"):
            arrays[f"{place}.{part}"] = np.ascontiguousarray(getattr(history, part))
        if one.state is not None:
            arrays |= {f"{place}.state.{path}": leaf for path, leaf in artefact.named_arrays(one.state).items()}
    return artefact.SavedState(msgspec.to_builtins(_SavedMemory(tuple(series))), arrays)


def unpack(memory: artefact.SavedState, reading: SeriesReader) -> dict[str, SeriesMemory]:
    """Restores a memory from the output of `pack`, for the same model.

    Raises:
        ArtefactError: an array that is missing, unknown, or does not fit.
        ValidationError: (of msgspec) values that `pack` does not give.
    """
    series = msgspec.convert(memory.values, _SavedMemory).series
    arrays = {str(place): dict[str, np.ndarray]() for place in range(len(series))}
    for path, array in memory.arrays.items():
        place, _, name = path.partition(".")
        if place not in arrays:
            raise ArtefactError(f"memory: holds {path!r:.80}, which belongs to none of its {len(series)} series")
        arrays[place][name] = array
    return {one.name: _unpack_series(one, mine, reading) for one, mine in zip(series, arrays.values(), strict=True)}


def _unpack_series(one: _Saved, arrays: dict[str, np.ndarray], reading: SeriesReader) -> SeriesMemory:
    codec, what = reading.codec, f"memory of {one.name!r:.80}"
    one.scaler.check(len(codec.targets), "targets")
    rows, ahead = (len(arrays[name]) if arrays.get(name, np.zeros(())).ndim else 0 for name in ("stamps", "future"))
    parts = {
        "stamps": jax.ShapeDtypeStruct((rows,), np.int64),
        "values": jax.ShapeDtypeStruct((rows, len(codec.targets)), np.float64),
        "past": jax.ShapeDtypeStruct((rows, len(codec.past)), np.float64),
        "future": jax.ShapeDtypeStruct((ahead, len(codec.future)), np.float64),
        "static": jax.ShapeDtypeStruct((len(codec.static),), np.float64),
    }
    if isinstance(reading.model, AutoregressiveForecaster):
        parts["state"] = jax.eval_shape(partial(reading.model.begin, len(codec.targets)))
    arrays_of = artefact.fill(parts, arrays, what=what, put=np.asarray)
    _check_rows(arrays_of, one, reading, what)
    stamps = arrays_of["stamps"].astype("datetime64[s]" if one.times else np.int64)
    columns = (arrays_of[part] for part in ("values", "past", "future", "static"))
    history = History(one.name, stamps, *columns, REMEMBERED, one.frequency)
    return SeriesMemory(history, one.rows, one.scaler, one.learned, arrays_of.get("state"))


def _check_rows(arrays: dict[str, np.ndarray], one: _Saved, reading: SeriesReader, what: str) -> None:
    rows = len(arrays["stamps"])
    if not 1 <= rows <= reading.window or one.rows < rows or one.learned > one.rows:
        raise ArtefactError(
            f"{what}: expected up to {reading.window:,} of {quantity(one.rows, 'row')}, {one.learned:,} learned; "
            f"got {rows:,}"
        )
    units = {step.unit == "step" for step in (reading.codec.frequency, one.frequency) if step}
    if one.times in units or (np.diff(arrays["stamps"]) <= 0).any():
        raise ArtefactError(f"{what}: expected ascending stamps, steps of {reading.codec.frequency}")
    for name in ("values", "past", "future", "static"):
        if np.isinf(arrays[name]).any():
            raise ArtefactError(f"{what}: {name} has infinite numbers; expected finite or missing ones")
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(arrays.get("state"))):
        raise ArtefactError(f"{what}: state has NaN or infinite numbers")


def by_name(remembered: Iterable[SeriesMemory]) -> dict[str, SeriesMemory]:
    """A dictionary of remembered series by name."""
    return {one.history.name: one for one in remembered}


@jax.jit
def _advance(
    model: AutoregressiveForecaster, state: Any, series: StaticInputs, rows: HistorySteps, count: Any
) -> Filter:
    return model.advance(state, series, rows, count)


def _first_rows(history: History, count: int) -> History:
    return history._replace(stamps=history.stamps[:count], values=history.values[:count], past=history.past[:count])


def _last_rows(history: History, count: int) -> History:
    return history._replace(
        stamps=history.stamps[-count:],
        values=history.values[-count:],
        past=history.past[-count:],
        future=history.future[max(0, len(history.values) - count) :],
    )
