"""The task of reading an ECG: P waves, QRS complexes and T waves with their onsets and ends, and the kinds of beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray
from msgspec import UNSET

from elman._errors import DataError, quantity
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.frames import AnyFrame
from elman.formats.text import absolute_places
from elman.ops.losses import cross_entropy
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_part, check_read
from elman.tasks.data import Data, Part, Parts
from elman.tasks.ecg.baseline import frequent_kind, nothing_detected
from elman.tasks.ecg.batches import EcgBatch, EcgBatches
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.evaluation import measure_leads
from elman.tasks.ecg.fitted import EcgReader
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.loss import beat_loss
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.model import STRIDE, Segmenter
from elman.tasks.ecg.reading import read_annotated, records_of
from elman.tasks.ecg.settings import RATE, EcgSettings
from elman.tasks.ecg.split import split_by_patient
from elman.tasks.ecg.strip import Strip, at_rate, few_samples
from elman.tasks.ecg.unlearned import NO_WAVES, note_on_training
from elman.tasks.growth import Growth, label_news
from elman.tasks.items import Items
from elman.tasks.settings import OnUnreadable
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

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads WFDB records with annotations: paths, folders, or archives of them. All leads of a patient go to the
        same part. "ecg" stands for generated ECGs.

        Raises:
            DataError: a record that cannot be read or has no annotations, or no annotated wave or beat at all.
        """
        files = records_of(places)
        if not files:
            raise DataError("expected WFDB records with annotations: files ending in .hea, a folder or archive of them")
        if self.is_generated(*files):
            strips = [patient.strip for patient in generate_patients(PATIENTS, rate=float(RATE))]
            return self._data(strips, "generated ECGs", self.generated)
        strips, notes = _readable(files, self.on_error)
        return self._data(strips, ", ".join(map(str, files)), absolute_places(*files), notes=notes)

    def read_strips(
        self, train: Iterable[Strip], *, validation: Iterable[Strip] = (), test: Iterable[Strip] = ()
    ) -> Data:
        """The data of leads in memory; validation and test parts that are left out are split from `train`.

        Raises:
            DataError: no annotated wave or beat.
        """
        return self._data(tuple(train), "the leads", (), validation=tuple(validation), test=tuple(test))

    def read_part(self, codec: EcgCodec, *places: str | Path, on_error: OnUnreadable) -> Part:
        """Reads the leads of `places`, at the sampling rate of a codec, to measure a model on.

        Raises:
            DataError: as `read`.
        """
        strips, notes = _readable(places, on_error)
        at = tuple(at_rate(strip, codec.rate) for strip in strips)
        return Part(", ".join(map(str, places)), at, codec, notes=tuple(notes))

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

    def grow(self, codec: EcgCodec, data: Data) -> Growth:
        """The codec of a saved model with the kinds of beats of new data that it lacks. Any number of leads will do,
        since each is read by itself."""
        kinds = tuple(kind for kind in KINDS if kind in {*codec.kinds, *data.codec.kinds})
        waves = codec.waves if data.codec.waves is False else UNSET
        grown = msgspec.structs.replace(codec, kinds=kinds, waves=waves)
        return Growth(grown, label_news("beat kind", codec.kinds, data.codec.kinds))

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

    def evaluation_batches(self, part: Part) -> EcgBatches:
        """The batches of the first epoch, without disturbances."""
        return msgspec.structs.replace(self, augmentation=0.0).batches(part, seed=0)

    def batches(self, part: Part, *, seed: int) -> EcgBatches:
        """Batches of pieces of the leads, cut at new random places in every epoch."""
        return EcgBatches(
            part.examples,
            part.codec,
            batch_size=self.in_batch,
            length=round(self.seconds * part.codec.rate),
            at_most=MOST_PIECES,
            augmentation=self.augmentation,
            seed=seed,
        )

    def work(self, batch: EcgBatch) -> int:
        """The samples of all pieces, of which the recurrent layers read one in a few."""
        return super().work(batch) // STRIDE

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

    def items(self, part: Part) -> Items:
        """Samples of each lead, rounded to 0.01 mV, so that resampling on another machine gives the same."""
        return Items(map(few_samples, part.examples), "lead", len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The most frequent kind for every beat."""
        return frequent_kind(data)

    def verdicts(self, metrics: EcgMetrics) -> Sequence[str]:
        """The verdicts on waves or beats of which none is found, and on one kind for every beat."""
        return nothing_detected(metrics)

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
        notes: Sequence[str] = (),
    ) -> Data:
        split = self._split(strips, validation, test, source)
        parts = Parts(*([at_rate(strip, float(RATE)) for strip in part] for part in split))
        kinds = {beat.kind for strip in parts.train for beat in strip.beats}
        waves = any(strip.known.any() for strip in parts.train)
        learned = tuple(kind for kind in KINDS if kind in kinds)
        codec = EcgCodec(rate=float(RATE), kinds=learned, waves=UNSET if waves else False)
        notes = (*notes, *filter(None, ["" if waves else NO_WAVES, note_on_training(codec.kinds)]))
        return Data.of(parts, codec, source=source, places=places, unit="lead", notes=notes)

    def _split(self, strips: Sequence[Strip], validation: Sequence[Strip], test: Sequence[Strip], source: str) -> Parts:
        """Splits leads into parts by patient; leads without annotations are left out."""
        strips = [strip for strip in strips if strip.known.any() or strip.beats_known.any()]
        if not strips:
            raise DataError(f"{source}: no lead with annotated waves or beats; nothing to learn")
        shares = {"validation": 0.0 if validation else self.validation, "test": 0.0 if test else self.test}
        parts = split_by_patient(strips, **shares, seed=self.split_seed)
        return Parts(parts.train, validation or parts.validation, test or parts.test)


def _readable(places: Sequence[str | Path], on_error: OnUnreadable) -> tuple[tuple[Strip, ...], list[str]]:
    """The leads of the records that can be read, and a sentence on the others, if any may be left out."""
    records = read_annotated(*places)
    if records.errors and records.strips and on_error == "skip":
        return records.strips, [records.describe_left_out()]
    return records.complete("mend them, or leave them out with --on-error skip"), []
