"""The quality of the reading of ECGs: waves on LUDB, beats on MIT-BIH, and a stream beside the whole.

    python benchmarks/ecg.py ludb [--seed 0] [--epochs 20] [--out ludb.elman] [name=value ...]
    python benchmarks/ecg.py mitdb [--seed 0] [--epochs 8] [--out mitdb.elman] [name=value ...]
    python benchmarks/ecg.py stream [--epochs 20] [name=value ...]
    python benchmarks/ecg.py speed --out MODEL

Budgets are in epochs, so that a busy machine gives the same; processor seconds are printed. `name=value` are settings
of the task or of the training. The folder of data is that of ELMAN_DATA.

- ludb: 200 patients of 12 leads, split 60/40 (seed 0); of the 60, six tenths of a tenth choose the best weights. Each
  lead by itself, and the mean of the probabilities of all twelve.
- mitdb: trained on DS1 of MIT-BIH, LUDB and QTDB without the patients of DS2, measured on DS2 from the first sample on:
  each lead by itself, the first lead alone, and both together.
- stream: LUDB read forwards alone with 100 ms of look-ahead, beside the same network that reads from both ends.
- speed: seconds of two leads that a saved model reads in a second of one processor, from samples to the table of beats;
  of a causal model also as a stream, in pieces of a second. Processor seconds, so that a busy machine gives the same.
"""

import argparse
import time
from pathlib import Path

import elman
from elman.formats.wfdb.record import read_record
from elman.tasks.ecg.evaluation import measure_leads
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.reading import read_strips
from elman.training.reporters import Lines
from options import DATA, runs, settings, there
from results import Table

FOLDER = DATA / "ecg"
LUDB, QTDB, MITDB = (FOLDER / f"{name}.tar.xz" for name in ("ludb", "qtdb", "mitdb20"))
RECORD = FOLDER / "samples" / "mitdb" / "100"
NEEDED = {"ludb": [LUDB], "stream": [LUDB], "mitdb": [MITDB, LUDB, QTDB], "speed": [RECORD.with_suffix(".hea")]}
TINY = "--epochs 0.001 evaluations=1 hidden_size=4 num_layers=1 channels=4"
SMOKE = (f"mitdb {TINY}", f"stream {TINY}", "speed --epochs 0.001")
WAVE_COLUMNS = {"model": "", "leads": "", "processor seconds": ",.0f", "F1 P": ".2f", "QRS": ".2f", "T": ".2f"}
WAVE_COLUMNS |= dict.fromkeys(("P onset, ms", "QRS onset, ms", "QRS end, ms", "T end, ms"), ".1f")
BEAT_COLUMNS = {"leads": "", "beats": ",.0f", "found, %": ".2f", "right of those found, %": ".2f"}
BEAT_COLUMNS |= dict.fromkeys(("V found, %", "V right, %", "S found, %"), ".1f") | {"processor seconds": ",.0f"}
TOGETHER = {False: "each by itself", True: "together"}


def read(task, places, options):
    """The leads of the archives; for a smoke run generated ones, and for MIT-BIH's test part a record of it."""
    if not options.smoke:
        return task.read(*places)
    test = read_strips(RECORD.parent) if MITDB in places else ()
    return task.read_strips([patient.strip for patient in generate_patients(8)], test=test)


def trained(data, task, options, **training):
    """The model, and how many processor seconds it took."""
    begun = time.process_time()
    training |= {"epochs": options.epochs, "seed": options.seed}
    fitted = elman.fit(task, data, out=options.out, force=True, report=Lines(), **training)
    return fitted, time.process_time() - begun


def settings_of(options, **defaults):
    """The settings of the task, and those of the training."""
    values = defaults | settings(options.settings)
    names = elman.Ecg.__struct_fields__
    return {n: v for n, v in values.items() if n in names}, {n: v for n, v in values.items() if n not in names}


def ludb(options, **more):
    """A row for each lead by itself and one for all together."""
    own, training = settings_of(options, **{"validation": 2 if options.smoke else 0.06, "test": 0.4} | more)
    task = elman.Ecg(**own)
    data = read(task, [LUDB], options)
    fitted, seconds = trained(data, task, options, **training)
    rows = []
    name = f"causal, {task.look_ahead_ms} ms of look-ahead" if task.causal else "from both ends"
    for together in (False, True):
        measured = measure_leads(fitted.model, data.test.examples, fitted.codec, together=together).waves
        shares = [100 * wave.f1 for wave in (measured.p, measured.qrs, measured.t)]
        points = [measured.p.onset, measured.qrs.onset, measured.qrs.end, measured.t.end]
        errors = [{"mean": p.mean_ms, "spread": p.sd_ms} if p.matched else None for p in points]
        rows.append((name, TOGETHER[together], None if together else seconds, *shares, *errors))
    Table("ecg-waves-causal" if task.causal else "ecg-waves", WAVE_COLUMNS, options, rows).keep()


def stream(options):
    ludb(options, causal=True)
    ludb(options)


def mitdb(options):
    own, training = settings_of(options, validation=2 if options.smoke else 0.06, test=0.1)
    task = elman.Ecg(**own)
    data = read(task, [MITDB, LUDB, QTDB], options)
    fitted, seconds = trained(data, task, options, **training)
    tested = [strip for strip in data.test.examples if strip.patient.startswith("mitdb ")]
    tested = [strip for strip in tested if not strip.record.startswith("sel")]  # QTDB's pieces of the same patients
    first = {strip.record: strip for strip in reversed(tested)}
    with Table("ecg-beats", BEAT_COLUMNS, options) as table:
        for name, strips, together in (
            ("the first alone", list(first.values()), False),
            (TOGETHER[False], tested, False),
            (TOGETHER[True], tested, True),
        ):
            scores = measure_leads(fitted.model, strips, fitted.codec, together=together).beats
            detection = scores.detection
            shares = [detection.sensitivity, detection.precision, scores.sensitivity("V"), scores.precision("V")]
            shares = [100 * share for share in (*shares, scores.sensitivity("S"))]
            table.add(name, detection.truth, *shares, seconds)


def speed(options):
    record = read_record(RECORD)
    fitted = model_for(options)
    with Table("ecg-speed", {"two leads": "", "times as fast as recorded, on one core": ".0f"}, options) as table:
        seconds = len(record.signals) / record.rate
        fitted.predict(record._replace(signals=record.signals[:60_000]))  # compiles
        begun = time.process_time()
        fitted.predict(record).table().text()
        table.add("whole", seconds / (time.process_time() - begun))
        if not fitted.model.causal:
            return
        stream, size = fitted.stream(rate=record.rate, leads=2), round(record.rate)
        state = stream.step(stream.start(), record.signals[:20_000].astype(float))[0]
        pieces = [record.signals[at : at + size].astype(float) for at in range(20_000, 20_000 + 300 * size, size)]
        begun = time.process_time()
        for piece in pieces:
            state, _ = stream.step(state, piece)
        table.add("second by second", 300 / (time.process_time() - begun))


def model_for(options):
    """The saved model; for a smoke run one that has learned nothing."""
    if not options.smoke:
        return elman.load(options.out)
    task = elman.Ecg(causal=True, hidden_size=4, num_layers=1, channels=4, validation=2)
    data = read(task, (), options)
    return trained(data, task, options, evaluations=1)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=NEEDED)
    parser.add_argument("settings", nargs="*", help="name=value")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--out", type=Path, help="the model: kept there, or for speed read from there")
    for options in runs(parser, SMOKE):
        if there(*NEEDED["speed" if options.smoke else options.what]):
            {"ludb": ludb, "stream": stream, "mitdb": mitdb, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
