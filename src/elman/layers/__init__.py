"""Parts that models are made of."""

from elman.layers.attention import AdditiveAttention, Attended, DotAttention
from elman.layers.bidirectional import Bidirectional, BidirectionalCarry
from elman.layers.dense import Dense
from elman.layers.embedding import Embedding
from elman.layers.hierarchical import Hierarchical
from elman.layers.norm import LayerNorm
from elman.layers.stack import Stack

__all__ = [
    "AdditiveAttention",
    "Attended",
    "Bidirectional",
    "BidirectionalCarry",
    "Dense",
    "DotAttention",
    "Embedding",
    "Hierarchical",
    "LayerNorm",
    "Stack",
]
