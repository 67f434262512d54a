"""An encoder-decoder's answers to texts.

An answer must not depend on the other texts of its batch, nor on their number: batches always have `ROWS` rows, and a
source is always padded to the same length, so that the arithmetic for it is the same to the last bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Integer

from elman._errors import ConfigError, nearest
from elman._show import brief, brief_table
from elman.tasks.buckets import padded_length
from elman.tasks.decoding import Decoding
from elman.tasks.seq2seq.beam import Outputs, beam_search, sample_outputs
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.constraints import Constraint, allow_tokens, check_length, match_pattern
from elman.tasks.seq2seq.model import EncoderDecoder
from elman.words.vocabulary import Vocabulary

ROWS = 64
"""Rows of a batch."""
ENGINE = "scan"
"""The encoder's engine. The native kernels leave out rows that have ended, and sum in another order where few are
left."""


class Candidate(NamedTuple):
    """An answer with its score."""

    text: str
    score: float
    """The score that ranks answers: the log-probability, divided by a length penalty if there is one."""
    log_probability: float
    """The log-probability by the model without constraint, in nats."""

    __repr__, _repr_html_ = brief, brief_table


def answers(
    model: EncoderDecoder,
    codec: PairCodec,
    texts: Sequence[str],
    *,
    decoding: Decoding,
    longest: int,
    reverse_inputs: bool = False,
    reverse_answers: bool = False,
) -> list[list[Candidate]]:
    """The `decoding.n_best` best answers to each text, the best first, or fewer where a constraint allows no more.

    Args:
        model, codec: the encoder-decoder and its codec.
        texts: the inputs.
        decoding: the settings of search or sampling.
        longest: most tokens of an answer, unless `decoding` sets its own.
        reverse_inputs, reverse_answers: the model reads, or writes, from the last token to the first.

    Raises:
        VocabularyError: a character that the model does not know.
        ConfigError: a constraint that no answer can meet.
    """
    longest = decoding.max_length or longest
    constraint = _on_device(_constraint(codec, decoding, longest, reverse_answers))
    rows = codec.rows("source", texts, unknown=decoding.unknown)
    candidates_of: list[list[Candidate]] = [[] for _ in texts]
    for places, length in _groups(rows.lengths):
        sources, lengths = rows.pad(places, rows=ROWS, length=length, reverse=reverse_inputs)
        outputs = _write(model, sources, lengths, constraint, decoding, longest)
        several = _candidates(codec, outputs, len(places), decoding.n_best, reverse_answers)
        for place, candidates in zip(places, several, strict=True):
            candidates_of[place] = candidates
    return candidates_of


def _constraint(codec: PairCodec, decoding: Decoding, longest: int, backwards: bool) -> Constraint:
    vocabulary = codec.target
    allowed, texts = vocabulary.output_mask(), [vocabulary.text(token) for token in range(vocabulary.size)]
    if decoding.tokens is not None:
        allowed &= _mask_of(decoding.tokens, vocabulary, texts)
    if decoding.pattern is None:
        joints = vocabulary.joints()
        return allow_tokens(allowed, joints.reversed if joints and backwards else joints)
    constraint = match_pattern(
        vocabulary.normal(decoding.pattern), texts, separator=vocabulary.separator, allowed=allowed, backwards=backwards
    )
    check_length(constraint, longest, f"pattern {decoding.pattern!r}")
    return constraint


def _mask_of(tokens: str, vocabulary: Vocabulary, texts: Sequence[str | None]) -> Bool[np.ndarray, " vocab"]:
    if vocabulary.kind != "characters" and not vocabulary.separator:
        raise ConfigError(
            f"tokens: this model writes {vocabulary.kind} with the spaces before them; use pattern instead"
        )
    known = {text: token for token, text in enumerate(texts) if text is not None}
    allowed = np.zeros(len(texts), bool)
    tokens = vocabulary.normal(tokens)
    for token in tokens.split() if vocabulary.separator else tokens:
        if token not in known:
            raise ConfigError(f"tokens: the model cannot write {token!r}{nearest(token, known)}")
        allowed[known[token]] = True
    return allowed


def _on_device(constraint: Constraint) -> Constraint:
    """Pads the constraint's table to a power of two of states, 16 at least, so that few programs are compiled."""
    states = max(16, 1 << (len(constraint.left) - 1).bit_length())
    missing = states - len(constraint.left)
    after = np.pad(constraint.after, ((0, missing), (0, 0)), constant_values=-1)
    return jax.device_put(Constraint(after, np.pad(constraint.left, (0, missing))))


def _groups(lengths: Integer[np.ndarray, " row"]) -> Iterator[tuple[list[int], int]]:
    steps = np.array([padded_length(length) for length in lengths.tolist()], int)
    for length in np.unique(steps).tolist():
        places = np.flatnonzero(steps == length).tolist()
        yield from ((places[at : at + ROWS], length) for at in range(0, len(places), ROWS))


def _write(
    model: EncoderDecoder, sources: Any, lengths: Any, constraint: Constraint, decoding: Decoding, longest: int
) -> Outputs:
    if not decoding.temperature:
        return _search(
            model, sources, lengths, constraint, decoding.length_penalty, beam=decoding.beam, longest=longest
        )
    # Each text's samples depend on its own tokens only, wherever it stands.
    marks = [zlib.crc32(row[:length].tobytes()) for row, length in zip(np.asarray(sources), lengths, strict=True)]
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(decoding.seed), jnp.array(marks, jnp.uint32))
    heat, count = decoding.temperature, decoding.n_best
    return _sample(model, sources, lengths, constraint, keys, heat, count=count, longest=longest)


@partial(jax.jit, static_argnames=("beam", "longest"))
def _search(model: EncoderDecoder, sources: Any, lengths: Any, constraint: Constraint, penalty: Any, **sizes: int):
    encoded = model.encode(sources, lengths, engine=ENGINE)
    return beam_search(model, encoded, constraint, length_penalty=penalty, **sizes)


@partial(jax.jit, static_argnames=("count", "longest"))
def _sample(
    model: EncoderDecoder, sources: Any, lengths: Any, constraint: Constraint, keys: Any, temperature: Any, **sizes: int
):
    encoded = model.encode(sources, lengths, engine=ENGINE)
    return sample_outputs(model, encoded, constraint, keys, temperature=temperature, **sizes)


def _candidates(
    codec: PairCodec, outputs: Outputs, rows: int, count: int, backwards: bool
) -> Iterator[list[Candidate]]:
    tokens, lengths, log_probabilities, scores = map(np.asarray, outputs)

    def text(row: int, rank: int) -> str:
        ids = tokens[row, rank, : lengths[row, rank]].tolist()
        return codec.target.decode(ids[::-1] if backwards else ids)

    for row in range(rows):
        yield [
            Candidate(text(row, rank), float(scores[row, rank]), float(log_probabilities[row, rank]))
            for rank in range(count)
            if np.isfinite(scores[row, rank])
        ]
