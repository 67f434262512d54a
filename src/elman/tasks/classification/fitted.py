"""A trained classifier of texts: it predicts the class with its probability, and may abstain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elman._errors import DataError
from elman.formats.lines import arriving_lines
from elman.tasks.classification.codec import TextCodec
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.predictor import ClassPredictor, Prediction
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.data import Part

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

    def output(self, *places: str, options: ClassPrediction) -> Iterator[str]:
        """Yields the label and probability of each line of the files, with a tab between them. An empty line has no
        label, and probability 0 for every class.

        Raises:
            DataError: a file that cannot be read.
        """
        none = Prediction(None, 0.0, dict.fromkeys(self.codec.labels, 0.0), ())
        for group in arriving_lines(*places):
            answers = iter(self._answers([line for line in group if line.strip()], options))
            for line in group:
                yield (next(answers) if line.strip() else none).line(options, self.codec.form)

    def _answers(self, texts: Sequence[str], options: ClassPrediction) -> list[Prediction]:
        encoded = [self.codec.unlabelled(text) for text in texts]
        return list(self._predictions(encoded, options.threshold))
