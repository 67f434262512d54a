"""The task of reading an ECG: P waves, QRS complexes and T waves with their onsets and ends, and the kinds of beats.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from elman._config import Config
from elman._errors import DataError, counted
from elman.tasks._fields import CellName, Count, Rate, Size, cell_name, check_parts
from elman.tasks._task import Task
from elman.tasks.ecg_metrics import EcgMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.ecg import Strip
    from elman.data.ecg_batches import EcgBatch, EcgBatches
    from elman.data.ecg_codec import EcgCodec
    from elman.data.examples import Data, Part
    from elman.fitted.ecg_reader import EcgReader
    from elman.models.segmenter import Segmenter

GENERATED = "ecg"
"""The place that stands for generated ECGs."""

PATIENTS = 200
"""Generated patients, of 10 seconds each."""

RATE = 250
"""Sampling rate of the network's inputs, in samples a second."""

LOOK_AHEAD_MS = 100
"""Default look-ahead of a causal network, in milliseconds."""

RESAMPLING_MS = 24
"""Part of the look-ahead that resampling takes, in milliseconds."""

MOST_PIECES = 100
"""Most pieces of one lead in an epoch, so that a long recording does not outweigh the others."""


class EcgPrediction(Config, frozen=True, kw_only=True):
    """Options of `elman predict` for ECGs. It is no medical device."""

    leads: tuple[str, ...] = ()
    """The leads to read (all)."""
    each_lead: bool = False
    """Write a table for each lead instead of one for all leads together."""
    table: Literal["text", "csv", "none"] = "text"
    """Format of the table of beats."""
    annotations: str = ""
    """A folder for WFDB annotation files (.elm), one for each record."""
    plot: str = ""
    """A picture of each record, .png or .svg; with several records, the record's name is added to the file's."""
    start: Annotated[float, Meta(ge=0)] = 0.0
    """First second to draw."""
    seconds: Annotated[float, Meta(gt=0)] = 30.0
    """Most seconds to draw."""
    stream: bool = False
    """Read lines of numbers, one in mV for each lead, as they come, and write each beat as soon as it is certain."""
    rate: Annotated[float, Meta(ge=0)] = 0.0
    """Sampling rate of a stream, or of a table without a time column, in samples a second."""


class Ecg(Task["EcgReader"], frozen=True, kw_only=True, tag=True):
    """Find waves and beats in each lead of an ECG.

    >>> Ecg(causal=True).delay, Ecg().delay
    (16, 0)
    """

    training: ClassVar[dict[str, Any]] = {"epochs": 20.0, "learning_rate": 0.006, "weight_decay": 0.01}
    options: ClassVar[type[Config] | None] = EcgPrediction

    validation: Size = 0.1
    """Part that chooses the best weights: a share, or from 1 on a number of patients."""
    test: Size = 0.1
    """Part that training never sees: a share, or from 1 on a number of patients."""
    split_seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of the random split of patients into parts."""
    causal: bool = False
    """Read forwards only, so that a stream can be read as it comes."""
    look_ahead_ms: Annotated[int, Meta(ge=84, le=1000)] = LOOK_AHEAD_MS
    """Look-ahead of a causal network in milliseconds, of which 24 are reserved for resampling a record."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    channels: Count = 16
    """Features of the first convolution; the second has twice, the third four times as many."""
    hidden_size: Count = 96
    """Units of a recurrent layer, in each direction."""
    num_layers: Count = 2
    """Recurrent layers on top of each other."""
    dropout: Rate = 0.1
    """Share of each layer's outputs dropped in training, for a whole piece."""
    augmentation: Annotated[float, Meta(ge=0, le=3)] = 1.0
    """Strength of changes to the training signals: gain, polarity, baseline wander, hum, noise, tempo; 0 is none."""
    seconds: Annotated[float, Meta(ge=1, le=60)] = 8.0
    """Length of the pieces that training reads, in seconds."""
    batch_size: Count = 16
    """Pieces in a batch."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Task.__post_init__(self)
        check_parts(self.validation, self.test, "patients")

    @property
    def delay(self) -> int:
        """The delay of a causal network's answers, in samples; 0 for one that is not causal."""
        return ((self.look_ahead_ms - RESAMPLING_MS) * RATE // 1000 - 3) // 4 * 4 if self.causal else 0

    def read(self, *places: str | Path) -> Data:
        """Reads WFDB records with annotations: paths, folders, or archives of them. All leads of a patient go to the
        same part. "ecg" stands for generated ECGs.

        Raises:
            DataError: a record that cannot be read or has no annotations, or no annotated wave or beat at all.
        """
        from elman.data.ecg_records import read_strips
        from elman.data.text import kept_places

        if not places:
            raise DataError("expected WFDB records with annotations: files ending in .hea, a folder, or a .tar of them")
        if places == (GENERATED,) and not Path(GENERATED).exists():
            from elman.data.ecg_generator import generate_patients

            strips = [patient.strip for patient in generate_patients(PATIENTS, rate=float(RATE))]
            return self._data(strips, "generated ECGs", (GENERATED,))
        return self._data(read_strips(*places), ", ".join(map(str, places)), kept_places(*places))

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
        from elman.data.ecg import at_rate
        from elman.data.ecg_records import read_strips
        from elman.data.examples import Part

        strips = tuple(at_rate(strip, codec.rate) for strip in read_strips(*places))
        return Part(", ".join(map(str, places)), strips, codec)

    def settled(self, data: Data) -> Ecg:
        """Checks the data and returns this task unchanged.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        from elman.data.ecg_codec import EcgCodec
        from elman.tasks._data import check_read

        check_read(data, EcgCodec)
        if not len(data.validation):
            raise DataError(
                f"{data.source}: {counted(len(data.train), data.unit)} to train on and none to validate with; the best "
                "weights are chosen by it, and no patient is in two parts: name records of more patients, or a larger "
                "validation"
            )
        return self

    def network(self, codec: EcgCodec, *, key: PRNGKeyArray) -> Segmenter:
        """The segmenter of waves and beats for `codec`, with random weights."""
        from elman.cells.find import build_cell, find_cell
        from elman.data.ecg_codec import KINDS, WAVES
        from elman.models.segmenter import Segmenter

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
        from elman.data.ecg_batches import EcgBatches

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
        import jax.numpy as jnp

        from elman.ops.losses import cross_entropy
        from elman.tasks._ecg_loss import beat_loss

        features, lengths, waves, wave_weights, beats, beat_weights = map(jnp.asarray, batch)
        wave_scores, beat_scores = model(features, lengths=lengths, key=key)
        wave_nats, _ = cross_entropy(wave_scores, waves, wave_weights)
        beat_nats = beat_loss(beat_scores, beats, beat_weights)
        return (wave_nats + beat_nats, jnp.sum(jnp.maximum(wave_weights, beat_weights))), carry

    def activations(self, model: Segmenter, carry: Carry, batch: EcgBatch) -> list[tuple[str, Any]]:
        """The outputs of the front end, each layer, the decoder and the heads."""
        import jax.numpy as jnp

        return model.activations(jnp.asarray(batch.features), lengths=jnp.asarray(batch.lengths))

    def evaluate(self, model: Segmenter, part: Part, codec: EcgCodec) -> EcgMetrics:
        """Measures the waves and beats found in each lead by itself against the annotations.

        Raises:
            DataError: an empty part.
        """
        from elman.tasks._data import check_part
        from elman.tasks._ecg_reading import measured

        check_part(part)
        return measured(model, part.examples, codec)

    def counted(self, codec: EcgCodec) -> str:
        """The unit that the loss is averaged over: "sample"."""
        return "sample"

    @staticmethod
    def codec_from(values: dict[str, Any]) -> EcgCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.ecg_codec import EcgCodec

        return msgspec.convert(values, EcgCodec)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> EcgMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return EcgMetrics.from_builtins(values)

    def _data(
        self,
        strips: Sequence[Strip],
        source: str,
        places: tuple[str, ...],
        validation: Sequence[Strip] = (),
        test: Sequence[Strip] = (),
    ) -> Data:
        from elman.data.ecg import at_rate
        from elman.data.ecg_codec import KINDS, EcgCodec
        from elman.data.examples import Data, Part

        train, validation, test = (
            [at_rate(strip, float(RATE)) for strip in part] for part in self._split(strips, validation, test, source)
        )
        kinds = {beat.kind for strip in train for beat in strip.beats}
        codec = EcgCodec(rate=float(RATE), kinds=tuple(kind for kind in KINDS if kind in kinds))
        parts = {"train": train, "validation": validation, "test": test}
        return Data(
            **{name: Part(name, tuple(part), codec) for name, part in parts.items()},
            codec=codec,
            source=source,
            places=places,
            unit="lead",
        )

    def _split(
        self, strips: Sequence[Strip], validation: Sequence[Strip], test: Sequence[Strip], source: str
    ) -> tuple[Sequence[Strip], Sequence[Strip], Sequence[Strip]]:
        """Splits leads into parts by patient; leads without annotations are left out."""
        from elman.data.ecg_split import split_by_patient

        strips = [strip for strip in strips if strip.known.any() or strip.beats_known.any()]
        if not strips:
            raise DataError(f"{source}: no lead with annotated waves or beats; nothing to learn")
        shares = {"validation": 0.0 if validation else self.validation, "test": 0.0 if test else self.test}
        parts = split_by_patient(strips, **shares, seed=self.split_seed)
        return parts.train, validation or parts.validation, test or parts.test
