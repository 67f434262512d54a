"""Elman, GRU and LSTM layers as C++ kernels, called by XLA on CPUs.

A kernel owns the whole layer: the input's product, all steps, and in the backward pass the gradients of weights and
inputs too; see `kernels/layer.cc`. Padded steps are skipped, not masked.
"""

from elman.recurrence.native.engine import instruction_set, layout, pack_cell, packed_refusal, refusal, run

__all__ = ["instruction_set", "layout", "pack_cell", "packed_refusal", "refusal", "run"]
