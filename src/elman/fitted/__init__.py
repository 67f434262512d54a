"""Trained models of every task."""

from elman.fitted._class_predictor import Prediction
from elman.fitted._fitted import Fitted, Predictor
from elman.fitted.classifier import Classifier
from elman.fitted.ecg_reader import EcgReader
from elman.fitted.forecast_table import ForecastTable
from elman.fitted.forecaster import FittedForecaster
from elman.fitted.language_model import FittedLanguageModel
from elman.fitted.load import fitted_class, from_saved, load, settings_of
from elman.fitted.series_classifier import SeriesClassifier
from elman.fitted.tagger import TaggedSentence, Tagger, TagSpan
from elman.fitted.translator import AttentionMap, Candidate, Translator

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
