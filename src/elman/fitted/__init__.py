"""Trained models of every task."""

from elman.fitted._fitted import Fitted, Predictor
from elman.fitted.classifier import FittedClassifier, Prediction
from elman.fitted.language_model import FittedLanguageModel
from elman.fitted.load import fitted_class, from_saved, load, settings_of

__all__ = [
    "Fitted",
    "FittedClassifier",
    "FittedLanguageModel",
    "Prediction",
    "Predictor",
    "fitted_class",
    "from_saved",
    "load",
    "settings_of",
]
