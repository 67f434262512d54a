"""Pairs: sums as sequence-to-sequence, and pronunciations of CMUdict.

    python benchmarks/seq2seq.py addition --digits 3 [--steps N | --minutes 5] [--seeds 0 1 2]
    python benchmarks/seq2seq.py pronunciation [--minutes 60] [--seeds 0] [--beam 5]

`addition`: the share of sums that are right in every digit, on a tenth of the data that training never sees (pairs
unique up to order, as in Keras' example); 50,000 sums of 3 or 10 digits, 550,000 of 5. The weights are those that were
best on 2,000 other sums. With 10 digits, sums with a number of 20 digits are measured too.

`pronunciation`: CMUdict without stress marks, split by a hash of the word into 90% to train on, 5% to choose the
weights by and 5% to measure; any listed pronunciation counts. The folder of data is that of ELMAN_DATA.

A budget in minutes is by the clock of a quiet machine; on a busy one give steps, and read the processor seconds.
"""

import argparse
import os
import platform
import resource
import statistics
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec

import elman
from elman.data.examples import Data, Part, fingerprint
from elman.data.generated import sums
from elman.data.pair_codec import PairCodec
from elman.data.pairs import read_pairs
from elman.training.reporters import Lines

DICTIONARY = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "seq2seq" / "cmudict.dict.xz"
SUMS = {2: 5_000, 3: 50_000, 5: 550_000, 10: 50_000}
LONGER = 20  # digits of sums that a model of 10 digits has never seen


def addition(options):
    count = SUMS[options.digits]
    parts = {"validation": min(2_000, count // 20), "test": 0.1}
    task = elman.Seq2Seq(digits=options.digits, examples=count, **parts, **settings(options.set))
    data, rows = task.read("sums"), []
    for seed in options.seeds:
        before = processor_seconds()
        fitted = elman.fit(task, data, seed=seed, report=Lines(), **budget(options))
        used = processor_seconds() - before
        metrics = fitted.evaluate(data.test)
        print(f"seed {seed}: {metrics.report()}", flush=True)
        rows.append([fitted.measures["step"], used, fitted.validation.exact_accuracy, metrics.exact_accuracy])
        if options.digits == 10:
            rows[-1].append(longer(fitted))
    names = ["validation", "test"] + [f"{LONGER} digits"] * (options.digits == 10)
    table(f"{len(data.train):,} sums to train on, {len(data.test):,} to measure", task, names, options, rows)


def longer(fitted):
    """The share of right sums of which a number has 20 digits."""
    pairs = [p for p in sums(LONGER, 20_000, seed=1) if max(map(len, p.source.split("+"))) == LONGER][:1_000]
    task = msgspec.structs.replace(fitted.task, max_length=2 * LONGER)
    metrics = replace(fitted, task=task).evaluate(Part("longer", tuple(pairs), fitted.codec))
    print(f"{LONGER} digits: {metrics.report()}", flush=True)
    return metrics.exact_accuracy


def pronunciation(options):
    task = elman.Seq2Seq(target_vocabulary="words", **settings(options.set))
    data, rows = pronunciations(task), []
    references = [pair.targets for pair in data.test.examples]
    for seed in options.seeds:
        before = processor_seconds()
        fitted = elman.fit(task, data, seed=seed, report=Lines(), **budget(options))
        used = processor_seconds() - before
        greedy = fitted.evaluate(data.test)
        found = fitted.predict_all([pair.source for pair in data.test.examples], beam=options.beam)
        wide = elman.tasks.Seq2SeqMetrics.of(
            [candidate.text for candidate in found], references, nats=greedy.nats_per_token, unit="word"
        )
        print(f"seed {seed}: greedy {greedy.report()}\nseed {seed}: beam {options.beam} {wide.report()}", flush=True)
        measures = [1 - greedy.exact_accuracy, 1 - wide.exact_accuracy, wide.token_error_rate]
        rows.append([fitted.measures["step"], used, *measures])
    names = ["word error, greedy", f"word error, beam {options.beam}", f"phone error, beam {options.beam}"]
    table(f"{len(data.train):,} words to train on, {len(data.test):,} to measure", task, names, options, rows)


def pronunciations(task):
    """CMUdict, split by a hash of the word: 90% train, 5% validation, 5% test."""
    pairs = read_pairs(DICTIONARY, stress=False)
    codec = PairCodec.of(pairs, target="words")
    parts = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        turn = zlib.crc32(pair.source.encode()) % 20
        parts["test" if turn == 0 else "validation" if turn == 1 else "train"].append(pair)
    train, validation, test = (Part(name, tuple(some), codec) for name, some in parts.items())
    return Data(
        train=train,
        validation=validation,
        test=test,
        codec=codec,
        source=str(DICTIONARY),
        places=(str(DICTIONARY),),
        fingerprint=fingerprint(pairs),
        unit="pair",
    )


def settings(changes):
    """Options of the task as `name=value`, in addition to its defaults."""
    return {name: value_of(text) for name, text in changes}


def budget(options):
    rate = {} if options.learning_rate is None else {"learning_rate": options.learning_rate}
    return ({"steps": options.steps} if options.steps else {"minutes": options.minutes}) | rate


def table(what, task, names, options, rows):
    print(f"\n{date.today()}, {platform.machine()}, {os.cpu_count()} cores, {what}, {budget(options)}")
    print(task)
    print("| seed | best step | processor seconds |", *(f" {name} |" for name in names))
    print("|---|---|---|", *("---|" for _ in names), sep="")
    for seed, (step, used, *measures) in zip(options.seeds, rows, strict=True):
        print(f"| {seed} | {step:,} | {used:,.0f} |", *(f" {100 * value:.2f} |" for value in measures), sep="")
    if len(rows) > 1:
        columns = list(zip(*(row[2:] for row in rows), strict=True))
        means = [f"{100 * statistics.fmean(c):.2f} ± {100 * statistics.stdev(c):.2f}" for c in columns]
        print(f"| mean | | | {' | '.join(means)} |")


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def value_of(text):
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, minutes in (("addition", 5), ("pronunciation", 60)):
        command = commands.add_parser(name)
        command.add_argument("--minutes", type=float, default=minutes)
        command.add_argument("--steps", type=int)
        command.add_argument("--learning-rate", type=float)
        command.add_argument("--seeds", type=int, nargs="+", default=[0])
        command.add_argument("--set", type=lambda text: text.split("=", 1), nargs="*", default=[], metavar="NAME=VALUE")
        if name == "addition":
            command.add_argument("--digits", type=int, choices=SUMS, default=3)
        else:
            command.add_argument("--beam", type=int, default=5)
    options = parser.parse_args()
    {"addition": addition, "pronunciation": pronunciation}[options.command](options)


if __name__ == "__main__":
    main()
