"""How good predictions are, measured against the truth, with NumPy only."""

from elman.measures.beats import BeatScores
from elman.measures.by_record import ByRecord
from elman.measures.calibration import Bin, expected_calibration_error, fit_temperature, reliability, scaled
from elman.measures.classification import Confusion, accuracy, negative_log_likelihood
from elman.measures.ecg import Delineation, PointScores, WaveScores
from elman.measures.matching import matched
from elman.measures.sequences import CorpusScore, SequenceScores, bleu, chrf, edit_distance, edit_distances
from elman.measures.spans import SpanScores

__all__ = [
    "BeatScores",
    "Bin",
    "ByRecord",
    "Confusion",
    "CorpusScore",
    "Delineation",
    "PointScores",
    "SequenceScores",
    "SpanScores",
    "WaveScores",
    "accuracy",
    "bleu",
    "chrf",
    "edit_distance",
    "edit_distances",
    "expected_calibration_error",
    "fit_temperature",
    "matched",
    "negative_log_likelihood",
    "reliability",
    "scaled",
]
