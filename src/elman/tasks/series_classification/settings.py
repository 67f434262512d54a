"""The settings of classifying numeric series. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError
from elman._types import NormalForm
from elman.formats.names import JSON_LINES, SERIES, TABLES, TEXTS
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.settings import BatchSizes, CellName, Count, Layers, Rate, Size, TaskSettings, check_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place


class SeriesClassificationSettings(TaskSettings, frozen=True, kw_only=True):
    """Settings of `SeriesClassification`."""

    training: ClassVar[dict[str, Any]] = {"epochs": 60.0, "learning_rate": 0.003}
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=16, least=8)
    options: ClassVar[type[Config] | None] = ClassPrediction

    series_column: str = "series"
    """The column of a table (CSV, TSV, JSON lines) that names the series of each row."""
    time_column: str = "time"
    """The column that orders the steps; without it, the rows' order is used."""
    value_columns: tuple[str, ...] = ()
    """The columns that are channels (all others)."""
    label_column: str = "label"
    """The column that holds the classes."""
    missing: Literal["error", "interpolate"] = "error"
    """Refuse missing values (error), or fill gaps by linear interpolation."""
    normal_form: NormalForm = "NFC"
    """Normal form of Unicode in which names of classes and series are compared; none leaves their spelling."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    validation: Size = 0.1
    """Part that chooses the best weights, where no file is called dev: a share, or from 1 on a number of series."""
    test: Size = 0.1
    """Part that training never sees, where no file is called test: a share, or from 1 on a number of series."""
    split_seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of the random split of series into parts."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 64
    """Features of a step's embedding, a linear map of its channels."""
    hidden_size: Count = 64
    """Units of a recurrent layer, in each direction."""
    num_layers: Layers = 1
    """Recurrent layers on top of each other."""
    bidirectional: bool = True
    """Read in both directions; --no-bidirectional reads forwards only."""
    pooling: Literal["last", "mean", "max", "attention"] = "mean"
    """Pooling of the outputs at all steps to one vector."""
    convolution: Annotated[int, Meta(ge=0, lt=1024)] = 0
    """Width in steps of a convolution before the recurrent layers; 0 is none."""
    convolution_pool: Count = 1
    """Steps of max pooling after the convolution; more make long series shorter."""
    noise: Annotated[float, Meta(ge=0)] = 0.3
    """Standard deviation of the noise added to the values in training, in standard deviations of a channel."""
    dropout: Rate = 0.3
    """Share of each layer's outputs dropped in training, for a whole series."""
    balance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Weight of series of rare classes: 0 weighs all series alike, 1 all classes alike."""
    label_smoothing: Rate = 0.0
    """Share of each target that is spread over all classes in training."""
    batch_size: Count | None = None
    """Series in a batch (16, or down to 8 where a budget in epochs or minutes has fewer than 1,000 steps)."""

    def __post_init__(self) -> None:
        TaskSettings.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.formats.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "series")
        if self.convolution_pool > 1 and not self.convolution:
            raise ConfigError("convolution_pool: needs a convolution; set its width too, such as convolution=5")

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of labelled series: `.ts`, of which TypeScript and films are no series, a column `series`, or many
        numbers behind a class in each line."""
        for file in (file for place in places for file in place.files):
            from elman.tasks.series_classification.row_tables import are_rows  # NumPy, which help does not need

            begun = not file.exists or any(line.strip().lower() == "@data" for line in file.lines)
            if file.suffix == SERIES and begun:
                return f"{SERIES} is the ending of files of series"
            if "series" in file.columns and "text" not in file.columns:
                return "there is a column series"
            if file.suffix in (*TABLES, *TEXTS, "") and file.suffix not in JSON_LINES and are_rows(file.lines):
                return "each line has a class and the numbers of a series"
        return ""
