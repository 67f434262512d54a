"""Batches of pairs of similar length, in few different shapes, so that little is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman._types import Unknown
from elman.tasks.buckets import Buckets, padded_length
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.reading import Pair

FEW = 0.05
"""The share of examples below which a length is not worth compiling for: its examples join the next longer length."""


class PairBatch(NamedTuple):
    """The arrays of a batch of pairs."""

    sources: Integer[np.ndarray, "batch source"]
    lengths: Integer[np.ndarray, " batch"]
    """The lengths of the sources."""
    targets: Integer[np.ndarray, "batch time"]
    """Each target, then its end, which is 0."""
    weights: Float[np.ndarray, "batch time"]
    """1 at the tokens of a target and at its end."""
    forced: Any
    """The mask of scheduled sampling, False where the decoder reads its own last token; None without it."""


class PairBatches:
    """Batches of `batch_size` pairs; a pair with several targets gives one example for each.

    >>> pairs = [Pair("ab", ("x", "yy")), Pair("b", ("x",))]
    >>> batches = PairBatches(pairs, PairCodec.of(pairs), batch_size=2)
    >>> len(batches), batches.at(0).sources.tolist(), batches.at(0).targets.tolist(), batches.at(0).weights.tolist()
    (2, [[1, 2, 0, 0], [1, 2, 0, 0]], [[1, 0, 0, 0], [2, 2, 0, 0]], [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        codec: PairCodec,
        *,
        batch_size: int,
        reverse_inputs: bool = False,
        reverse_answers: bool = False,
        sampled: float = 0.0,
        ramp: int = 1,
        seed: int = 0,
        shuffle: bool = False,
        unknown: Unknown = "error",
    ):
        """Encodes the pairs and groups them by length.

        Args:
            pairs, codec: the pairs, and the codec that encodes them.
            batch_size: rows of every batch; the last batch of a group of similar length may have empty rows.
            reverse_inputs, reverse_answers: reverses the tokens of sources, or of targets.
            sampled: probability that the decoder reads its own last token (scheduled sampling), which grows from 0 over
                the first `ramp` epochs.
            ramp: see `sampled`.
            seed, shuffle: shuffles the examples anew in every epoch, with this seed.
            unknown: "skip" leaves out characters that the codec does not know.
        """
        self._reversed, self._sampled, self._ramp, self._seed = (reverse_inputs, reverse_answers), sampled, ramp, seed
        self._sources = codec.rows("source", [pair.source for pair in pairs], unknown=unknown)
        targets = [target for pair in pairs for target in pair.targets]
        self._targets = codec.rows("target", targets, unknown=unknown)
        counts = [len(pair.targets) for pair in pairs]
        self._owners = np.repeat(np.arange(len(pairs)), counts)
        lengths = self._sources.lengths[self._owners], self._targets.lengths + 1
        groups = _merged(np.maximum(*lengths))
        self._buckets = Buckets(groups.tolist(), batch_size=batch_size, seed=seed, shuffle=shuffle)
        members = {group: groups == group for group in np.unique(groups).tolist()}
        self._shapes = {
            group: [padded_length(int(side[own].max())) for side in lengths] for group, own in members.items()
        }

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> PairBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        examples, rows, group = self._buckets.at(step)
        length, time = self._shapes[group]
        inputs, answers = self._reversed
        sources, lengths = self._sources.pad(self._owners[examples], rows=rows, length=length, reverse=inputs)
        targets, counts = self._targets.pad(examples, rows=rows, length=time, reverse=answers)
        real = np.arange(rows) < len(examples)
        weights = ((np.arange(time) <= counts[:, None]) & real[:, None]).astype(np.float32)
        return PairBatch(sources, lengths, targets, weights, self._forced(step, targets.shape))

    def indices(self, step: int) -> list[int]:
        """The index of the pair in each row of the batch of a step."""
        return self._owners[self._buckets.at(step).indices].tolist()

    def _forced(self, step: int, shape: tuple[int, ...]) -> Any:
        if not self._sampled:
            return None
        share = self._sampled * min(1.0, step / (self._ramp * len(self)))
        return np.random.default_rng((self._seed, 1, step)).random(shape) >= share


def _merged(lengths: Integer[np.ndarray, " example"]) -> Integer[np.ndarray, " example"]:
    """The padded length of each example; rare lengths are merged into the next longer one."""
    steps = np.array([padded_length(length) for length in range(lengths.max(initial=0) + 1)])[lengths]
    kinds, counts = np.unique(steps, return_counts=True)
    for place, (kind, waiting) in enumerate(zip(kinds, _waiting(counts, len(lengths)), strict=True)):
        if waiting and place + 1 < len(kinds):
            steps[steps == kind] = kinds[place + 1]
    return steps


def _waiting(counts: Integer[np.ndarray, " kind"], total: int) -> list[bool]:
    """True for each length that, with the shorter ones merged into it, still has few examples."""

    def add(before: int, count: int) -> int:
        return count + (before if before < FEW * total else 0)

    return [held < FEW * total for held in accumulate(counts.tolist(), add)]
