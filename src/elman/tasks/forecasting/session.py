"""A session of a forecaster: it reads new rows of series, and forecasts from there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import msgspec

from elman import artefact
from elman._errors import ArtefactError
from elman.formats.results import ResultTable
from elman.formats.stamp_forms import StampForm
from elman.tasks.forecasting.memory import pack
from elman.tasks.forecasting.settings import ForecastPrediction
from elman.tasks.plain import plain_columns, plain_table
from elman.tasks.session import Session

if TYPE_CHECKING:
    from elman.tasks.forecasting.fitted import FittedForecaster, SeriesInput

_STAMPS = "stamps"


class ForecastSession(Session["FittedForecaster"]):
    """Series that a forecaster reads as they come."""

    def __init__(self, fitted: FittedForecaster, now: FittedForecaster):
        super().__init__(fitted)
        self.now = now
        """The model after the rows so far."""

    @property
    def position(self) -> int:
        """The number of rows so far, of all series."""
        return sum(one.rows for one in self.now.memory.values())

    def feed(self, new: SeriesInput) -> int:
        """Reads the rows that follow, of any of the series, or series that the model does not know yet; steps that are
        left out count as missing. Returns the number of steps that the series have gone on.

        Raises:
            DataError: rows that do not follow those so far, or a malformed table.
        """
        before, self.now = self.position, self.now.update(new)
        return self.position - before

    def next(self, **options: Any) -> ResultTable:
        """The forecast of the horizon that follows, as `FittedForecaster.predict` makes it, with its options `level`
        and `intervals`. The session stays where it is.

        Raises:
            DataError, ConfigError: as for `predict`.
        """
        return self.now.predict(**options)

    def feed_plain(self, new: Any) -> int:
        """Reads the rows that follow, a table by column."""
        return self.feed(plain_table(new, "input"))

    def next_plain(self, **options: Any) -> dict[str, list[Any]]:
        """The forecast of the horizon by column; `options` are those of `elman predict`, such as `level`."""
        chosen = ForecastPrediction(**options)
        return plain_columns(self.next(level=chosen.level or (), intervals=chosen.intervals))

    def fork(self) -> Self:
        """Returns a session in the same state, which goes on by itself."""
        return type(self)(self.fitted, self.now)

    def contents(self) -> artefact.SavedState:
        """The state, as plain values and arrays: the memory of each series."""
        saved = pack(self.now.memory)
        values = {**saved.values, _STAMPS: msgspec.to_builtins(self.now.codec.stamps)}
        return artefact.SavedState(values, saved.arrays)

    @classmethod
    def restored(cls, fitted: FittedForecaster, saved: artefact.SavedState) -> ForecastSession:
        """The session in a saved state.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        values = dict(saved.values)
        try:
            stamps = msgspec.convert(values.pop(_STAMPS, None), StampForm)
            now = fitted.restore(artefact.SavedState(values, saved.arrays))
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtefactError(f"the session: its values are not what elman writes ({error})") from None
        return cls(fitted, replace(now, codec=msgspec.structs.replace(now.codec, stamps=stamps)))
