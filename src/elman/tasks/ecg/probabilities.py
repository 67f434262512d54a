"""Probabilities of waves and beats at every sample of ECGs of any length, computed in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from elman.tasks.ecg.codec import EcgCodec
from elman.tasks.ecg.model import Segmenter

WINDOW, MARGIN = 2560, 320
"""Samples of a window of a long signal, and samples at each end that overlap with its neighbours and are dropped."""

ROWS = (2, 8, 32)
"""Sizes of batches of windows: few sizes, so that few shapes are compiled."""


class LabelProbabilities(NamedTuple):
    """Probabilities of the labels of every sample of one lead."""

    waves: Float[np.ndarray, "time label"]
    beats: Float[np.ndarray, "time kind"]


def label_probabilities(
    model: Segmenter, codec: EcgCodec, signals: Sequence[Float[np.ndarray, " _"]]
) -> list[LabelProbabilities]:
    """The probabilities for each signal, which is in mV at the codec's sampling rate."""
    features = [codec.features(codec.start(1), signal[None])[1][0] for signal in signals]
    probabilities = [[np.zeros((len(one), count), np.float32) for count in _labels(model)] for one in features]
    if not model.causal:
        cuts = [(row, *cut) for row, one in enumerate(features) for cut in _cuts(len(one))]
        for pieces in _group(cuts):
            windows = [features[row][start:stop] for row, start, stop, _, _ in pieces]
            for at, head in enumerate(_window_probabilities(model, windows)):
                for (row, start, _, first, last), scores in zip(pieces, head, strict=False):
                    probabilities[row][at][first:last] = scores[first - start : last - start]
    else:
        for rows in _group(range(len(features))):
            for at, head in enumerate(_stream_probabilities(model, [features[row] for row in rows])):
                for row, scores in zip(rows, head, strict=False):
                    probabilities[row][at][:] = scores[: len(features[row])]
    return [LabelProbabilities(*one) for one in probabilities]


def pieces(
    model: Segmenter, codec: EcgCodec, signals: Float[np.ndarray, "lead time"]
) -> Iterator[Float[np.ndarray, "lead piece labels"]]:
    """The probabilities of leads that were recorded together, piece by piece in order, so that the whole is never in
    memory; the labels of waves come before those of beats."""
    _, features = codec.features(codec.start(len(signals)), signals)
    if not model.causal:
        cuts, at_once = _cuts(signals.shape[1]), max(1, ROWS[-1] // len(signals))
        for group in (cuts[start : start + at_once] for start in range(0, len(cuts), at_once)):
            windows = [lead[start:stop] for start, stop, *_ in group for lead in features]
            rows = iter(
                np.concatenate([np.concatenate(_window_probabilities(model, some), -1) for some in _group(windows)])
            )
            for start, _, first, last in group:
                yield np.stack([next(rows)[first - start : last - start] for _ in features])
        return
    carry, late, left = model.init_carry(len(signals)), model.delay, signals.shape[1]
    for start in range(0, signals.shape[1] + model.delay, WINDOW):
        xs = np.zeros((len(signals), WINDOW, model.features), np.float32)
        piece = features[:, start : start + WINDOW]
        xs[:, : piece.shape[1]] = piece
        carry, heads = read(model, carry, xs)
        probabilities = np.concatenate(heads, axis=-1)[:, late : late + left]
        late, left = 0, left - probabilities.shape[1]
        yield probabilities


@jax.jit
def read(model: Segmenter, carry: Any, xs: Any) -> tuple[Any, tuple[Any, ...]]:
    """Reads the next samples of a stream: the state after them, and the probabilities of each head."""
    carry, scores = model.read(carry, xs)
    return carry, tuple(jax.nn.softmax(one) for one in scores)


@jax.jit
def _whole(model: Segmenter, xs: Any, lengths: Any) -> tuple[Any, ...]:
    return tuple(jax.nn.softmax(one) for one in model(xs, lengths=lengths))


def _labels(model: Segmenter) -> list[int]:
    return [len(head.bias) for head in model.heads]


def _cuts(length: int) -> list[tuple[int, int, int, int]]:
    """The (start, stop) of each window, and the (first, last) of the samples in it whose probabilities are kept."""
    if length <= WINDOW:
        return [(0, length, 0, length)]
    hop = WINDOW - 2 * MARGIN
    starts = [*range(0, length - WINDOW, hop), length - WINDOW]
    kept = [0, *(start + MARGIN for start in starts[1:]), length]
    return [(start, start + WINDOW, *pair) for start, pair in zip(starts, pairwise(kept), strict=True)]


def _group(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), ROWS[-1]):
        yield items[start : start + ROWS[-1]]


def _rows(count: int) -> int:
    return next(size for size in ROWS if size >= count)


def _window_probabilities(model: Segmenter, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The probabilities of each head for windows, by a model that is not causal."""
    xs = np.zeros((_rows(len(windows)), WINDOW, model.features), np.float32)
    lengths = np.zeros(len(xs), np.int32)
    for row, window in enumerate(windows):
        xs[row, : len(window)], lengths[row] = window, len(window)
    return [np.asarray(head)[: len(windows)] for head in _whole(model, xs, lengths)]


def _stream_probabilities(model: Segmenter, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The probabilities of each head for whole signals, by a causal model: all signals in one batch, window after
    window, with the state passed on; zeros follow their ends."""
    rows, longest = _rows(len(signals)), max(map(len, signals)) + model.delay
    carry, probabilities = model.init_carry(rows), []
    for start in range(0, longest, WINDOW):
        xs = np.zeros((rows, WINDOW, model.features), np.float32)
        for row, signal in enumerate(signals):
            piece = signal[start : start + WINDOW]
            xs[row, : len(piece)] = piece
        carry, scores = read(model, carry, xs)
        probabilities.append([np.asarray(head) for head in scores])
    return [np.concatenate(heads, axis=1)[:, model.delay :] for heads in zip(*probabilities, strict=True)]
