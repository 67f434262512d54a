"""How well ECGs are read: waves on LUDB, beats on MIT-BIH, and a stream beside the whole.

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
import os
import platform
import time
from datetime import date
from pathlib import Path

import msgspec

import elman
from elman.data.wfdb import read_record
from elman.training.reporters import Lines

FOLDER = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "ecg"
LUDB, QTDB, MITDB = (FOLDER / f"{name}.tar.xz" for name in ("ludb", "qtdb", "mitdb20"))


def trained(data, task, options, **training):
    """The model, and how many processor seconds it took."""
    begun = time.process_time()
    fitted = elman.fit(
        task, data, epochs=options.epochs, seed=options.seed, out=options.out, force=True, report=Lines(), **training
    )
    seconds = time.process_time() - begun
    print(f"trained in {seconds:.0f} processor seconds, step {fitted.measures['step']} of {len(data.train)} leads")
    return fitted


def settings(options, **defaults):
    """The settings of the task, and those of the training."""
    given = defaults | {name: _value(value) for name, _, value in (one.partition("=") for one in options.settings)}
    names = elman.Ecg.__struct_fields__
    return {n: v for n, v in given.items() if n in names}, {n: v for n, v in given.items() if n not in names}


def ludb(options, **more):
    own, training = settings(options, **{"validation": 0.06, "test": 0.4} | more)
    task = elman.Ecg(**own)
    data = task.read(LUDB)
    fitted = trained(data, task, options, **training)
    show(fitted, "LUDB test part", data.test.examples)


def mitdb(options):
    own, training = settings(options, validation=0.06, test=0.1)
    task = elman.Ecg(**own)
    data = task.read(MITDB, LUDB, QTDB)
    fitted = trained(data, task, options, **training)
    tested = [strip for strip in data.test.examples if strip.patient.startswith("mitdb ")]
    tested = [strip for strip in tested if not strip.record.startswith("sel")]  # QTDB's pieces of the same patients
    first = {strip.record: strip for strip in reversed(tested)}
    show(fitted, "DS2, first lead alone", list(first.values()), ways=(False,))
    show(fitted, "DS2", tested)


def stream(options):
    ludb(options, causal=True)
    ludb(options)


def speed(options):
    fitted = elman.load(options.out)
    record = read_record(FOLDER / "samples" / "mitdb" / "100")
    seconds = len(record.signals) / record.rate
    fitted.predict(record._replace(signals=record.signals[:60_000]))  # compiles
    begun = time.process_time()
    fitted.predict(record).table().text()
    print(f"two leads, whole: {seconds / (time.process_time() - begun):.0f} times real time on one core")
    if not fitted.model.causal:
        return
    stream, size = fitted.stream(rate=record.rate, leads=2), round(record.rate)
    state = stream.step(stream.start(), record.signals[:20_000].astype(float))[0]
    pieces = [record.signals[at : at + size].astype(float) for at in range(20_000, 20_000 + 300 * size, size)]
    begun = time.process_time()
    for piece in pieces:
        state, _ = stream.step(state, piece)
    print(f"two leads, second by second: {300 / (time.process_time() - begun):.0f} times real time on one core")


def show(fitted, name, strips, ways=(False, True)):
    from elman.tasks._ecg_reading import measured

    for together in ways:
        begun = time.process_time()
        metrics = measured(fitted.model, strips, fitted.codec, together=together)
        seconds = time.process_time() - begun
        print(f"\n{name}, {'leads together' if together else 'each lead by itself'} ({seconds:.0f} processor seconds)")
        print(metrics.report())
        beats = metrics.beats.detection
        print(f"beats: {beats.truth:,}, sensitivity {beats.sensitivity:.3%}, precision {beats.precision:.3%}", flush=True)


def _value(text):
    return msgspec.json.decode(text) if text[:1] in "0123456789.-tf[" else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ludb", "mitdb", "stream", "speed"])
    parser.add_argument("settings", nargs="*", help="name=value")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_intermixed_args()
    print(f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, {options}")
    globals()[options.what](options)


if __name__ == "__main__":
    main()
