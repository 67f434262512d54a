"""Networks of other libraries as elman's, and elman's as theirs, proven by running both."""

from elman.interop.c_proof import to_c
from elman.interop.chains import chain_of
from elman.interop.export import export
from elman.interop.files import open_network
from elman.interop.keras import from_keras, to_keras
from elman.interop.onnx import to_onnx
from elman.interop.onnx_import import from_onnx
from elman.interop.pytorch import from_torch, to_torch

__all__ = [
    "chain_of",
    "export",
    "from_keras",
    "from_onnx",
    "from_torch",
    "open_network",
    "to_c",
    "to_keras",
    "to_onnx",
    "to_torch",
]
