"""A trained classifier: it tells the class of a text, how sure it is, and may abstain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman.data.examples import Part
from elman.data.lines import arriving_lines
from elman.data.text_codec import EncodedText, TextCodec
from elman.fitted._fitted import Predictor, largest_difference
from elman.measures.calibration import scaled
from elman.measures.classification import log_softmax
from elman.models.classifier import Classifier
from elman.tasks._logits import all_logits
from elman.tasks.classification import Classification, ClassPrediction
from elman.tasks.classification_metrics import ClassificationMetrics

ABSTAINS = "-"
"""What `elman predict` writes instead of a label."""


class Prediction(NamedTuple):
    """The answer to one text."""

    label: str | None
    """The likeliest class; None where its probability is below the threshold."""
    probability: float
    """Of the likeliest class."""
    probabilities: dict[str, float]
    """Of every class, likeliest first."""


@dataclass(frozen=True)
class FittedClassifier(Predictor):
    """A trained classifier; see `predict`, `evaluate` and `save`. Its probabilities are those at the temperature that
    was fitted on the validation part.

    >>> texts = [("good film", "pos"), ("bad film", "neg"), ("so good", "pos"), ("so bad", "neg")] * 10
    >>> task = elman.Classification(embedding_size=8, hidden_size=8, input_dropout=0.0)
    >>> fitted = elman.fit(task, task.read_texts(texts), steps=60, learning_rate=0.02)
    >>> fitted.predict("a good one").label
    'pos'
    >>> [answer.label for answer in fitted.predict(["bad", "good"], threshold=0.5)]
    ['neg', 'pos']
    """

    task: Classification
    codec: TextCodec
    model: Classifier

    @property
    def temperature(self) -> float:
        """What the logits are divided by; 1 before the first evaluation."""
        values = self.measures.get("validation")
        return 1.0 if values is None else self.task.metrics_from(values).temperature

    @property
    def knows(self) -> str:
        """Size and unit of the vocabulary, and the number of classes."""
        vocabulary = self.codec.vocabulary
        return f"{vocabulary.size:,} {vocabulary.unit}s and {len(self.codec.labels)} classes"

    def read(self, *places: str | Path) -> Part:
        """Labelled texts, whole, for `evaluate`.

        Raises:
            DataError: files of no known form, an empty text, or a label that the model does not know.
        """
        return self.task.read_part(self.codec, *places)

    def measured(self, part: Part) -> ClassificationMetrics:
        """The measures at the model's temperature."""
        return self.task.measured(self.model, part, self.codec, temperature=self.temperature)

    @overload
    def predict(self, text: str, *, threshold: float = 0.0) -> Prediction: ...
    @overload
    def predict(self, text: Sequence[str], *, threshold: float = 0.0) -> list[Prediction]: ...
    def predict(self, text: str | Sequence[str], *, threshold: float = 0.0) -> Prediction | list[Prediction]:
        """The answer to a text, or to each of several.

        Args:
            text: one, or any number of them.
            threshold: abstain where the likeliest class is less probable.

        Raises:
            DataError: an empty text.
        """
        options = ClassPrediction(threshold=threshold)
        if isinstance(text, str):
            return self._predictions([text], options, "the text")[0]
        return self._predictions(text, options, "text")

    def answers(self, *places: str, options: ClassPrediction) -> Iterator[str]:
        """For each line of the files its label and probability, with a tab between them.

        Raises:
            DataError: a file that cannot be read, or an empty line, after the answers to those before it.
        """
        for group in arriving_lines(*places):
            for answer in self._predictions(group, options, "line"):
                label = ABSTAINS if answer.label is None else answer.label
                shown = [f"{answer.probability:.4f}"]
                if options.probabilities:
                    shown = [f"{name}={probability:.4f}" for name, probability in answer.probabilities.items()]
                yield "\t".join([label, *shown])

    def differences(self) -> dict[str, float]:
        """Of 8 random texts together, and of each alone."""
        random = np.random.default_rng(0)
        texts = [self.codec.trial(random) for _ in range(8)]
        together = log_softmax(all_logits(self.model, texts, self.codec))
        alone = [log_softmax(all_logits(self.model, [text], self.codec)) for text in texts]
        return {"one by one": largest_difference(together, np.concatenate(alone))}

    def _predictions(self, texts: Sequence[str], options: ClassPrediction, place: str) -> list[Prediction]:
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                raise DataError(f"{place if len(texts) == 1 else f'{place} {number}'}: the text is empty")
        encoded = [EncodedText(self.codec.encode(text), 0) for text in texts]
        chances = scaled(all_logits(self.model, encoded, self.codec), self.temperature)
        return [self._prediction(row, options.threshold) for row in chances]

    def _prediction(self, chances: Float[np.ndarray, " classes"], threshold: float) -> Prediction:
        order = np.argsort(-chances, kind="stable")
        probabilities = {self.codec.labels[place]: float(chances[place]) for place in order}
        label, probability = next(iter(probabilities.items()))
        return Prediction(label if probability >= threshold else None, probability, probabilities)
