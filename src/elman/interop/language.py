"""An imported chain as a language model that generates text: embedding, recurrent layers, dense layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from elman._errors import ConversionError, DataError, excerpt
from elman.artefact import fill, named_arrays
from elman.cells import Cell
from elman.layers import Dense, Embedding
from elman.layers.chain import Activation, Chain, Dropout
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.language_modelling.task import LanguageModelling
from elman.tasks.settings import cell_name
from elman.words._vocabulary import form_of
from elman.words.vocabulary import PADDING, AnyVocabulary, Bytes, Characters

NEVER = -1e4
"""The logit of the padding, which is never right and never written."""

PADS = ("<pad>", "[PAD]", "")

_WORDS = "A model of words has rules of its own for cutting text; use its layers in Python (elman.interop)"


def language_model(chain: Chain, vocabulary: AnyVocabulary, *, tokens: int) -> FittedLanguageModel:
    """The language model whose layers are those of a chain.

    Args:
        chain: an embedding, cells of one class and one width, a dense layer; dropout, and a softmax at the end.
        vocabulary: that of `read_vocabulary`.
        tokens: the number of tokens that the chain knows; the vocabulary may have the padding before them.

    Raises:
        ConversionError: other layers, or more or fewer tokens; the message names the layer.
    """
    parts = {n: p for n, p in zip(chain.names, chain.parts, strict=True) if not isinstance(p, Dropout)}
    last = next(reversed(parts))
    if isinstance(parts[last], Activation) and parts[last].name in ("softmax", "log_softmax"):
        del parts[last]
    (first, embedding), *middle, (last, head) = parts.items() if len(parts) > 2 else [("", None), ("", None)]
    cells: list[Any] = [part for _, part in middle]
    if not (isinstance(embedding, Embedding) and isinstance(head, Dense) and all(isinstance(c, Cell) for c in cells)):
        kinds = ", ".join(f"{name} ({type(part).__name__})" for name, part in parts.items())
        raise ConversionError(f"a language model has an embedding, cells and a dense layer; got {kinds}")
    if len({(type(cell), cell.hidden_size) for cell in cells}) > 1:
        raise ConversionError(
            "a language model's cells are of one class and width; these are not; use the chain itself"
        )
    if any(getattr(cell, "activation", "tanh") != "tanh" for cell in cells):
        raise ConversionError("a language model's cells have tanh; use the chain itself for others")
    rows, width = len(embedding.table), head.kernel.shape[1]
    if {rows, width} != {tokens}:
        raise ConversionError(f"{first} has {rows} tokens and {last} {width}; the vocabulary has {tokens}")
    task = LanguageModelling(
        vocabulary=vocabulary.kind,
        lower=vocabulary.lower,
        normal_form=form_of(vocabulary.normal_form),
        cell=cell_name(type(cells[0])),
        embedding_size=embedding.table.shape[1],
        hidden_size=cells[0].hidden_size,
        num_layers=len(cells),
        dropout=0.0,
        input_dropout=0.0,
    )
    more = vocabulary.size - tokens  # 1 where the padding is added
    arrays = {f"layers.cells.{n}.{name}": a for n, cell in enumerate(cells) for name, a in named_arrays(cell).items()}
    arrays["embedding.table"] = np.pad(embedding.table, ((more, 0), (0, 0)))
    arrays["head.kernel"] = np.pad(head.kernel, ((0, 0), (more, 0)))
    arrays["head.bias"] = np.pad(head.bias, (more, 0), constant_values=NEVER)
    shapes = task.shapes(vocabulary)
    model = fill(shapes, arrays, what="the imported network")
    return FittedLanguageModel(task=task, codec=vocabulary, model=model)


def read_vocabulary(place: str | Path) -> tuple[AnyVocabulary, int]:
    """The vocabulary of a file, and the number of its tokens there; elman's has the padding before them. The file is a
    list of characters in JSON, in the order of their numbers, an object with the number of each, or the `codec.json`
    of an export; the name `bytes` stands for the 256 bytes.

    Raises:
        DataError: another file; a token that is no single character; a number that is missing or twice there.
    """
    if str(place) == "bytes":
        return Bytes(), 256
    try:
        values = msgspec.json.decode(Path(place).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{place}: expected a list of characters in JSON, or bytes ({error})") from None
    if isinstance(values, dict) and isinstance(values.get("codec"), dict):
        return _exported(place, values["codec"])
    if isinstance(values, dict):
        if sorted(values.values(), key=str) != sorted(range(len(values)), key=str):
            raise DataError(f"{place}: expected the numbers 0 to {len(values) - 1}, each once")
        values = sorted(values, key=values.__getitem__)
    if not isinstance(values, list) or not values:
        raise DataError(f"{place}: expected a list of characters, or an object with the number of each")
    tokens = [PADDING if n == 0 and token in PADS else token for n, token in enumerate(values)]
    for number, token in enumerate(tokens):
        if not isinstance(token, str) or len(token) != 1 or tokens.index(token) != number:
            raise DataError(
                f"{place}: token {number}: expected a character, each once; got {excerpt(str(token))}. {_WORDS}"
            )
    padded = tokens if tokens[0] == PADDING else [PADDING, *tokens]
    return Characters(tokens=tuple(padded)), len(tokens)


def _exported(place: str | Path, codec: dict[str, Any]) -> tuple[AnyVocabulary, int]:
    """The vocabulary of an export, which also says in which form it reads a text."""
    try:
        vocabulary = msgspec.convert(codec, Characters | Bytes)
    except msgspec.ValidationError as error:
        raise DataError(f"{place}: expected the codec of a model of characters or bytes ({error}). {_WORDS}") from None
    return vocabulary, vocabulary.size
