"""A trained reader of ECGs: beats with their waves, in each lead and in all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elman._errors import ConfigError, DataError, nearest
from elman.data.arriving_rows import arriving_rows
from elman.data.beat_table import TEXT_HEAD, BeatRow, BeatTable
from elman.data.ecg import strips_of
from elman.data.ecg_codec import EcgCodec
from elman.data.examples import Part
from elman.data.found_beats import FoundBeat
from elman.data.resample import resampled
from elman.data.wave_marks import wave_marks
from elman.data.wfdb import Record, record_of, whole_records, write_annotations
from elman.data.wfdb_places import shelves
from elman.fitted._ecg_beats import LeadBeats, at_rate
from elman.fitted._fitted import Predictor, largest_difference
from elman.fitted.ecg_stream import EcgStream
from elman.models.segmenter import Segmenter
from elman.tasks._ecg_chances import all_chances, pieces
from elman.tasks.ecg import Ecg, EcgPrediction

ENDING = "elm"
"""Of the annotation files that `elman predict` writes."""


@dataclass(frozen=True)
class Reading:
    """What was found in a record, in samples at its rate."""

    name: str
    rate: float
    leads: dict[str, tuple[FoundBeat, ...]]
    """The beats of each lead by itself."""
    beats: tuple[FoundBeat, ...]
    """Those of all leads together."""

    def table(self, lead: str = "") -> BeatTable:
        """The intervals of each beat, of a lead or of all together.

        Raises:
            DataError: no such lead.
        """
        if lead and lead not in self.leads:
            raise DataError(f"{self.name}: no lead {lead!r}{nearest(lead, self.leads)}; it has {', '.join(self.leads)}")
        beats = self.leads[lead] if lead else self.beats
        return BeatTable.of(beats, rate=self.rate, record=self.name, lead=lead or ", ".join(self.leads))


@dataclass(frozen=True)
class EcgReader(Predictor):
    """A trained reader of ECGs; see `predict`, `evaluate` and `save`. It is no medical device."""

    task: Ecg
    codec: EcgCodec
    model: Segmenter

    @property
    def knows(self) -> str:
        """What it finds."""
        kinds = f", kinds of beats {', '.join(self.codec.kinds)}" if self.codec.kinds else ""
        return f"P, QRS and T{kinds}"

    def read(self, *places: str | Path) -> Part:
        """Leads with what is known of them, for `evaluate`.

        Raises:
            DataError: a record that cannot be read, or one of which nothing is known.
        """
        return self.task.read_part(self.codec, *places)

    def predict(self, record: Record, *, leads: Sequence[str] = ()) -> Reading:
        """The beats of a record. All leads together give the mean of the leads' probabilities; Q, R, S and the peaks of
        P and T are then those of the lead in which the QRS complexes are largest.

        Args:
            record: an ECG of any length.
            leads: the leads to read; all by default.

        Raises:
            DataError: no such lead, or no signal in volts.
        """
        strips = {strip.lead: strip.signal for strip in strips_of(record)}
        names = tuple(leads) or tuple(strips)
        for name in names:
            if name not in strips:
                known = ", ".join(strips)
                raise DataError(f"{record.place}: no ECG lead {name!r}{nearest(name, strips)}; it has {known}")
        signals = np.stack([resampled(strips[name], rate=record.rate, to=self.codec.rate) for name in names])
        *single, together = self._found(signals, record.rate / self.codec.rate)
        return Reading(record.name, record.rate, dict(zip(names, single, strict=True)), together)

    def stream(self, *, rate: float, leads: int = 1) -> EcgStream:
        """A way to read leads that come piece by piece.

        Args:
            rate: samples a second.
            leads: how many come together.

        Raises:
            ConfigError: a model that reads from both ends, or a rate that is not above 0.
        """
        return EcgStream(self.model, self.codec, rate, leads)

    def differences(self) -> dict[str, float]:
        """Of random signals, each alone and beside others; and, of a causal model, the whole and a stream."""
        random = np.random.default_rng(0)
        signals = [random.normal(size=length).cumsum() / 10 for length in (300, 1111, 2000, 777)]
        together = all_chances(self.model, self.codec, signals)
        alone = [all_chances(self.model, self.codec, [signal])[0] for signal in signals]
        pairs = [pair for both in zip(together, alone, strict=True) for pair in zip(*both, strict=True)]
        return {"alone or beside others": max(largest_difference(np.log(a), np.log(b)) for a, b in pairs)}

    def answers(self, *places: str, options: EcgPrediction) -> Iterator[str]:
        """The table of each record's beats, and where it is asked for a file of annotations.

        Raises:
            DataError: a record that cannot be read.
        """
        if options.stream:
            yield from self._streamed(*places, options=options)
            return
        for shelf, names in shelves(*places):
            for name in whole_records(shelf, names):
                reading = self.predict(record_of(shelf, name), leads=options.leads)
                if options.annotations:
                    _annotate(reading, Path(options.annotations))
                tables = [reading.table(lead) for lead in reading.leads] if options.each_lead else [reading.table()]
                for table in tables if options.table != "none" else ():
                    yield from (table.csv() if options.table == "csv" else table.text()).splitlines()

    def _streamed(self, *places: str, options: EcgPrediction) -> Iterator[str]:
        """A line for each beat of samples that come in lines."""
        if not options.rate:
            raise ConfigError("a stream does not say its rate: give it, such as --rate 360")
        number, before, rows = 0, None, arriving_rows(*places)
        samples = next(rows, np.zeros((0, 1)))
        stream = self.stream(rate=options.rate, leads=samples.shape[1])
        state = stream.start()
        yield TEXT_HEAD
        while True:
            state, beats = (state, stream.finish(state)) if samples is None else stream.step(state, samples)
            for beat in beats:
                number += 1
                yield BeatRow.of(beat, before=before, rate=options.rate, number=number).line()
                before = beat.sample
            if samples is None:
                return
            samples = next(rows, None)

    def _found(self, signals: np.ndarray, share: float) -> list[tuple[FoundBeat, ...]]:
        """The beats of each lead, and last those of all together, in samples of a rate `share` times as high."""
        beats, at = LeadBeats.start(len(signals)), 0
        found: list[list[FoundBeat]] = [[] for _ in range(len(signals) + 1)]
        for labels in pieces(self.model, self.codec, signals):
            own = signals[:, at : at + labels.shape[1]]
            at += labels.shape[1]
            ended = at == signals.shape[1]
            beats, more = beats.read(np.nan_to_num(own), labels, np.isnan(own), self.codec, ended=ended)
            for told, new in zip(found, more, strict=True):
                told += [at_rate(beat, share) for beat in new]
        return [tuple(told) for told in found]


def _annotate(reading: Reading, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_annotations(folder / reading.name, ENDING, wave_marks(list(reading.leads.values())))
