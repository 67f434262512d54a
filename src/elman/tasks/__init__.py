"""What a model is for: data, model, loss and measures bound together. Importing this package does not import jax."""

from elman.tasks.classification import Answering, Classification
from elman.tasks.language_modelling import LanguageMetrics, LanguageModelling
from elman.tasks.series_classification import SeriesClassification
from elman.tasks.tagging import Tagging, TagPrediction
from elman.tasks.tagging_metrics import TaggingMetrics

__all__ = [
    "Answering",
    "Classification",
    "LanguageMetrics",
    "LanguageModelling",
    "SeriesClassification",
    "TagPrediction",
    "Tagging",
    "TaggingMetrics",
]
