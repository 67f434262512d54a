"""A trained classifier of texts: it predicts the class with its probability, and may abstain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elman._errors import DataError
from elman.tasks.answers import Answer, answers_in_order
from elman.tasks.classification.codec import TextCodec
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.predictor import ClassPredictor, Prediction
from elman.tasks.classification.settings import ClassPrediction, TextPrediction
from elman.tasks.classification.unlabelled import texts_asked
from elman.tasks.data import Part
from elman.tasks.fitted import Warning

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

    def read(self, *places: str | Path) -> Part:
        """Reads labelled texts for `evaluate`; where file names tell the parts, only the test part.

        Raises:
            DataError: files of an unknown format, an empty text, or a label that the model does not know.
        """
        return self.task.read_part(self.codec, *places)

    def predict(self, text: str, *, threshold: float | None = None) -> Prediction:
        """Predicts the class or the labels of a text.

        Args:
            text: a text that is not empty.
            threshold: the model abstains where the likeliest class is less probable; of several labels, those that
                reach it are predicted, or by default those that reach their own thresholds.

        Raises:
            DataError: an empty text.
        """
        return self.predict_all([text], threshold=threshold)[0]

    def predict_all(self, texts: Sequence[str], *, threshold: float | None = None) -> list[Prediction]:
        """Predicts the classes of many texts, faster than one by one.

        Raises:
            DataError: an empty text; the message gives its number.
        """
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                raise DataError(f"text {number}: the text is empty")
        return self._answers(texts, ClassPrediction(threshold=threshold))

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
