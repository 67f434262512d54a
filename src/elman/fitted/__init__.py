"""Trained models of every task. Each is imported at first use, since a program mostly needs those of one task."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elman.fitted._fitted import Fitted, Predictor
from elman.fitted.load import fitted_class, from_saved, load, settings_of

if TYPE_CHECKING:
    from elman.fitted._class_predictor import Prediction
    from elman.fitted.classifier import Classifier
    from elman.fitted.ecg_reader import EcgReader
    from elman.fitted.forecast_table import ForecastTable
    from elman.fitted.forecaster import FittedForecaster
    from elman.fitted.language_model import FittedLanguageModel
    from elman.fitted.series_classifier import SeriesClassifier
    from elman.fitted.tagger import TaggedSentence, Tagger, TagSpan
    from elman.fitted.translator import AttentionMap, Candidate, Translator

_HOME = {
    "AttentionMap": "translator",
    "Candidate": "translator",
    "Classifier": "classifier",
    "EcgReader": "ecg_reader",
    "FittedForecaster": "forecaster",
    "FittedLanguageModel": "language_model",
    "ForecastTable": "forecast_table",
    "Prediction": "_class_predictor",
    "SeriesClassifier": "series_classifier",
    "TagSpan": "tagger",
    "TaggedSentence": "tagger",
    "Tagger": "tagger",
    "Translator": "translator",
}

__all__ = [
    "AttentionMap",
    "Candidate",
    "Classifier",
    "EcgReader",
    "Fitted",
    "FittedForecaster",
    "FittedLanguageModel",
    "ForecastTable",
    "Prediction",
    "Predictor",
    "SeriesClassifier",
    "TagSpan",
    "TaggedSentence",
    "Tagger",
    "Translator",
    "fitted_class",
    "from_saved",
    "load",
    "settings_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'elman.fitted' has no attribute {name!r}")
    return getattr(import_module(f"elman.fitted.{_HOME[name]}"), name)
