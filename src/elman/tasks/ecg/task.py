"""The task of reading an ECG: P waves, QRS complexes and T waves with their onsets and ends, and the kinds of beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from elman._errors import DataError, quantity
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.text import absolute_places
from elman.ops.losses import cross_entropy
from elman.tasks.checks import check_part, check_read
from elman.tasks.data import Data, Part, Parts
from elman.tasks.ecg.batches import EcgBatch, EcgBatches
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.evaluation import measure_leads
from elman.tasks.ecg.fitted import EcgReader
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.loss import beat_loss
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.model import Segmenter
from elman.tasks.ecg.reading import read_strips
from elman.tasks.ecg.settings import RATE, EcgSettings
from elman.tasks.ecg.split import split_by_patient
from elman.tasks.ecg.strip import Strip, at_rate
from elman.tasks.task import Task

PATIENTS = 200
"""Generated patients, of 10 seconds each."""

MOST_PIECES = 100
"""Most pieces of one lead in an epoch, so that a long recording does not outweigh the others."""


class Ecg(EcgSettings, Task[EcgReader], frozen=True, kw_only=True):
    """Find waves and beats in each lead of an ECG.

    >>> Ecg(causal=True).delay, Ecg().delay
    (16, 0)
    """

    fitted_class: ClassVar[Any] = EcgReader
    codec_class: ClassVar[Any] = EcgCodec
    metrics_class: ClassVar[Any] = EcgMetrics

    def read(self, *places: str | Path) -> Data:
        """Reads WFDB records with annotations: paths, folders, or archives of them. All leads of a patient go to the
        same part. "ecg" stands for generated ECGs.

        Raises:
            DataError: a record that cannot be read or has no annotations, or no annotated wave or beat at all.
        """
        if not places:
            raise DataError("expected WFDB records with annotations: files ending in .hea, a folder, or a .tar of them")
        if self.is_generated(*places):
            strips = [patient.strip for patient in generate_patients(PATIENTS, rate=float(RATE))]
            return self._data(strips, "generated ECGs", self.generated)
        return self._data(read_strips(*places), ", ".join(map(str, places)), absolute_places(*places))

    def read_strips(
        self, train: Iterable[Strip], *, validation: Iterable[Strip] = (), test: Iterable[Strip] = ()
    ) -> Data:
        """The data of leads in memory; validation and test parts that are left out are split from `train`.

        Raises:
            DataError: no annotated wave or beat.
        """
        return self._data(tuple(train), "the leads", (), validation=tuple(validation), test=tuple(test))

    def read_part(self, codec: EcgCodec, *places: str | Path) -> Part:
        """Reads the leads of `places`, at the sampling rate of a codec, to measure a model on.

        Raises:
            DataError: as `read`.
        """
        strips = tuple(at_rate(strip, codec.rate) for strip in read_strips(*places))
        return Part(", ".join(map(str, places)), strips, codec)

    def configure(self, data: Data) -> Ecg:
        """Checks the data and returns this task unchanged.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        check_read(data, EcgCodec)
        if not len(data.validation):
            raise DataError(
                f"{data.source}: {quantity(len(data.train), data.unit)} to train on and none to validate with; the "
                "best weights are chosen by it, and no patient is in two parts: name records of more patients, or a "
                "larger validation"
            )
        return self

    def network(self, codec: EcgCodec, *, key: PRNGKeyArray) -> Segmenter:
        """The segmenter of waves and beats for `codec`, with random weights."""
        return Segmenter(
            partial(build_cell, find_cell(str(self.cell))),
            features=codec.FEATURES,
            labels=(len(WAVES), 1 + len(KINDS)),
            channels=self.channels,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            delay=self.delay,
            dropout=self.dropout,
            key=key,
        )

    def batches(self, part: Part, *, seed: int) -> EcgBatches:
        """Batches of pieces of the leads, cut at new random places in every epoch."""
        return EcgBatches(
            part.examples,
            part.codec,
            batch_size=self.batch_size,
            length=round(self.seconds * part.codec.rate),
            at_most=MOST_PIECES,
            augmentation=self.augmentation,
            seed=seed,
        )

    def loss(
        self, model: Segmenter, carry: Carry, batch: EcgBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, samples), carry): -log p of the wave and of the beat, summed over the samples where they are known.
        Where a beat's kind is unknown, its p is the sum over all kinds."""
        features, lengths, waves, wave_weights, beats, beat_weights = map(jnp.asarray, batch)
        wave_scores, beat_scores = model(features, lengths=lengths, key=key)
        wave_nats, _ = cross_entropy(wave_scores, waves, wave_weights)
        beat_nats = beat_loss(beat_scores, beats, beat_weights)
        return (wave_nats + beat_nats, jnp.sum(jnp.maximum(wave_weights, beat_weights))), carry

    def activations(self, model: Segmenter, carry: Carry, batch: EcgBatch) -> list[tuple[str, Any]]:
        """The outputs of the front end, each layer, the decoder and the heads."""
        return model.activations(jnp.asarray(batch.features), lengths=jnp.asarray(batch.lengths))

    def evaluate(self, model: Segmenter, part: Part, codec: EcgCodec) -> EcgMetrics:
        """Measures the waves and beats found in each lead by itself against the annotations.

        Raises:
            DataError: an empty part.
        """
        check_part(part)
        return measure_leads(model, part.examples, codec)

    def loss_unit(self, codec: EcgCodec) -> str:
        """The unit that the loss is averaged over: "sample"."""
        return "sample"

    def _data(
        self,
        strips: Sequence[Strip],
        source: str,
        places: tuple[str, ...],
        validation: Sequence[Strip] = (),
        test: Sequence[Strip] = (),
    ) -> Data:
        split = self._split(strips, validation, test, source)
        parts = Parts(*([at_rate(strip, float(RATE)) for strip in part] for part in split))
        kinds = {beat.kind for strip in parts.train for beat in strip.beats}
        codec = EcgCodec(rate=float(RATE), kinds=tuple(kind for kind in KINDS if kind in kinds))
        return Data.of(parts, codec, source=source, places=places, unit="lead")

    def _split(self, strips: Sequence[Strip], validation: Sequence[Strip], test: Sequence[Strip], source: str) -> Parts:
        """Splits leads into parts by patient; leads without annotations are left out."""
        strips = [strip for strip in strips if strip.known.any() or strip.beats_known.any()]
        if not strips:
            raise DataError(f"{source}: no lead with annotated waves or beats; nothing to learn")
        shares = {"validation": 0.0 if validation else self.validation, "test": 0.0 if test else self.test}
        parts = split_by_patient(strips, **shares, seed=self.split_seed)
        return Parts(parts.train, validation or parts.validation, test or parts.test)
