"""A trained reader of ECGs: it finds beats with their waves, in each lead and in all leads together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, DataError, RecordError, excerpt, nearest
from elman._show import Shown
from elman._types import Carry
from elman.artefact import SavedState
from elman.formats.files import lines, read_files
from elman.formats.frames import AnyFrame, is_frame
from elman.formats.names import SAMPLES, ending
from elman.formats.results import ResultTable
from elman.formats.rows import write_row
from elman.formats.wfdb.places import record_folders
from elman.formats.wfdb.record import Record, record_of, whole_records, write_annotations
from elman.tasks.answers import pass_over
from elman.tasks.choices import Choices, Question, token_choices
from elman.tasks.data import Part
from elman.tasks.ecg.batches import SOME_KIND, EcgBatch
from elman.tasks.ecg.beat_table import CSV_HEAD, TEXT_HEAD, BeatRow, BeatTable
from elman.tasks.ecg.beats import LeadBeats, at_rate
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.detected import UNLEARNED, DetectedBeat
from elman.tasks.ecg.evaluation import beat_mistakes
from elman.tasks.ecg.faults import Fault, describe_faults, find_faults, unreadable
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.model import STRIDE, Segmenter
from elman.tasks.ecg.picture import draw_ecg
from elman.tasks.ecg.probabilities import LabelProbabilities, label_probabilities, pieces, read
from elman.tasks.ecg.reading import records_of
from elman.tasks.ecg.resample import Resampler, resample
from elman.tasks.ecg.session import EcgSession
from elman.tasks.ecg.settings import EcgPrediction, EcgStreamOptions
from elman.tasks.ecg.stream import EcgStream, StreamState
from elman.tasks.ecg.strip import Strip, strips_of
from elman.tasks.ecg.text import SampleGroup, arriving_samples, ecg_in, read_ecg_table
from elman.tasks.ecg.unlearned import NO_WAVES_READ, note_on_beats, note_on_unlearned
from elman.tasks.ecg.wave_marks import wave_marks
from elman.tasks.examples import Examples
from elman.tasks.fitted import Predictor, largest_difference
from elman.tasks.output import Output, Picture, Remark, Row, Warning
from elman.tasks.plain import plain_table
from elman.tasks.session import check_options
from elman.tasks.settings import OnUnreadable

if TYPE_CHECKING:
    from elman.tasks.ecg.task import Ecg
LEAST_RATE = 50
"""The lowest sampling rate, in Hz, at which waves can be recognised."""

MOST_LEADS = 256
"""The most leads of a stream."""

ENDING = "elm"
"""The extension of the annotation files that `elman predict` writes."""


@dataclass(frozen=True)
class RecordBeats(Shown):
    """The beats found in a record, in samples at its sampling rate."""

    name: str
    rate: float
    strips: dict[str, Strip]
    """The leads that were read, by name."""
    leads: dict[str, tuple[DetectedBeat, ...]]
    """The beats of each lead by itself."""
    beats: tuple[DetectedBeat, ...]
    """The beats of all leads together."""
    faults: tuple[Fault, ...]
    """The stretches of leads that could not be read; no beat of the lead was searched for there."""

    def table(self, lead: str = "") -> BeatTable:
        """A table with the intervals of each beat, for one lead or all leads together; no interval spans a part that
        could not be read.

        Raises:
            DataError: a lead that the record does not have.
        """
        if lead and lead not in self.leads:
            raise DataError(f"{self.name}: no lead {lead!r}{nearest(lead, self.leads)}; it has {', '.join(self.leads)}")
        beats, names = (self.leads[lead], [lead]) if lead else (self.beats, list(self.leads))
        broken = [self.broken(name) for name in names]
        runs = np.flatnonzero(np.diff(np.all(broken, axis=0), prepend=False, append=False)).reshape(-1, 2)
        breaks = [(first, after - 1) for first, after in runs.tolist()]
        return BeatTable.of(beats, rate=self.rate, record=self.name, lead=", ".join(names), breaks=breaks)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def broken(self, lead: str) -> np.ndarray:
        """A mask of the samples at which a lead could not be read."""
        own = [fault for fault in self.faults if fault.lead == lead]
        return unreadable(own, len(self.strips[lead].signal))


class _Unread(NamedTuple):
    """A record that cannot be read."""

    name: str
    error: DataError

    def blank(self, options: EcgPrediction, *, head: bool) -> list[str]:
        """The lines of its blank answer, which names it."""
        if options.table == "csv":
            row = write_row([self.name, *[None] * (len(CSV_HEAD) - 1)])
            return [write_row(CSV_HEAD), row] if head else [row]
        return [f"{self.name}: not read"] if options.table == "text" else []


@dataclass(frozen=True)
class EcgReader(Predictor[EcgMetrics]):
    """A trained reader of ECGs; see `predict`, `stream`, `evaluate` and `save`. It is no medical device.

    >>> from elman.tasks.ecg.generator import generate_patients
    >>> small = elman.Ecg(channels=2, hidden_size=4, num_layers=1, seconds=2)
    >>> data = small.read_strips([patient.strip for patient in generate_patients(20, seconds=4)])
    >>> fitted = elman.fit(small, data, steps=2)
    >>> fitted.summary
    'P, QRS and T, kinds of beats N, V'
    >>> signal = generate_patients(1, seconds=8, seed=1)[0].strip.signal
    >>> reading = fitted.predict(Record("me", signal[:, None], 250.0, ("II",)))
    >>> reading.name, list(reading.leads), reading.faults
    ('me', ['II'], ())
    """

    reading: ClassVar[tuple[str, ...]] = ("on_error",)

    task: Ecg
    codec: EcgCodec
    model: Segmenter

    @property
    def summary(self) -> str:
        """The waves and kinds of beats that the model finds, in words."""
        kinds = f", kinds of beats {', '.join(self.codec.kinds)}" if self.codec.kinds else ""
        return f"{'beats' if self.codec.waves is False else 'P, QRS and T'}{kinds}"

    def read(self, *places: str | Path | AnyFrame, on_error: OnUnreadable = "fail") -> Part:
        """Reads annotated leads for `evaluate`; tables in memory have no annotations.

        Args:
            places: see `read_record`.
            on_error: "skip" leaves out records that cannot be read; the part's `notes` name them.

        Raises:
            DataError: a record that cannot be read, or one without annotations.
        """
        return self.task.read_part(self.codec, *records_of(places), on_error=on_error)

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The wave and the beat of each sample."""
        return (Question("wave", ("none", *WAVES[1:])), Question("beat", ("none", *KINDS)))

    def choices(self, model: Segmenter, carry: Carry, batch: EcgBatch) -> tuple[tuple[Choices, ...], Carry]:
        """The probabilities of waves and of beats at each sample of pieces. Where a beat's kind is unknown, nothing
        counts as right."""
        features, lengths, waves, wave_weights, beats, beat_weights = map(jnp.asarray, batch)
        wave_scores, beat_scores = model(features, lengths=lengths)
        known = beat_weights * (beats != SOME_KIND)
        of_beats = token_choices(beat_scores, jnp.minimum(beats, len(KINDS)), known)
        return (token_choices(wave_scores, waves, wave_weights), of_beats), carry

    def predict(
        self, record: Record | AnyFrame, *, leads: Sequence[str] = (), rate: float | None = None
    ) -> RecordBeats:
        """Finds the beats of a record. For all leads together, the probabilities are the geometric mean over leads,
        and Q, R, S and the peaks of P and T are those of the first lead that can be read.

        Args:
            record: an ECG of any length: a record, or a table in memory with a column for each lead.
            leads: the leads to read; all by default.
            rate: samples a second of a table; by default those of its times, a column or the index.

        Raises:
            DataError: a lead that the record does not have, or a record without a signal in volts.
        """
        record = ecg_in(record, rate=rate) if is_frame(record) else cast(Record, record)
        strips = {strip.lead: strip for strip in strips_of(record)}
        names = _chosen(leads, strips, record) or tuple(strips)
        own = {name: strips[name] for name in names}
        faults = tuple(fault for strip in own.values() for fault in find_faults(strip))
        empty = RecordBeats(record.name, record.rate, own, dict.fromkeys(own, ()), (), faults)
        signals = np.stack([resample(one.signal, rate=record.rate, to=self.codec.rate) for one in own.values()])
        share = float(1 / Resampler(record.rate, self.codec.rate).ratio)
        places = np.minimum(np.rint(np.arange(signals.shape[1]) * share).astype(int), max(len(record.signals) - 1, 0))
        broken = np.stack([empty.broken(name)[places] for name in own])
        *single, together = self._find_beats(signals, broken, share)
        return replace(empty, leads=dict(zip(own, single, strict=True)), beats=together)

    def mistakes_of(self, part: Part) -> ResultTable:
        """The beats of each lead that were missed, added, or taken for another kind."""
        return beat_mistakes(self.model, part.examples, self.codec)

    def stream(self, *, rate: float, leads: int = 1) -> EcgStream:
        """A stream that reads leads piece by piece.

        Args:
            rate: the sampling rate, in Hz.
            leads: the number of leads that come together.

        Raises:
            ConfigError: a bidirectional model, or a rate that is not above 0.
        """
        return EcgStream(self.quick_model, self.codec, rate, leads)

    def plain_session(self, **options: Any) -> EcgSession:
        """A new session, whose options are plain values; see `new_session`."""
        chosen = EcgStreamOptions(**options)
        return self.new_session(rate=chosen.rate, leads=chosen.leads)

    def new_session(self, *, rate: float = 0.0, leads: int = 1, **options: Any) -> EcgSession:
        """A session before the first sample.

        Args:
            rate: the samples a second.
            leads: the number of leads that come together.
            options: none.

        Raises:
            ConfigError: a bidirectional model, a rate below 50, no lead or too many, or an unknown option.
        """
        check_options("session", options, ("rate", "leads"))
        self.stream(rate=LEAST_RATE)  # refuses a model that reads from both ends first
        if not rate >= LEAST_RATE:
            raise ConfigError(f"rate: expected the samples a second, {LEAST_RATE} or more, such as 360; got {rate!r}")
        if not isinstance(leads, int) or not 1 <= leads <= MOST_LEADS:
            raise ConfigError(f"leads: expected a number of leads, 1 to {MOST_LEADS}; got {leads!r}")
        return EcgSession(self, self.stream(rate=rate, leads=leads))

    def saved_session(self, saved: SavedState) -> EcgSession:
        """The session in a state that was saved with this model.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        return EcgSession.restored(self, saved)

    def differences(self) -> dict[str, float]:
        """The largest difference when random signals are read alone and in a batch; for a causal model also that
        between a whole signal and a stream."""
        random = np.random.default_rng(0)
        signals = [random.normal(size=length).cumsum() / 10 for length in (300, 1111, 2000, 777)]
        together = label_probabilities(self.model, self.codec, signals)
        alone = [label_probabilities(self.model, self.codec, [signal])[0] for signal in signals]
        pairs = [pair for both in zip(together, alone, strict=True) for pair in zip(*both, strict=True)]
        differences = {"alone or beside others": max(largest_difference(np.log(a), np.log(b)) for a, b in pairs)}
        if not self.model.causal:
            return differences
        return differences | {"whole or piece by piece": self._streamed_difference(signals[2], together[2])}

    def output(self, *places: str, options: EcgPrediction) -> Iterator[Output]:
        """Yields the lines of each record's table of beats, and a picture if the options ask for one; writes a file of
        annotations if they do. Parts that could not be read are comments in the table; beside a CSV they are warnings.

        Raises:
            DataError: a record that cannot be read.
            ConfigError: a picture of a stream.
        """
        if options.stream and options.plot:
            raise ConfigError("plot: a stream has no end to draw; leave out --plot or --stream")
        if options.stream:
            yield from self._streamed(*places, options=options)
            return
        readings, head = self._readings(*places, options=options), True
        first = [*islice(readings, 2)]
        for reading in chain(first, readings):
            if isinstance(reading, _Unread):
                yield pass_over(reading.error, options.on_error)
                if options.on_error == "blank":
                    yield from reading.blank(options, head=head)
                    head = False
                continue
            if options.annotations:
                _annotate(reading, Path(options.annotations))
            yield from _lines(reading, options, self.codec, head=head)
            head = False
            if options.plot:
                yield _picture(reading, options, several=len(first) > 1)

    def answers(self, inputs: Sequence[Any], *, options: EcgPrediction) -> list[dict[str, Any]]:
        """The beats of each table of leads: kinds and samples of the waves, and the parts that could not be read."""
        tables = [plain_table(one, f"input {n}") for n, one in enumerate(inputs, start=1)]
        found = [self.predict(one, leads=options.leads, rate=options.rate or None) for one in tables]
        return [{"beats": [one.plain for one in each.beats], "faults": describe_faults(each.faults)} for each in found]

    def _readings(self, *places: str, options: EcgPrediction) -> Iterator[RecordBeats | _Unread]:
        """Finds the beats of each record."""
        for place in places:
            name, records = place, _records(place, options)
            while True:
                try:
                    asked = next(records, None)
                    if asked is None:
                        break
                    name, read_record = asked
                    yield self.predict(read_record(), leads=options.leads)
                except DataError as error:
                    yield _Unread(name, error)

    def _streamed_difference(self, signal: np.ndarray, whole: LabelProbabilities) -> float:
        """The largest difference between the probabilities of a whole signal and of its pieces of 4 and 64 samples."""
        state, carry, answers = self.codec.start(1), self.model.init_carry(1), list[np.ndarray]()
        ended = len(signal) + self.model.delay - len(signal) % -STRIDE
        for start, stop in pairwise([*range(0, 256, 4), *range(256, ended, 64), ended]):
            state, features = self.codec.features(state, signal[None, start:stop])
            xs = np.pad(features, [(0, 0), (0, stop - start - features.shape[1]), (0, 0)])
            carry, heads = read(self.model, carry, xs)
            answers.append(np.concatenate(heads, axis=-1)[0])
        streamed = np.concatenate(answers)[self.model.delay :][: len(signal)]
        return largest_difference(np.log(streamed), np.log(np.concatenate(whole, axis=-1)))

    def _streamed(self, *places: str, options: EcgPrediction) -> Iterator[str | Warning]:
        """Yields a line for each beat of samples that come in lines."""
        if options.rate < LEAST_RATE:
            raise ConfigError(
                f"rate: a stream does not say it; give the samples a second, {LEAST_RATE} or more, such as --rate 360"
            )
        self.stream(rate=options.rate)  # refuses a model that reads from both ends, before the head is written
        yield TEXT_HEAD
        running: tuple[EcgStream, StreamState] | None = None
        row: BeatRow | None = None
        counts = Counter[str]()
        groups, broken = _readable(arriving_samples(*places), options), None
        while True:
            try:
                samples = next(groups, None)
            except DataError as error:  # the beats before it are written first
                samples, broken = None, error
            if samples is None:
                break
            if isinstance(samples, Warning):
                yield samples
                continue
            if running is None:
                stream = self.stream(rate=options.rate, leads=len(samples.leads))
                running = stream, stream.start()
            stream, before = running
            after, beats = stream.step(before, samples.values)
            running = stream, after
            for beat in beats:
                row = _next_row(row, beat, options.rate)
                yield row.line()
                counts[beat.kind] += 1
                if beat.kind == UNLEARNED and counts[UNLEARNED] == 1:
                    yield Warning(f"a beat of the kind {note_on_unlearned(self.codec.kinds)}")
            yield from (f"# {line}" for line in stream.changes(before, after))
        for beat in () if running is None else running[0].finish(running[1]):
            row = _next_row(row, beat, options.rate)
            yield row.line()
            counts[beat.kind] += 1
        notes = note_on_beats(counts, self.codec.kinds), "" if self.codec.waves is not False else NO_WAVES_READ
        yield from (Remark(f"# {note}") for note in notes if note)
        if broken is not None:
            raise broken

    def _find_beats(self, signals: np.ndarray, broken: np.ndarray, share: float) -> list[tuple[DetectedBeat, ...]]:
        """The beats of each lead, and last those of all leads together, in samples at a rate `share` times as high."""
        beats, at = LeadBeats.start(len(signals)), 0
        beats_of_leads: list[list[DetectedBeat]] = [[] for _ in range(len(signals) + 1)]
        for labels in pieces(self.model, self.codec, signals):
            own = slice(at, at + labels.shape[1])
            at += labels.shape[1]
            ended = at == signals.shape[1]
            values = np.nan_to_num(signals[:, own])
            beats, more = beats.read(values, labels, broken[:, own], self.codec, ended=ended)
            for before, new in zip(beats_of_leads, more, strict=True):
                before += [at_rate(beat, share) for beat in new]
        return [tuple(beats) for beats in beats_of_leads]


def _chosen(leads: Sequence[str], known: Iterable[str], record: Record) -> tuple[str, ...]:
    """The leads that are asked for, by name in any case; one text may name several, with commas between them."""
    names = {name.lower(): name for name in known}
    units = dict(zip(map(str.lower, record.leads), record.units, strict=False))
    asked = [one for lead in leads for one in ([lead] if lead.lower() in names else lead.split(","))]
    for lead in asked:
        if lead.lower() not in names:
            there = ", ".join(names.values())[:120]
            unit = units.get(lead.lower())
            why = nearest(lead, names.values()) if unit is None else f" ({lead} is in {excerpt(unit)})"
            raise DataError(f"{record.place}: no ECG lead {lead!r}{why}; it has {there}")
    return tuple(dict.fromkeys(names[lead.lower()] for lead in asked))


def _lines(reading: RecordBeats, options: EcgPrediction, codec: EcgCodec, *, head: bool) -> Iterator[str | Warning]:
    """Yields the table of a record, and what could not be read or told; the first table of a CSV has a head."""
    note = note_on_beats(Counter(beat.kind for beat in reading.beats), codec.kinds)
    notes = [note] if note else []
    notes += [NO_WAVES_READ] if codec.waves is False else []
    for line in [*describe_faults(reading.faults), *notes]:
        yield Remark(f"# {line}") if options.table == "text" else Warning(f"{reading.name}: {line}")
    if options.table == "none":
        return
    for table in [reading.table(lead) for lead in reading.leads] if options.each_lead else [reading.table()]:
        if options.table == "csv":
            yield from lines(table.csv(head=head))
            head = False
        else:
            yield from map(Row, table.lines())
            yield Remark(table.summary())


def _records(place: str, options: EcgPrediction) -> Iterator[tuple[str, Callable[[], Record]]]:
    """Yields the name of each record of a place, and a function that reads it: those of WFDB, or a table (.csv, .tsv,
    .txt, or standard input) with a column for each lead.

    Raises:
        DataError: a place that cannot be read.
    """
    if place == "-" or ending(place) in SAMPLES:
        for file in read_files(place):
            yield file.stem, partial(read_ecg_table, file, rate=options.rate or None)
        return
    for shelf, names in record_folders(place):
        yield from ((name, partial(record_of, shelf, name)) for name in whole_records(shelf, names))


def _readable(groups: Iterable[SampleGroup | RecordError], options: EcgPrediction) -> Iterator[SampleGroup | Warning]:
    """Yields samples, and a warning for each line that cannot be read; its blank answer is a missing sample.

    Raises:
        DataError: a line that cannot be read, unless the options say otherwise.
    """
    leads: tuple[str, ...] = ()
    for group in groups:
        if isinstance(group, SampleGroup):
            leads = group.leads
            yield group
            continue
        yield pass_over(group, options.on_error)
        if options.on_error == "blank" and leads:
            yield SampleGroup(leads, np.full((1, len(leads)), np.nan))


def _picture(reading: RecordBeats, options: EcgPrediction, *, several: bool) -> Picture:
    """The picture of a record, into whose file's name the record's is added where there are several."""
    path = Path(options.plot)
    path = path.with_stem(f"{path.stem}-{reading.name}") if several else path
    leads = [(strip, reading.table(lead)) for lead, strip in reading.strips.items()]
    extent = {"start": options.start, "seconds": options.seconds}
    return Picture(path, partial(draw_ecg, leads, **extent, faults=reading.faults))


def _next_row(before: BeatRow | None, beat: DetectedBeat, rate: float) -> BeatRow:
    number, r = (1, None) if before is None else (before.number + 1, before.beat.sample)
    return BeatRow.of(beat, before=r, rate=rate, number=number)


def _annotate(reading: RecordBeats, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError(f"annotations: expected a folder; {folder} is a file") from None
    marks = wave_marks(list(reading.leads.values()))
    write_annotations(folder / reading.name, ENDING, marks._replace(rate=reading.rate))
