"""The layers that models are built from."""

from elman.layers.attention import AdditiveAttention, AttentionOutput, DotAttention
from elman.layers.batch_norm import BatchNorm, BatchStatistics
from elman.layers.bidirectional import Bidirectional, BidirectionalCarry
from elman.layers.conv import FrameConvolution, TimeConvolution
from elman.layers.dense import Dense
from elman.layers.embedding import Embedding
from elman.layers.hierarchical import Hierarchical
from elman.layers.moving_attention import MovingAttention, MovingAttentionOutput
from elman.layers.norm import LayerNorm
from elman.layers.pooling import AttentionPooling, LastPooling, MaxPooling, MeanPooling, Pooling, make_pooling
from elman.layers.stack import Stack

__all__ = [
    "AdditiveAttention",
    "AttentionOutput",
    "AttentionPooling",
    "BatchNorm",
    "BatchStatistics",
    "Bidirectional",
    "BidirectionalCarry",
    "Dense",
    "DotAttention",
    "Embedding",
    "FrameConvolution",
    "Hierarchical",
    "LastPooling",
    "LayerNorm",
    "MaxPooling",
    "MeanPooling",
    "MovingAttention",
    "MovingAttentionOutput",
    "Pooling",
    "Stack",
    "TimeConvolution",
    "make_pooling",
]
