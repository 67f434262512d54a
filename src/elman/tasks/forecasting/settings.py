"""The settings of forecasting. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError
from elman._types import NormalForm, StampKind
from elman.tasks.settings import BatchSizes, CellName, Count, Layers, Rate, Size, TaskSettings, check_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place

Network = Literal["direct", "autoregressive", "encoder-decoder"]

Output = Literal["squared", "absolute", "quantile", "gaussian", "student", "negative-binomial"]

Normalise = Literal["last", "window", "none"]

Scaling = Literal["standard", "mean", "root", "none"]


class ForecastPrediction(Config, frozen=True, kw_only=True):
    """Options of `elman predict` for forecasts."""

    level: str | None = None
    """Levels of the intervals in percent, separated by commas, such as 80,95; an empty text leaves intervals out (80,
    if the validation part has enough errors)."""
    intervals: Literal["conformal", "model"] = "conformal"
    """Intervals from the errors on the validation part (conformal), or from the model's own quantiles (model)."""
    plot: str = ""
    """Draw history, forecast and intervals into this file (.png, .svg or .pdf)."""
    save: str = ""
    """Write the model with the rows that it has read to this path; it may be the model's own."""


class ForecastingSettings(TaskSettings, frozen=True, kw_only=True):
    """Settings of `Forecasting`."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.001}
    fixed: ClassVar[tuple[str, ...]] = (
        "horizon",
        "window",
        "season",
        "scaling",
        "calendar",
        "normalise",
        "segment",
        "model",
        "output",
    )
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=64, least=8)
    options: ClassVar[type[Config] | None] = ForecastPrediction
    generated: ClassVar[tuple[str, ...]] = ("sines", "seasonal")

    target: tuple[str, ...] = ()
    """The columns to forecast (`y` if there is one, else every column without another role)."""
    horizon: Count | None = None
    """Steps to forecast (a season: a day of hours, a week of days, a year of months; 12 without a season)."""
    window: Count | None = None
    """Past steps that a forecast reads (4 horizons, or fewer where series are short)."""
    step: str = ""
    """Step of time of all series, such as 1d or 15min (inferred for each series from its stamps; steps that never have
    a row, such as weekends, are then left out)."""
    series_column: str = ""
    """The column that names the series (`unique_id`, if there is one)."""
    time_column: str = ""
    """The column of time stamps (`ds`, `date` or the like)."""
    stamps: StampKind | None = None
    """Kind of the stamps (inferred from the column): times; numbers that count; dates such as 202401 or 20240131; weeks
    such as 202405; seconds, milliseconds, microseconds or nanoseconds since 1970; days of a spreadsheet that begin in
    1900 or 1904; dates such as 1/2/2024 with the day or the month first."""
    normal_form: NormalForm = "NFC"
    """Normal form of Unicode in which names of series are compared; none leaves their spelling."""
    past: tuple[str, ...] = ()
    """Covariates that are known up to the present."""
    future: tuple[str, ...] = ()
    """Covariates that are known ahead."""
    static: tuple[str, ...] = ()
    """Covariates that are the same at all steps of a series."""
    calendar: bool = True
    """Read the time of day, week and year too; --no-calendar leaves them out."""
    resample: str = ""
    """A step to resample to, such as 1h; rows may then have any times and any order."""
    by: Literal["mean", "last", "sum"] = "mean"
    """Method of resampling: the mean, the last or the sum of the rows of a step."""
    zone: str = ""
    """The time zone of stamps that do not name theirs, such as Europe/Berlin; all are converted to UTC."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    season: Count | None = None
    """Steps of a season, for the scaled errors (taken from the stamps)."""
    train: Size = 0
    """Steps of each series to train on: a share, or from 1 on a number; 0 is all that the other parts leave."""
    validation: Size = 0.1
    """Steps after the training part, which choose the best weights and the width of intervals: a share or a number."""
    test: Size = 0.1
    """Steps after the validation part, which training never sees: a share or a number."""
    model: Network = "direct"
    """Network: direct reads the window in segments and forecasts all steps at once; autoregressive reads and forecasts
    step by step, each from the previous one; encoder-decoder passes its state to a second network, which takes one step
    for each step of the horizon."""
    output: Output = "quantile"
    """Kind of forecast: a number learned by squared or absolute errors, quantiles, or a distribution."""
    normalise: Normalise | None = None
    """Normalisation of a window: minus its last value (last), or minus its mean and divided by its standard deviation
    (window, the default, so that intervals widen with the variation of the window; last for a single number and for the
    autoregressive model; none for counts)."""
    scaling: Scaling | None = None
    """Scaling of each series by its training steps: standard by mean and standard deviation, root by those of its
    square roots, for errors that grow with the values, mean by its mean size (standard; mean for counts)."""
    segment: Count | None = None
    """Steps of a segment of the direct model (a quarter of the window, 48 at most)."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    hidden_size: Count = 128
    """Units of a recurrent layer."""
    num_layers: Layers = 1
    """Recurrent layers on top of each other."""
    dropout: Rate = 0.2
    """Share of each layer's outputs dropped in training."""
    batch_size: Count | None = None
    """Windows in a batch (64, or down to 8 where a budget in epochs or minutes has fewer than 1,000 steps)."""
    stride: Count = 1
    """Steps between one training window and the next."""
    windows_per_epoch: Count | None = None
    """Windows drawn at random for each epoch (all)."""
    validation_windows: Count = 2048
    """Most windows of the validation part to measure; they are evenly spaced."""
    samples: Annotated[int, Meta(ge=1, le=10_000)] = 100
    """Futures that the autoregressive model samples for a forecast."""

    def __post_init__(self) -> None:
        TaskSettings.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.formats.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "steps")
        if self.validation == 0:
            raise ConfigError("validation: expected a share or at least as many steps as the horizon has")
        if self.output == "negative-binomial" and (self.normalise or "none") != "none":
            raise ConfigError(f"normalise {self.normalise!r}: counts are not shifted; leave it out")
        if self.output == "negative-binomial" and self.scaling in ("standard", "root"):
            raise ConfigError(f"scaling {self.scaling!r}: counts are not shifted; choose mean or none")
        if self.model == "autoregressive" and self.normalise == "window":
            raise ConfigError("normalise 'window': the autoregressive model has no window; choose last or none")
        if self.segment is not None and self.model != "direct":
            raise ConfigError(f"segment: belongs to the direct model; {self.model} reads step by step")

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of time series: in every file a column of stamps or of names of series, and numbers."""
        files = [file.as_table for place in places for file in place.files]
        if not any(file.columns for file in files):
            return ""
        from elman.tasks.forecasting.reading import is_history  # imports NumPy, which help does not need

        histories = all(is_history(file.columns, file.row) for file in files)
        return "there are stamps or names of series, and numbers" if histories else ""
