"""A trained model as a folder for another library: the network, and the codec that turns data into numbers and back.

| file | holds |
|---|---|
| `model.keras` | a Keras 3 model |
| `network.py`, `network.json`, `weights.pt` | a PyTorch module: its code, its layers or graphs, and its weights |
| `model.onnx` | an ONNX graph; `encoder.onnx` and `decoder.onnx` of a network of these |
| `NAME.h`, `NAME.c`, `main.c` | C99: the network with its weights, and a program that uses it |
| `codec.py`, `codec.js` | readers of `codec.json`, beside ONNX: texts and sentences as numbers, and back |
| `codec.json` | the task, and the model's codec as in a saved model |
"""

from __future__ import annotations

import inspect
import io
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from elman import _folder
from elman._errors import ConfigError, one_of
from elman.interop.c_example import example
from elman.interop.c_proof import to_c
from elman.interop.keras import to_keras
from elman.interop.onnx import to_onnx
from elman.interop.proof import Show
from elman.interop.pytorch import need_torch, to_torch
from elman.layers.graph import Graphed, named_leaves
from elman.tasks.fitted import Fitted
from elman.tasks.registry import option_name
from elman.words.vocabulary import Vocabulary

Library = Literal["keras", "pytorch", "onnx", "c"]

CODEC = "codec.json"
FILES = (
    "model.keras",
    "network.py",
    "network.json",
    "weights.pt",
    "model.onnx",
    "encoder.onnx",
    "decoder.onnx",
    "codec.py",
    "codec.js",
    "main.c",
    CODEC,
)

_READERS = Path(__file__).parent

CODEC_FORMAT = 2
"""The version of the format of an export's codec."""


def export(
    fitted: Fitted,
    folder: str | Path,
    *,
    to: Library,
    int8: bool = False,
    name: str = "model",
    force: bool = False,
    show: Show | None = None,
) -> list[str]:
    """Writes a trained model for another library, after both have computed the same; returns the names of the files.

    Args:
        fitted: the trained model.
        folder: the folder to write; there is none, or it is an export and `force` replaces it.
        to: the library.
        int8: for ONNX and C, store matrices as whole numbers of 8 bits.
        name: for C, the name of the files and the prefix of what they declare, so that a program can have several.
        force: replace an export that is there.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a part that the library does not have, or outputs that differ; nothing is written.
        ConfigError: the folder exists, the library is unknown or not installed, or the layers are not in a row.
    """
    makers = {"keras": _keras, "pytorch": _pytorch, "onnx": partial(_onnx, int8=int8)}
    makers["c"] = partial(_c, int8=int8, name=name)
    one_of("to", to, makers)
    place = Path(folder).absolute()
    if place.exists() and not (force and (place / CODEC).is_file()):
        mend = "overwrite it with --force (force=True)" if (place / CODEC).is_file() else "name another folder"
        raise ConfigError(f"{folder}: is there already; {mend}")
    if int8 and to not in ("onnx", "c"):
        raise ConfigError(f"int8: belongs to ONNX and C; {to} has no layers with such weights")
    if name != "model" and to != "c":
        raise ConfigError(f"name: belongs to C; the files for {to} have fixed names")
    files = {**makers[to](fitted, show), CODEC: codec_file(fitted)}
    place.parent.mkdir(parents=True, exist_ok=True)
    _folder.replace(place, files, own=(*FILES, f"{name}.h", f"{name}.c"))
    return list(files)


def codec_file(fitted: Fitted) -> bytes:
    """The contents of `codec.json`."""
    values = {
        "format": "elman codec",
        "format_version": CODEC_FORMAT,
        "elman": version("elman"),
        "task": option_name(fitted.task.to_builtins()["type"]),
        "codec": _with_reading(fitted.codec),
        "answers": fitted.answer_rules() | _start(fitted.model),
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=1) + b"\n"


def _start(network: Any) -> dict[str, Any]:
    """The state before the first input, for a batch of one, where it is not zero: no reader in a browser sees the
    metadata of a graph."""
    graphs = network.graphs() if isinstance(network, Graphed) else {}
    leaves = named_leaves(graphs["model"].start(1)) if "model" in graphs else []
    arrays = {f"state.{name}": np.asarray(leaf)[0] for name, leaf in leaves}
    used = any(array.any() for array in arrays.values())
    return {"start": {name: array.tolist() for name, array in arrays.items()}} if used else {}


def _with_reading(codec: Any) -> dict[str, Any]:
    """A codec in builtins, with what readers without this package need of each vocabulary in it."""
    values = msgspec.to_builtins(codec)
    for name in codec.__struct_fields__:
        if isinstance(getattr(codec, name), Vocabulary):
            values[name] |= getattr(codec, name).reading()
    return values | (codec.reading() if isinstance(codec, Vocabulary) else {})


def _keras(fitted: Any, show: Show | None) -> dict[str, bytes]:
    model = to_keras(fitted, show=show)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return {path.name: path.read_bytes()}


def _pytorch(fitted: Any, show: Show | None) -> dict[str, bytes]:
    module: Any = to_torch(fitted, show=show)
    weights = io.BytesIO()
    need_torch().save(module.state_dict(), weights)
    source = inspect.getsource(sys.modules[type(module).__module__]).encode()
    return {"network.py": source, "network.json": msgspec.json.encode(module.config), "weights.pt": weights.getvalue()}


def _onnx(fitted: Any, show: Show | None, *, int8: bool) -> dict[str, bytes]:
    functions = fitted.model.graphs() if isinstance(fitted.model, Graphed) else ["model"]
    models = {name: to_onnx(fitted, function=name, int8=int8, show=show) for name in functions}
    readers = {f"codec{ending}": _READERS.joinpath(f"codec_reader{ending}").read_bytes() for ending in (".py", ".js")}
    return {f"{name}.onnx": model.SerializeToString() for name, model in models.items()} | readers


def _c(fitted: Any, show: Show | None, *, int8: bool, name: str) -> dict[str, bytes]:
    source = to_c(fitted, name=name, int8=int8, show=show)
    files = {**source.files, "main.c": example(fitted, source)}
    return {file: text.encode("ascii") for file, text in files.items()}
