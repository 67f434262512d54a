"""The mistakes of a classifier as a table: the texts, or the places of series, with the right class and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman.formats.results import ResultTable
from elman.tasks.answers import NAME
from elman.tasks.classification.labels import LabelForm


class InputNames(NamedTuple):
    """The names of the columns of texts and labels."""

    text: str
    label: str


def input_names(text: str, label: str) -> InputNames:
    """The names of columns in a table to train on, in place of which others stand that the table of mistakes has.

    >>> input_names("body", "topic"), input_names("place", "a,b")
    (InputNames(text='body', label='topic'), InputNames(text='text', label='label'))
    """
    own = {"place", NAME, "missed", "added", "nats", f"{NAME}-probability"}
    text = "text" if text in own else text
    return InputNames(text, "label" if label in {*own, text} or "," in label else label)


def class_mistakes(
    inputs: Mapping[str, Sequence[str]],
    probabilities: Float[np.ndarray, "example classes"],
    truth: Integer[np.ndarray, " example"],
    *,
    labels: Sequence[str],
    column: str = "label",
) -> ResultTable:
    """The examples whose likeliest class is not the right one, those with the surest answers first.

    Args:
        inputs: columns that show each example.
        probabilities: the probability of each class.
        truth: the right classes, as places in `labels`.
        labels: the names of the classes.
        column: the name of the column of the right classes.

    >>> shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> print(class_mistakes({"text": ["a", "b", "c"]}, shares, np.array([0, 0, 0]), labels=("x", "y")))
    text  label  elman  elman-probability  label-probability
    b     x      y                    0.8                0.2
    c     x      y                    0.6                0.4
    """
    answered, rows = probabilities.argmax(axis=1), np.arange(len(truth))
    sure, right = probabilities[rows, answered], probabilities[rows, truth]
    wrong = np.flatnonzero(answered != truth)
    order = wrong[np.argsort(-sure[wrong], kind="stable")]
    return ResultTable.of(
        {
            **_chosen(inputs, order),
            column: [labels[truth[row]] for row in order],
            NAME: [labels[answered[row]] for row in order],
            f"{NAME}-probability": sure[order],
            f"{column}-probability": right[order],
        }
    )


def label_mistakes(
    inputs: Mapping[str, Sequence[str]],
    probabilities: Float[np.ndarray, "example labels"],
    truth: Bool[np.ndarray, "example labels"],
    *,
    written: Sequence[str],
    labels: Sequence[str],
    thresholds: Sequence[float],
    form: LabelForm,
    column: str = "label",
) -> ResultTable:
    """The texts of which some label is missed or added, those first whose right labels are least probable.

    Args:
        inputs: columns that show each text.
        probabilities: the probability of each label.
        truth: the right labels.
        written: the right labels of each text as they are written, also those that training did not have.
        labels, thresholds, form: names, thresholds and form of the labels.
        column: the name of the column of the right labels.
    """
    predicted = probabilities >= np.array(thresholds)
    names = np.array(labels, object)
    answers = [form.write(names[row]) for row in predicted]
    missed = [
        form.write(name for name in form.labels(own) if name not in {*names[row]})
        for own, row in zip(written, predicted, strict=True)
    ]
    added = [form.write(names[row]) for row in predicted & ~truth]
    nats = -np.log(np.maximum(np.where(truth, probabilities, 1 - probabilities), np.finfo(float).tiny)).sum(axis=1)
    wrong = np.array([bool(one or other) for one, other in zip(missed, added, strict=True)])
    order = np.flatnonzero(wrong)[np.argsort(-nats[wrong], kind="stable")]
    columns = {column: written, NAME: answers, "missed": missed, "added": added}
    return ResultTable.of({**_chosen(inputs, order), **_chosen(columns, order), "nats": nats[order]})


def _chosen(columns: Mapping[str, Sequence[Any]], rows: np.ndarray) -> dict[str, list[Any]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}
