"""`elman import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from elman._config import Several
from elman._errors import ConfigError
from elman._terminal import say
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "import", arguments, loads=False)


def main(
    file: tyro.conf.Positional[Path],
    /,
    vocabulary: str = "",
    out: Path | None = None,
    order: Annotated[tuple[str, ...], Several()] = (),
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    force: bool = False,
) -> int:
    """Read a network of Keras or ONNX, or weights of PyTorch, and show that elman computes the same. With a vocabulary,
    a network of an embedding, recurrent layers and a dense layer becomes a saved language model.

    Args:
        file: .keras, .h5, .onnx, .pt, .pth, .safetensors; code that a file holds is never run.
        vocabulary: A file with the characters in JSON, in the order of their numbers, or bytes.
        out: The saved model, by default the file's name with .elman.
        order: For weights: the names of the layers from the input to the output, and of activations between.
        nonlinearity: For weights of a simple RNN, which do not tell it.
        force: Overwrite a model that is there.
    """
    if out is not None and not vocabulary:
        raise ConfigError("--out: a saved model needs the vocabulary that its numbers stand for; add --vocabulary FILE")

    from elman.interop.files import open_network

    if not vocabulary:
        chain = open_network(file, order=order, nonlinearity=nonlinearity, show=say)
        say(f"layers: {', '.join(chain.names)}")
        say(f"elman.interop.open_network({str(file)!r}) gives them in Python; --vocabulary FILE makes a language model")
        return 0

    from elman import artefact
    from elman.interop.language import language_model, read_vocabulary

    place = (file if file.name else file.absolute()).with_suffix(".elman") if out is None else out
    artefact.refuse_existing(place, force=force)
    known, tokens = read_vocabulary(vocabulary)
    chain = open_network(file, order=order, nonlinearity=nonlinearity, show=say)
    language_model(chain, known, tokens=tokens).save(place, force=force)
    say(f"{place}: a language model of {tokens} {known.kind}; try elman generate {place}")
    return 0
