"""Recurrent cells, one family per file."""

from elman.cells._cell import Cell
from elman.cells._linear import LinearCell
from elman.cells.elman import Elman
from elman.cells.gru import GRU
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM, LSTMCarry
from elman.cells.mingru import MinGRU, MinLSTM
from elman.cells.rglru import RGLRU

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "RGLRU",
    "Cell",
    "Elman",
    "LSTMCarry",
    "LinearCell",
    "MinGRU",
    "MinLSTM",
]
