"""Inspection of trained models: gates, memory, gradients, word vectors; verification."""

from elman.inspection.answers import Answers, Calibration, answers, calibration
from elman.inspection.attention import Attention, attention
from elman.inspection.corpus import unit_states
from elman.inspection.gradients import CellGradients, Gradients, Saliency, gradients, saliency
from elman.inspection.layers import Layer, layers
from elman.inspection.matching import Match, Matches, UnitStates
from elman.inspection.memory import Memory, memory
from elman.inspection.record import CellRecord, Record, Saturation, record
from elman.inspection.units import Unit, units

__all__ = [
    "Answers",
    "Attention",
    "Calibration",
    "CellGradients",
    "CellRecord",
    "Gradients",
    "Layer",
    "Match",
    "Matches",
    "Memory",
    "Record",
    "Saliency",
    "Saturation",
    "Unit",
    "UnitStates",
    "answers",
    "attention",
    "calibration",
    "gradients",
    "layers",
    "memory",
    "record",
    "saliency",
    "unit_states",
    "units",
]
