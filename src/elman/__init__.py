"""elman: train, explain and ship recurrent networks.

Names are imported when they are first used, so that `import elman` and the command line's help stay fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman._errors import (
        ArtefactError,
        ConfigError,
        ConversionError,
        DataError,
        ElmanError,
        InputError,
        Interrupted,
        NonFiniteError,
        ServiceError,
        ShapeError,
        VocabularyError,
    )
    from elman._trust import trusting
    from elman.cells import (
        GRU,
        LRU,
        LSTM,
        MLSTM,
        RGLRU,
        SLSTM,
        Cell,
        EchoState,
        Elman,
        LearnedStart,
        LinearCell,
        MinGRU,
        MinLSTM,
        Normalised,
        OutputElman,
        PeepholeLSTM,
        ProjectedLSTM,
        RecurrentDropout,
        ResetBeforeGRU,
        Residual,
        SummedElman,
        WeightDropout,
        Zoneout,
    )
    from elman.formats.vectors.files import open_vectors
    from elman.inspection.verify import verify
    from elman.inspection.words import word_vectors
    from elman.layers.pack import pack
    from elman.layers.stepper import Stepper
    from elman.recurrence import tap, unroll
    from elman.tasks.classification.task import Classification
    from elman.tasks.decoding import Sampling
    from elman.tasks.ecg.task import Ecg
    from elman.tasks.fitted import Fitted
    from elman.tasks.forecasting.task import Forecasting
    from elman.tasks.language_modelling.task import LanguageModelling
    from elman.tasks.load import load
    from elman.tasks.seq2seq.task import Seq2Seq
    from elman.tasks.series_classification.task import SeriesClassification
    from elman.tasks.tagging.task import Tagging
    from elman.training.fit import fit
    from elman.training.settings import Training

_HOMES = {
    "elman._errors": (
        "ArtefactError",
        "ConfigError",
        "ConversionError",
        "DataError",
        "ElmanError",
        "InputError",
        "Interrupted",
        "NonFiniteError",
        "ServiceError",
        "ShapeError",
        "VocabularyError",
    ),
    "elman._trust": ("trusting",),
    "elman.cells": (
        "Cell",
        "EchoState",
        "Elman",
        "GRU",
        "LRU",
        "LSTM",
        "LearnedStart",
        "LinearCell",
        "MLSTM",
        "MinGRU",
        "MinLSTM",
        "Normalised",
        "OutputElman",
        "PeepholeLSTM",
        "ProjectedLSTM",
        "RGLRU",
        "RecurrentDropout",
        "ResetBeforeGRU",
        "Residual",
        "SLSTM",
        "SummedElman",
        "WeightDropout",
        "Zoneout",
    ),
    "elman.formats.vectors.files": ("open_vectors",),
    "elman.tasks.decoding": ("Sampling",),
    "elman.tasks.fitted": ("Fitted",),
    "elman.tasks.load": ("load",),
    "elman.training.fit": ("fit",),
    "elman.inspection.verify": ("verify",),
    "elman.inspection.words": ("word_vectors",),
    "elman.layers.pack": ("pack",),
    "elman.layers.stepper": ("Stepper",),
    "elman.recurrence": ("tap", "unroll"),
    "elman.tasks.classification.task": ("Classification",),
    "elman.tasks.ecg.task": ("Ecg",),
    "elman.tasks.forecasting.task": ("Forecasting",),
    "elman.tasks.language_modelling.task": ("LanguageModelling",),
    "elman.tasks.seq2seq.task": ("Seq2Seq",),
    "elman.tasks.series_classification.task": ("SeriesClassification",),
    "elman.tasks.tagging.task": ("Tagging",),
    "elman.training.settings": ("Training",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLSTM",
    "RGLRU",
    "SLSTM",
    "ArtefactError",
    "Cell",
    "Classification",
    "ConfigError",
    "ConversionError",
    "DataError",
    "Ecg",
    "EchoState",
    "Elman",
    "ElmanError",
    "Fitted",
    "Forecasting",
    "InputError",
    "Interrupted",
    "LanguageModelling",
    "LearnedStart",
    "LinearCell",
    "MinGRU",
    "MinLSTM",
    "NonFiniteError",
    "Normalised",
    "OutputElman",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentDropout",
    "ResetBeforeGRU",
    "Residual",
    "Sampling",
    "Seq2Seq",
    "SeriesClassification",
    "ServiceError",
    "ShapeError",
    "Stepper",
    "SummedElman",
    "Tagging",
    "Training",
    "VocabularyError",
    "WeightDropout",
    "Zoneout",
    "fit",
    "load",
    "open_vectors",
    "pack",
    "tap",
    "trusting",
    "unroll",
    "verify",
    "word_vectors",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("elman")
    if name not in _HOME:
        raise AttributeError(f"module 'elman' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
