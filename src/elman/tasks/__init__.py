"""The tasks: each binds data, model, loss and measures together. Importing this package does not import jax."""

from elman.tasks.classification import Classification, ClassPrediction
from elman.tasks.ecg import Ecg
from elman.tasks.ecg_metrics import EcgMetrics
from elman.tasks.forecasting import Forecasting, ForecastPrediction
from elman.tasks.language_modelling import LanguageMetrics, LanguageModelling
from elman.tasks.seq2seq import Seq2Seq
from elman.tasks.seq2seq_metrics import Seq2SeqMetrics
from elman.tasks.series_classification import SeriesClassification
from elman.tasks.tagging import Tagging, TagPrediction
from elman.tasks.tagging_metrics import TaggingMetrics

__all__ = [
    "ClassPrediction",
    "Classification",
    "Ecg",
    "EcgMetrics",
    "ForecastPrediction",
    "Forecasting",
    "LanguageMetrics",
    "LanguageModelling",
    "Seq2Seq",
    "Seq2SeqMetrics",
    "SeriesClassification",
    "TagPrediction",
    "Tagging",
    "TaggingMetrics",
]
