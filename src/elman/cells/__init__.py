"""Recurrent cells, one family per file."""

from elman.cells._cell import Cell
from elman.cells._linear import LinearCell
from elman.cells.echo_state import EchoState
from elman.cells.elman import Elman
from elman.cells.gru import GRU
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM, LSTMCarry
from elman.cells.mingru import MinGRU, MinLSTM
from elman.cells.mlstm import MLSTM, MLSTMCarry
from elman.cells.rglru import RGLRU
from elman.cells.slstm import SLSTM, SLSTMCarry

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
    "LinearCell",
    "MLSTMCarry",
    "MinGRU",
    "MinLSTM",
    "SLSTMCarry",
]
