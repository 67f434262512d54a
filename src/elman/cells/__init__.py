"""Recurrent cells, one family per file."""

from elman.cells._cell import Cell
from elman.cells.elman import Elman
from elman.cells.gru import GRU
from elman.cells.lstm import LSTM, LSTMCarry

__all__ = ["GRU", "LSTM", "Cell", "Elman", "LSTMCarry"]
