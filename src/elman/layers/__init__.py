"""Parts that models are made of."""

from elman.layers.dense import Dense
from elman.layers.embedding import Embedding
from elman.layers.norm import LayerNorm
from elman.layers.stack import Stack

__all__ = ["Dense", "Embedding", "LayerNorm", "Stack"]
