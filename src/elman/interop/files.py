"""Files of other libraries: weights and models, read without running code that they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from elman._errors import ConfigError, ConversionError, DataError
from elman.interop.keras import from_keras, need_keras
from elman.interop.onnx_import import from_onnx
from elman.interop.proof import Show
from elman.interop.pytorch import need_torch
from elman.interop.state_dict import chain_from_state_dict
from elman.layers.chain import Chain

TORCH, SAFE, KERAS = (".pt", ".pth", ".bin", ".ckpt"), (".safetensors",), (".keras", ".h5", ".hdf5")
ONNX = (".onnx",)

SAFE_FROM = {"torch": (2, 10), "keras": (3, 12)}
"""The first versions of which no file is known that makes them run code where they are told not to: CVE-2026-24747 of
PyTorch, and CVE-2025-9905 of Keras."""


def open_network(
    path: str | Path, *, order: Sequence[str] = (), nonlinearity: str = "tanh", show: Show | None = None
) -> Chain:
    """The layers in a file: .pt, .pth, .bin, .ckpt (weights of PyTorch), .safetensors (the same), .keras, .h5 or .onnx.

    Args:
        path: the file.
        order: for weights: the layers from the input to the output, and what is between them.
        nonlinearity: for weights: that of nn.RNN.
        show: takes the lines of the proof, such as `print`.

    Raises:
        DataError: no such file, another kind of file, or one that holds code.
        ConversionError: a layer that elman does not have, by its path; layers whose order is not known.
        ConfigError: a library that is not installed, or so old that it may run code of a file.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{path}: no such file")
    suffix = file.suffix.lower()
    if suffix in KERAS:
        return _named(path, lambda: from_keras(_keras_model(file), show=show))
    if suffix in TORCH or suffix in SAFE:
        state = _torch_weights(file) if suffix in TORCH else _safe_weights(file)
        options: Any = {"order": tuple(order), "nonlinearity": nonlinearity, "in_order": suffix in TORCH, "show": show}
        return _named(path, lambda: chain_from_state_dict(state, **options))
    if suffix in ONNX:
        return _named(path, lambda: from_onnx(file, show=show))
    expected = ", ".join((*TORCH, *SAFE, *KERAS, *ONNX))
    raise DataError(f"{path}: expected a file that ends in {expected}; got {suffix or 'no ending'}")


def _named(path: str | Path, read: Callable[[], Chain]) -> Chain:
    try:
        return read()
    except ConversionError as error:
        raise ConversionError(f"{path}: {error}") from None


def _torch_weights(file: Path) -> Any:
    torch = need_torch()
    _check_version("torch")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # of any unpickler, archive or tensor
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"{file}: cannot be read as weights alone ({reason}). A file of a whole module holds code, which is never "
            "run; save its weights with torch.save(model.state_dict(), path)"
        ) from None
    if not isinstance(state, dict):
        raise DataError(f"{file}: expected weights by name; got {type(state).__name__}; save model.state_dict()")
    return state


def _safe_weights(file: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(file)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file}: not a safetensors file that NumPy can read ({error})") from None


def _keras_model(file: Path) -> Any:
    keras = need_keras()
    _check_version("keras")
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras and its readers raise
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"{file}: Keras cannot read it as a whole model, or not without running code that it holds ({reason}); "
            "model.save(path) writes a whole one"
        ) from None


def _check_version(library: str) -> None:
    """Refuses a library that may run code of a file."""
    numbers, least = re.findall(r"\d+", version(library)), SAFE_FROM[library]
    if tuple(map(int, numbers[:2])) < least:
        raise ConfigError(
            f"{library} {version(library)} may run code that a file holds; expected {library} {least[0]}.{least[1]} or "
            "later. A .safetensors file needs neither"
        )
