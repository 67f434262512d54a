"""Trained models of every task."""

from elman.fitted._class_predictor import Prediction
from elman.fitted._fitted import Fitted, Predictor
from elman.fitted.classifier import FittedClassifier
from elman.fitted.language_model import FittedLanguageModel
from elman.fitted.load import fitted_class, from_saved, load, settings_of
from elman.fitted.series_classifier import FittedSeriesClassifier

__all__ = [
    "Fitted",
    "FittedClassifier",
    "FittedLanguageModel",
    "FittedSeriesClassifier",
    "Prediction",
    "Predictor",
    "fitted_class",
    "from_saved",
    "load",
    "settings_of",
]
