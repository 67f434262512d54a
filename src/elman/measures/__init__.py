"""Measures of predictions against the truth, with NumPy only."""

from elman.measures.beats import BeatScores
from elman.measures.by_record import ByRecord
from elman.measures.calibration import Bin, expected_calibration_error, fit_temperature, reliability, scaled
from elman.measures.classification import Confusion, accuracy, negative_log_likelihood
from elman.measures.ecg import Delineation, PointScores, WaveScores
from elman.measures.forecasting import (
    conformal_quantile,
    coverage,
    crps_of_gaussian,
    crps_of_quantiles,
    crps_of_samples,
    mean_absolute_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    quantile_loss,
    root_mean_squared_error,
    seasonal_scale,
    symmetric_percentage_error,
    weighted_quantile_loss,
)
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
    "conformal_quantile",
    "coverage",
    "crps_of_gaussian",
    "crps_of_quantiles",
    "crps_of_samples",
    "edit_distance",
    "edit_distances",
    "expected_calibration_error",
    "fit_temperature",
    "matched",
    "mean_absolute_error",
    "mean_absolute_scaled_error",
    "mean_squared_error",
    "negative_log_likelihood",
    "quantile_loss",
    "reliability",
    "root_mean_squared_error",
    "scaled",
    "seasonal_scale",
    "symmetric_percentage_error",
    "weighted_quantile_loss",
]
