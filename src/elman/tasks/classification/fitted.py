"""A trained classifier of texts: it predicts the class with its probability, and may abstain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from elman._errors import DataError
from elman.formats.frames import AnyFrame, is_frame, read_frame, texts_in
from elman.formats.results import ResultTable
from elman.tasks.answers import Answer, answer_table, answers_in_order
from elman.tasks.checks import check_part
from elman.tasks.classification.batches import ClassBatches
from elman.tasks.classification.codec import TextCodec
from elman.tasks.classification.mistakes import InputNames, input_names
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.predictor import ClassPredictor, Prediction
from elman.tasks.classification.settings import ClassPrediction, TextPrediction
from elman.tasks.classification.unlabelled import texts_asked
from elman.tasks.data import Part
from elman.tasks.examples import LONGEST, Examples, NamedBatch, named_rows
from elman.tasks.output import Warning

if TYPE_CHECKING:
    from elman.tasks.classification.task import Classification


@dataclass(frozen=True)
class Classifier(ClassPredictor):
    """A trained classifier of texts; see `predict`, `predict_all`, `evaluate` and `save`. The temperature of its
    probabilities is fitted on the validation part.

    >>> texts = [("good film", "pos"), ("bad film", "neg"), ("so good", "pos"), ("so bad", "neg")] * 10
    >>> task = elman.Classification(embedding_size=8, hidden_size=8, input_dropout=0.0)
    >>> fitted = elman.fit(task, task.read_texts(texts), steps=60, learning_rate=0.02)
    >>> fitted.predict("a good one").label
    'pos'
    >>> [answer.label for answer in fitted.predict_all(["bad", "good"], threshold=0.5)]
    ['neg', 'pos']
    """

    task: Classification
    codec: TextCodec
    model: ClassificationModel

    @property
    def summary(self) -> str:
        """Size and unit of the vocabulary, and the number of classes."""
        vocabulary = self.codec.vocabulary
        unit = "labels" if self.codec.several else "classes"
        return f"{vocabulary.size:,} {vocabulary.kind} and {len(self.codec.labels)} {unit}"

    @property
    def input_names(self) -> InputNames:
        """Those of the tables to train on."""
        return input_names(self.task.text_column, self.task.label_column)

    def read(self, *places: str | Path | AnyFrame) -> Part:
        """Reads labelled texts for `evaluate`, from a table in memory or from files; where file names tell the parts,
        only the test part.

        Raises:
            DataError: files of an unknown format, an empty text, or a label that the model does not know.
        """
        return self.task.read_part(self.codec, *places)

    def examples(self, inputs: str | Part, *, longest: int = LONGEST) -> Examples:
        """The first text of a part, or a text as `predict` takes it; its tokens name its steps.

        Raises:
            DataError: a part without texts, or an empty text.
        """
        if isinstance(inputs, Part):
            check_part(inputs)
            example = inputs.examples[0]
        else:
            answer = self.predict(inputs)
            numbers = [self.codec.labels.index(label) for label in answer.labels]
            label = tuple(numbers) if self.codec.several else numbers[0]
            example = self.codec.unlabelled(inputs)._replace(label=label)
        batch = ClassBatches([example], self.codec, batch_size=1, shuffle=False).at(0)
        return Examples(batch, self._step_names(example), {"layers": self.codec.vocabulary.separator})

    def named_batches(self, part: Part) -> Iterator[NamedBatch]:
        """Yields the texts of a part; the tokens of each name its steps, unless it is read in pieces."""
        batches = self.task.evaluation_batches(part)
        return named_rows(batches, lambda index: self._step_names(part.examples[index]))

    def _step_names(self, example: Any) -> dict[str, tuple[str, ...]]:
        if self.codec.reading.pieces != "none":
            return {}
        return {"layers": tuple(map(self.codec.vocabulary.token, example.pieces[0].tolist()))}

    @overload
    def predict(self, text: str, *, threshold: float | None = None) -> Prediction: ...
    @overload
    def predict(self, text: AnyFrame, *, threshold: float | None = None) -> ResultTable: ...
    def predict(self, text: str | AnyFrame, *, threshold: float | None = None) -> Prediction | ResultTable:
        """Predicts the class or the labels of a text; of a table in memory, or of one column of texts, those of each
        row, as a table.

        Args:
            text: a text that is not empty; in a table, an empty one has no label.
            threshold: the model abstains where the likeliest class is less probable; of several labels, those that
                reach it are predicted, or by default those that reach their own thresholds.

        Raises:
            DataError: an empty text, or one that is missing or none.
        """
        if is_frame(text):
            return self._predict_rows(text, ClassPrediction(threshold=threshold))
        texts: Any = [text]
        return self.predict_all(texts, threshold=threshold)[0]

    def predict_all(self, texts: Iterable[str] | AnyFrame, *, threshold: float | None = None) -> list[Prediction]:
        """Predicts the classes of many texts, faster than one by one.

        Raises:
            DataError: an empty text; the message gives its number.
        """
        texts = texts_in(texts, self.task.text_column)
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                raise DataError(f"text {number}: the text is empty")
        return self._answers(texts, ClassPrediction(threshold=threshold))

    def answers(self, inputs: Sequence[Any], *, options: TextPrediction) -> list[dict[str, Any]]:
        """The label of each text, the labels where it may have several, and the probabilities of all."""
        return [one.plain for one in self.predict_all(inputs, threshold=options.threshold)]

    def _predict_rows(self, table: AnyFrame, options: ClassPrediction) -> ResultTable:
        """The answers to the rows of a table; blank to empty texts."""
        frame = read_frame(table, alone=self.task.text_column)
        texts = frame.texts(self.task.text_column, "; name it with text_column in the task")
        answers = iter(self._answers([text for text in texts if text.strip()], options))
        blank, form = self._blank(options), self.codec.form
        written = [next(answers).answer(options, form) if text.strip() else blank for text in texts]
        return answer_table(written, index=frame.index)

    def output(self, *places: str, options: TextPrediction) -> Iterator[str | Warning]:
        """Yields the label and probability of each text of the files, with a tab between them, in order: of each row of
        a table, each line, or each file. An input without text has a blank answer.

        Raises:
            DataError: an input that cannot be read, after the answers to those before it.
        """
        task, codec = self.task, self.codec

        def answer(texts: Sequence[str]) -> Iterator[list[Answer]]:
            return ([one.answer(options, codec.form)] for one in self._answers(texts, options))

        places_and_form = {
            "read": options.read,
            "column": task.text_column,
            "encoding": options.encoding or task.encoding,
        }
        piped = options.encoding or "utf-8"
        asked = texts_asked(*places, **places_and_form, piped=piped, is_label=codec.is_label)
        rules = {"with_input": options.with_input, "on_error": options.on_error}
        return answers_in_order(asked, answer, blank=self._blank(options), **rules)

    def _answers(self, texts: Sequence[str], options: ClassPrediction) -> list[Prediction]:
        encoded = [self.codec.unlabelled(text) for text in texts]
        return list(self._predictions(encoded, options.threshold))
