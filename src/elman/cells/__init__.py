"""Recurrent cells, one family per file."""

from elman.cells._cell import Cell
from elman.cells.elman import Elman
from elman.cells.elman_output import OutputElman
from elman.cells.gru import GRU
from elman.cells.gru_before import ResetBeforeGRU
from elman.cells.lstm import LSTM, LSTMCarry
from elman.cells.lstm_peephole import PeepholeLSTM
from elman.cells.lstm_projected import ProjectedLSTM
from elman.cells.unrolled import SummedElman, Unrolled, eight_characters, three_characters

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "Elman",
    "LSTMCarry",
    "OutputElman",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "ResetBeforeGRU",
    "SummedElman",
    "Unrolled",
    "eight_characters",
    "three_characters",
]
