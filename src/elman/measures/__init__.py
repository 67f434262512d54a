"""How good predictions are, measured against the truth, with NumPy only."""

from elman.measures.calibration import Bin, expected_calibration_error, fit_temperature, reliability, scaled
from elman.measures.classification import Confusion, accuracy, negative_log_likelihood
from elman.measures.sequences import CorpusScore, SequenceScores, bleu, chrf, edit_distance, edit_distances
from elman.measures.spans import SpanScores

__all__ = [
    "Bin",
    "Confusion",
    "CorpusScore",
    "SequenceScores",
    "SpanScores",
    "accuracy",
    "bleu",
    "chrf",
    "edit_distance",
    "edit_distances",
    "expected_calibration_error",
    "fit_temperature",
    "negative_log_likelihood",
    "reliability",
    "scaled",
]
