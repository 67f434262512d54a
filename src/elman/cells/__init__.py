"""Recurrent cells, one family per file."""

from elman.cells._cell import Cell
from elman.cells._linear import LinearCell
from elman.cells._wrapper import Outside, Wrapper
from elman.cells.echo_state import EchoState
from elman.cells.elman import Elman
from elman.cells.elman_output import OutputElman
from elman.cells.gru import GRU
from elman.cells.gru_before import ResetBeforeGRU
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM, LSTMCarry
from elman.cells.lstm_peephole import PeepholeLSTM
from elman.cells.lstm_projected import ProjectedLSTM
from elman.cells.mingru import MinGRU, MinLSTM
from elman.cells.mlstm import MLSTM, MLSTMCarry
from elman.cells.noise import RecurrentDropout, WeightDropout, Zoneout
from elman.cells.rglru import RGLRU
from elman.cells.slstm import SLSTM, SLSTMCarry
from elman.cells.unrolled import SummedElman, Unrolled, eight_characters, three_characters
from elman.cells.wrappers import LearnedStart, Normalised, Residual

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLSTM",
    "RGLRU",
    "SLSTM",
    "Cell",
    "EchoState",
    "Elman",
    "LSTMCarry",
    "LearnedStart",
    "LinearCell",
    "MLSTMCarry",
    "MinGRU",
    "MinLSTM",
    "Normalised",
    "OutputElman",
    "Outside",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentDropout",
    "ResetBeforeGRU",
    "Residual",
    "SLSTMCarry",
    "SummedElman",
    "Unrolled",
    "WeightDropout",
    "Wrapper",
    "Zoneout",
    "eight_characters",
    "three_characters",
]
