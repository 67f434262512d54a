"""The lines of a text that a language model finds hardest, as a table."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman.formats.results import ResultTable
from elman.tasks.language_modelling.corpus import TextPart
from elman.tasks.language_modelling.model import LanguageModel
from elman.words.streams import Batch, Streams

LONGEST = 400
"""The most tokens of a line; a longer one is cut."""


def token_nats(model: LanguageModel, streams: Streams, *, reverse: bool = False) -> Float[np.ndarray, " token"]:
    """-log p of each token of a text given those before it, of which `streams` are all; 0 for the first, which is not
    predicted. `reverse` is True where the streams hold the text from its end."""
    nats, carry = np.zeros(len(streams.tokens)), model.init_carry(len(streams.starts))
    for step in range(len(streams)):
        batch = streams.at(step)
        carry, losses = _losses(model, carry, batch)
        for row, (start, length) in enumerate(zip(streams.starts, batch.lengths.tolist(), strict=True)):
            first = 1 + start + step * streams.unroll_length
            nats[first : first + length] = np.asarray(losses[row, :length])
    return nats[::-1] if reverse else nats


def hardest_lines(part: TextPart, nats: Float[np.ndarray, " token"]) -> ResultTable:
    """The lines of a text, those of the most nats first, with their numbers, from 1. Empty lines are left out."""
    ids = np.asarray(part.tokens[0 : len(part)])
    ends = [id for id in np.unique(ids).tolist() if "\n" in part.codec.decode([id])]
    borders = [0, *(np.flatnonzero(np.isin(ids, ends)) + 1).tolist(), len(ids)]
    rows = list[tuple[int, str, int, float]]()
    for number, (begin, end) in enumerate(pairwise(borders), start=1):
        for first in range(begin, end, LONGEST):
            own = slice(first, min(first + LONGEST, end))
            text = part.codec.decode(ids[own].tolist()).removesuffix("\n")
            if text.strip():
                rows.append((number, text, own.stop - own.start, float(nats[own].sum())))
    rows.sort(key=lambda row: -row[3])
    lines, texts, tokens, sums = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    counts, totals = np.array(tokens, np.int64), np.array(sums)
    columns = {"line": np.array(lines, np.int64), "text": texts, f"{part.codec.unit}s": counts, "nats": totals}
    return ResultTable.of({**columns, f"nats-per-{part.codec.unit}": totals / np.maximum(counts, 1)})


@partial(jax.jit, donate_argnums=1)
def _losses(model: LanguageModel, carry: Any, batch: Batch) -> tuple[Any, jax.Array]:
    carry, logits = model(jnp.asarray(batch.inputs), carry)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.asarray(batch.targets)[..., None], axis=-1)
    return carry, -chosen[..., 0]
