"""A trained classifier of numeric series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from jaxtyping import Float

from elman._errors import DataError, quantity
from elman.formats.files import File
from elman.formats.frames import AnyFrame, is_frame
from elman.formats.names import JSON_LINES, TABLES
from elman.formats.results import ResultTable
from elman.formats.rows import write_object
from elman.tasks.answers import Answer, Input, TableForm, answer_table, answers_in_order
from elman.tasks.checks import check_part
from elman.tasks.classification.batches import ClassBatches
from elman.tasks.classification.mistakes import InputNames, input_names
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.predictor import ClassPredictor, Prediction
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.data import Part
from elman.tasks.examples import LONGEST, Examples, NamedBatch, named_rows
from elman.tasks.output import Warning
from elman.tasks.plain import plain_array
from elman.tasks.series_classification.codec import EncodedSeries, SeriesCodec
from elman.tasks.series_classification.reading import SeriesFile

if TYPE_CHECKING:
    from elman.tasks.series_classification.task import SeriesClassification

Values = Float[np.ndarray, "time channel"]


@dataclass(frozen=True)
class SeriesClassifier(ClassPredictor):
    """A trained classifier of series; see `predict`, `predict_all`, `evaluate` and `save`. The temperature of its
    probabilities is fitted on the validation part.

    >>> up, down = np.array([[1.0], [2.0], [3.0]]), np.array([[3.0], [2.0], [1.0]])
    >>> task = elman.SeriesClassification(embedding_size=8, hidden_size=8)
    >>> fitted = elman.fit(task, task.read_series([(up, "up"), (down, "down")] * 20), steps=60, learning_rate=0.02)
    >>> fitted.predict(np.array([[0.5], [2.0], [2.5], [2.6]])).label
    'up'
    >>> [answer.label for answer in fitted.predict_all([down, up])]
    ['down', 'up']
    """

    task: SeriesClassification
    codec: SeriesCodec
    model: ClassificationModel

    @property
    def summary(self) -> str:
        """The numbers of channels and classes."""
        channels = len(self.codec.channels)
        return f"{quantity(channels, 'channel')} and {quantity(len(self.codec.labels), 'class')}"

    @property
    def input_names(self) -> InputNames:
        """Those of the tables to train on; series have no texts."""
        return input_names("text", self.task.label_column)

    def read(self, *places: str | Path | AnyFrame) -> Part:
        """Reads labelled series for `evaluate`, from a table in memory or from files; where file names tell the parts,
        only the test part.

        Raises:
            DataError: a malformed file, or channels or a class that the model does not know.
        """
        return self.task.read_part(self.codec, *places)

    def examples(self, inputs: Values | Part, *, longest: int = LONGEST) -> Examples:
        """The first series of a part, or a series as `predict` takes it.

        Raises:
            DataError: a part without series, or a series that the model cannot read.
        """
        if isinstance(inputs, Part):
            check_part(inputs)
            example = inputs.examples[0]
        else:
            label = self.codec.labels.index(self.predict(inputs).label)
            example = EncodedSeries(self.codec.encode(np.asarray(inputs, float)), label)
        return Examples(ClassBatches([example], self.codec, batch_size=1, shuffle=False).at(0), {})

    def named_batches(self, part: Part) -> Iterator[NamedBatch]:
        """Yields the series of a part, whose steps have no names."""
        return named_rows(self.task.evaluation_batches(part), lambda index: {})

    @overload
    def predict(self, series: Values, *, threshold: float = 0.0) -> Prediction: ...
    @overload
    def predict(self, series: AnyFrame, *, threshold: float = 0.0) -> ResultTable: ...
    def predict(self, series: Values | AnyFrame, *, threshold: float = 0.0) -> Prediction | ResultTable:
        """Predicts the class of a series; of a table in memory in long form, that of each series as a table.

        Args:
            series: values with the axes time and channel, in the units of the training data.
            threshold: the model abstains where the likeliest class is less probable.

        Raises:
            DataError: a series with another number of channels, without steps, or with a value that is not finite.
        """
        options = ClassPrediction(threshold=threshold)
        if is_frame(series):
            read = self.task.unlabelled_in(self.codec, series)
            encoded = [EncodedSeries(self.codec.encode(one.values, place=one.place), 0) for one in read.series]
            answers = [one.answer(options) for one in self._predictions(encoded, options.threshold)]
            return answer_table(answers, beside={self.task.series_column: read.names})
        return next(
            self._predictions([EncodedSeries(self.codec.encode(np.asarray(series, float)), 0)], options.threshold)
        )

    def predict_all(self, series: Sequence[Values], *, threshold: float = 0.0) -> list[Prediction]:
        """Predicts the classes of many series, faster than one by one.

        Raises:
            DataError: as for `predict`; the message gives the number of the series.
        """
        options = ClassPrediction(threshold=threshold)
        encoded = [
            self.codec.encode(np.asarray(one, float), place=f"series {n}") for n, one in enumerate(series, start=1)
        ]
        return list(self._predictions([EncodedSeries(one, 0) for one in encoded], options.threshold))

    def answers(self, inputs: Sequence[Any], *, options: ClassPrediction) -> list[dict[str, Any]]:
        """The label of each series, and the probabilities of all."""
        series = [plain_array(one, f"series {number}") for number, one in enumerate(inputs, start=1)]
        return [one.plain for one in self.predict_all(series, threshold=options.threshold or 0.0)]

    def output(self, *places: str, options: ClassPrediction) -> Iterator[str | Warning]:
        """Yields the label and probability of each series of the files, with a tab between them, in order. The files
        may have classes or not.

        Raises:
            DataError: a series that cannot be read, after the answers to those before it, or channels that the model
                does not know.
        """

        def answer(series: Sequence[EncodedSeries]) -> Iterator[list[Answer]]:
            return ([one.answer(options)] for one in self._predictions(series, options.threshold))

        groups = ([*self._asked(*read)] for read in self.task.unlabelled(self.codec, *places))
        rules = {"with_input": options.with_input, "on_error": options.on_error}
        return answers_in_order(groups, answer, blank=self._blank(options), **rules)

    def _asked(self, file: File, series: SeriesFile) -> Iterator[Input]:
        """The series of a file as inputs; beside their answers stand their names."""
        column = self.task.series_column
        table = TableForm(file.name, file.suffix, (column,)) if file.suffix in TABLES else None
        for name, one in zip(series.names, series.series, strict=True):
            fields = (write_object("", {column: name}),) if file.suffix in JSON_LINES else (name,)
            encoded, error = None, series.errors.get(name)
            try:
                encoded = None if error else EncodedSeries(self.codec.encode(one.values, place=one.place), 0)
            except DataError as refusal:
                error = refusal
            yield Input(encoded, fields, table, one.place, error)
