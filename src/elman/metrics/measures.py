"""The base of measures: they show themselves, and become tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman._show import ShownMeasures
from elman.formats.results import ResultTable

if TYPE_CHECKING:
    import pandas


class Measures(ShownMeasures):
    """Base class of measures. Those of classes, labels, tags and spans have a row for each of them in `scores`."""

    __slots__ = ()

    def scores(self) -> ResultTable:
        """A table of the measures: of each class by itself, or where there are none, their names and values.

        >>> from elman.tasks.evaluation import MeanLoss
        >>> print(MeanLoss(0.5, 3, "line").scores())
        measure        value
        loss_per_line    0.5
        count              3
        """
        numbers = {name: value for name, value in self.to_builtins().items() if isinstance(value, int | float)}
        return ResultTable.of({"measure": [*numbers], "value": np.array([*numbers.values()], float)})

    def to_pandas(self) -> pandas.DataFrame:
        """`scores` as a data frame of pandas.

        Raises:
            ConfigError: pandas is not installed.
        """
        return self.scores().to_pandas()


def scores_of(
    names: Mapping[str, Any],
    right: Sequence[int] | np.ndarray,
    predicted: Sequence[int] | np.ndarray,
    true: Sequence[int] | np.ndarray,
) -> ResultTable:
    """Precision, recall and F1 of each class from counts, 0 where they have nothing to divide by, with the numbers of
    its examples (support) and of its predictions.

    >>> print(scores_of({"class": ["a", "b"]}, [2, 0], [3, 0], [2, 1]))
    class  precision  recall   f1  support  predicted
    a      0.6666667       1  0.8        2          3
    b              0       0    0        1          0
    """
    right, predicted, true = (np.asarray(each, np.int64) for each in (right, predicted, true))
    return ResultTable.of(
        {
            **names,
            "precision": right / np.maximum(predicted, 1),
            "recall": right / np.maximum(true, 1),
            "f1": 2 * right / np.maximum(predicted + true, 1),
            "support": true,
            "predicted": predicted,
        }
    )
