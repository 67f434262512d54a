"""The base of trained classifiers of texts and series: calibrated probabilities, and predictions that may abstain."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman._show import brief, table
from elman._types import Carry
from elman.formats.numbers import number_text
from elman.formats.results import ResultTable
from elman.formats.rows import Cell, field_text
from elman.metrics.calibration import apply_temperature
from elman.metrics.classification import log_softmax
from elman.tasks.answers import NAME, Answer
from elman.tasks.choices import Choices, Question, token_choices
from elman.tasks.classification.batches import ClassBatch, label_matrix
from elman.tasks.classification.label_metrics import HALF, LabelMetrics, log_sigmoid
from elman.tasks.classification.labels import LabelForm
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.loss import class_metrics, label_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.mistakes import InputNames, class_mistakes, label_mistakes
from elman.tasks.classification.reading import LabelledText
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.data import Part
from elman.tasks.examples import Examples
from elman.tasks.fitted import Predictor, largest_difference


class Prediction(NamedTuple):
    """The predicted class of one text or series, with probabilities."""

    label: str | None
    """The likeliest class; None where its probability is below the threshold."""
    probability: float
    """The probability of `label`, or of the likeliest class where it is None."""
    probabilities: dict[str, float]
    """The probability of every class, likeliest first."""
    labels: tuple[str, ...]
    """The predicted labels, likeliest first: `label` or none, or several where a text may have several."""

    __repr__ = brief

    def _repr_html_(self) -> str:
        rows = [(name, f"{share:.1%}") for name, share in self.probabilities.items()]
        return table(rows, caption=", ".join(self.labels) or "none")

    @property
    def plain(self) -> dict[str, Any]:
        """The prediction as plain values: label, labels and the probabilities of all."""
        return {"label": self.label, "labels": list(self.labels), "probabilities": self.probabilities}

    def answer(self, options: ClassPrediction, form: LabelForm = LabelForm()) -> Answer:
        """The answer that `elman predict` writes: the label, empty where the model abstains, and its probability;
        `form` writes several labels.

        >>> Prediction("a", 0.75, {"b": 0.25, "a": 0.75}, ("a",)).answer(ClassPrediction(probabilities=True)).fields
        ('a', 'b=0.25', 'a=0.75')
        """
        probabilities = {name: np.float32(probability) for name, probability in self.probabilities.items()}
        label = form.write(self.labels) if form.several or self.label is not None else None
        sure: Cell = np.float32(self.probability)
        if form.several:
            between = form.separator if form.separator.isprintable() else "|"
            sure = between.join(number_text(probabilities[name]) for name in self.labels)
        if not options.probabilities and not options.top_k:
            return Answer((field_text(label), field_text(sure)), {NAME: label, f"{NAME}-probability": sure})
        likeliest = list(probabilities.items())[: options.top_k or None]
        shown = [f"{field_text(name)}={number_text(share)}" for name, share in likeliest]
        columns = {f"{NAME}-{name}": dict(likeliest).get(name) for name in sorted(probabilities)}
        return Answer((field_text(label), *shown), {NAME: label, **columns})


@dataclass(frozen=True)
class ClassPredictor(Predictor[ClassificationMetrics | LabelMetrics]):
    """A trained model that predicts classes. The temperature of its probabilities, or the thresholds of several labels,
    are fitted on the validation part."""

    @property
    def temperature(self) -> float:
        """The number that divides the logits; 1 before the first evaluation, and for several labels."""
        return self.validation.temperature if isinstance(self.validation, ClassificationMetrics) else 1.0

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The probability from which each label is predicted where there may be several; 0.5 before the first
        evaluation."""
        fitted = self.validation
        return fitted.thresholds if isinstance(fitted, LabelMetrics) else (HALF,) * len(self.codec.labels)

    def answer_rules(self) -> dict[str, Any]:
        """The temperature of the probabilities, or the thresholds of several labels."""
        return {"thresholds": list(self.thresholds)} if self.codec.several else {"temperature": self.temperature}

    def evaluate(self, part: Any, *, threshold: float | None = None) -> ClassificationMetrics | LabelMetrics:
        """Measures a part of the data, or a table in memory, which is read first; for `threshold` see `measure`.

        Raises:
            DataError: as for any model.
        """
        return self.measure(self.checked(part), threshold=threshold)

    @property
    @abstractmethod
    def input_names(self) -> InputNames:
        """The names of the columns of texts and labels in the table of mistakes."""

    def measure(self, part: Part, *, threshold: float | None = None) -> ClassificationMetrics | LabelMetrics:
        """The measures of a part at the model's temperature or thresholds; with `threshold`, those that count the
        answers which reach it too, or the labels that reach it in place of their own thresholds."""
        if self.codec.several:
            thresholds = self.thresholds if threshold is None else (threshold,) * len(self.codec.labels)
            return label_metrics(self.model, part, self.codec, thresholds=thresholds)
        options = {"temperature": self.temperature, "threshold": threshold}
        return class_metrics(self.model, part, self.codec, **options)

    def mistakes_of(self, part: Part) -> ResultTable:
        """The examples with a wrong class, or with a label missed or added, at the model's temperature or thresholds.
        Texts and labels are in columns of the names that they have in tables to train on."""
        logits, codec = all_logits(self.model, part.examples, self.codec), self.codec
        texts = [record.text for record in part.records if isinstance(record, LabelledText)]
        names = self.input_names
        inputs = {"place": [record.place for record in part.records], **({names.text: texts} if texts else {})}
        if codec.several:
            return label_mistakes(
                inputs,
                np.exp(log_sigmoid(logits)),
                label_matrix([example.label for example in part.examples], len(codec.labels)) > 0,
                written=[record.label for record in part.records],
                labels=codec.labels,
                thresholds=self.thresholds,
                form=codec.form,
                column=names.label,
            )
        truth = np.array([example.label for example in part.examples])
        probabilities = apply_temperature(logits, self.temperature)
        return class_mistakes(inputs, probabilities, truth, labels=codec.labels, column=names.label)

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The class, or of each label whether it belongs to the example."""
        labels = self.codec.labels
        return (Question("label", ("no", "yes"), labels) if self.codec.several else Question("class", labels),)

    def choices(self, model: Any, carry: Carry, batch: ClassBatch) -> tuple[tuple[Choices, ...], Carry]:
        """The probabilities of classes at the model's temperature, or of each label."""
        *inputs, labels, weights = jax.tree.map(jnp.asarray, batch)
        logits = model(*inputs)
        if self.codec.several:
            weights = jnp.broadcast_to(weights[:, None], labels.shape)
            logits = jnp.stack([jnp.zeros_like(logits), logits], axis=-1)
            return (token_choices(logits, labels.astype(jnp.int32), weights),), carry
        return (token_choices(logits[:, None] / self.temperature, labels[:, None], weights[:, None]),), carry

    def differences(self) -> dict[str, float]:
        """The largest difference when each of 8 random inputs is read alone and in a batch with the others."""
        random = np.random.default_rng(0)
        examples = [self.codec.trial(random) for _ in range(8)]
        log = log_sigmoid if self.codec.several else log_softmax
        together = log(all_logits(self.model, examples, self.codec))
        alone = [log(all_logits(self.model, [example], self.codec)) for example in examples]
        return {"alone or beside others": largest_difference(together, np.concatenate(alone))}

    def _blank(self, options: ClassPrediction) -> Answer:
        """The answer to an input that has nothing to classify."""
        answer = Prediction(None, 0.0, dict.fromkeys(self.codec.labels, 0.0), ()).answer(options)
        return Answer(("",) * len(answer.fields), dict.fromkeys(answer.columns))

    def _predictions(self, examples: Sequence[Any], threshold: float | None) -> Iterator[Prediction]:
        """The predictions for encoded examples; without a threshold, the best class always, or the labels that reach
        their own thresholds."""
        logits, several = all_logits(self.model, examples, self.codec), self.codec.several
        probabilities = np.exp(log_sigmoid(logits)) if several else apply_temperature(logits, self.temperature)
        usual = self.thresholds if several else (0.0,) * len(self.codec.labels)
        least = np.array(usual if threshold is None else (threshold,) * len(usual), float)
        return (_prediction(row, self.codec.labels, least, most=None if several else 1) for row in probabilities)


def _prediction(
    row: Float[np.ndarray, " classes"],
    labels: Sequence[str],
    thresholds: Float[np.ndarray, " classes"],
    *,
    most: int | None,
) -> Prediction:
    order = np.argsort(-row, kind="stable")
    probabilities = {labels[place]: float(row[place]) for place in order}
    predicted = tuple(labels[place] for place in order if row[place] >= thresholds[place])[:most]
    best = predicted[0] if predicted else None
    return Prediction(best, probabilities[best or labels[order[0]]], probabilities, predicted)
