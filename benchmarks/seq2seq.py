"""Pairs: sums as sequence-to-sequence, pronunciations of CMUdict, and translations of Multi30k.

    python benchmarks/seq2seq.py addition --digits 3 [--steps N | --minutes 5] [--seeds 0 1 2]
    python benchmarks/seq2seq.py pronunciation [--minutes 60] [--seeds 0] [--beam 5]
    python benchmarks/seq2seq.py translation [--minutes 7.5] [--seeds 0] [--beam 5]

`addition`: the share of sums that are right in every digit, on a tenth of the data that training never sees (pairs
unique up to order, as in Keras' example); 50,000 sums of 3 or 10 digits, 550,000 of 5. The weights are those that were
best on 2,000 other sums. With 10 digits, sums with a number of 20 digits are measured too.

`pronunciation`: CMUdict without stress marks, split by a hash of the word into 90% to train on, 5% to choose the
weights by and 5% to measure; any listed pronunciation counts. The folder of data is that of ELMAN_DATA.

`translation`: Multi30k, German to English, with the defaults of `elman train train.de train.en --valid val.de val.en`.
The measures are those of the validation part, which has chosen the weights; BLEU and chrF by sacreBLEU on plain text
with its capitals. 7.5 minutes are 15 processor minutes of two cores.

A budget in minutes is by the clock of a quiet machine; on a busy one give steps, and read the processor seconds.
"""

import argparse
import time
import zlib
from dataclasses import replace

import msgspec

import elman
from elman.tasks.data import Data, Part
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.generated import sums
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.seq2seq.reading import read_pairs
from elman.tasks.seq2seq.scores import has_sacrebleu
from elman.training.reporters import Lines
from options import DATA, add_budget, budget, few, runs, settings, there
from results import Table

DICTIONARY = DATA / "seq2seq" / "cmudict.dict.xz"
MULTI30K = DATA / "seq2seq" / "multi30k"
SENTENCES = {part: [MULTI30K / f"{part}.{side}.xz" for side in ("de", "en")] for part in ("train", "val")}
SUMS = {2: 5_000, 3: 50_000, 5: 550_000, 10: 50_000}
MINUTES = {"addition": 5, "pronunciation": 60, "translation": 7.5}
LONGER = 20  # digits of sums that a model of 10 digits has never seen
FEW = 20  # pairs of each part in a smoke run
SMOKE = (
    "addition --digits 10 --steps 2 --set hidden_size=4",
    "pronunciation --steps 2 --beam 2 --set hidden_size=4 num_layers=1",
    "translation --steps 2 --beam 2 --set hidden_size=4 vocabulary_size=300 max_length=8",
)


def addition(options):
    digits, count = options.digits, 200 if options.smoke else SUMS[options.digits]
    parts = {"validation": min(2_000, count // 20), "test": 0.1}
    task = elman.Seq2Seq(digits=digits, examples=count, **parts, **settings(options.set))
    data, rows = task.read("sums"), []
    for seed in options.seeds:
        fitted, used = trained(task, data, seed, options)
        metrics = fitted.evaluate(data.test)
        print(f"seed {seed}: {metrics.report()}", flush=True)
        shares = [fitted.validation.exact_accuracy, metrics.exact_accuracy]
        shares += [longer(fitted, FEW if options.smoke else 1_000)] if digits == 10 else []
        rows.append((f"{digits}", f"{seed}", fitted.measures["step"], used, *(100 * share for share in shares)))
    names = ["right of validation, %", "of test"] + [f"of {LONGER} digits"] * (digits == 10)
    with Table(f"addition-{digits}", {"digits": "", **columns(names)}, options, rows) as table:
        table.add_means(4)


def longer(fitted, count):
    """The share of right sums of which a number has 20 digits."""
    pairs = [p for p in sums(LONGER, 20 * count, seed=1) if max(map(len, p.source.split("+"))) == LONGER][:count]
    task = msgspec.structs.replace(fitted.task, max_length=2 * LONGER)
    metrics = replace(fitted, task=task).evaluate(Part("longer", tuple(pairs), fitted.codec))
    print(f"{LONGER} digits: {metrics.report()}", flush=True)
    return metrics.exact_accuracy


def pronunciation(options):
    task = elman.Seq2Seq(target_vocabulary="words", **settings(options.set))
    data, rows = pronunciations(), []
    data = few(data, FEW) if options.smoke else data
    for seed in options.seeds:
        fitted, used = trained(task, data, seed, options)
        greedy, wide = searched(fitted, data.test, seed, options)
        measures = [1 - greedy.exact_accuracy, 1 - wide.exact_accuracy, wide.token_error_rate]
        rows.append((f"{seed}", fitted.measures["step"], used, *(100 * measure for measure in measures)))
    names = ["word error, greedy, %", f"word error, beam {options.beam}", f"phone error, beam {options.beam}"]
    with Table("pronunciation", columns(names), options, rows) as table:
        table.add_means(3)


def translation(options):
    places = SENTENCES["val" if options.smoke else "train"]
    task = elman.Seq2Seq(valid=tuple(map(str, SENTENCES["val"])), **settings(options.set))
    data, rows = task.read(*places), []
    data = few(data, FEW) if options.smoke else data
    for seed in options.seeds:
        fitted, used = trained(task, data, seed, options)
        greedy, wide = searched(fitted, data.validation, seed, options)
        measures = [greedy.bleu, greedy.chrf, 100 * greedy.token_error_rate, wide.bleu]
        rows.append((f"{seed}", fitted.measures["step"], used, *measures))
    names = ["BLEU, greedy", "chrF", "word error, %", f"BLEU, beam {options.beam}"]
    with Table("translation", columns(names), options, rows) as table:
        table.add_means(3)


def searched(fitted, part, seed, options):
    """The measures of the answers of greedy search, and of those of beam search."""
    greedy = fitted.evaluate(part)
    answers = fitted.predict_all([pair.source for pair in part.examples], beam=options.beam)
    wide = Seq2SeqMetrics.of(
        [candidate.text for candidate in answers],
        [pair.targets for pair in part.examples],
        nats=greedy.nats_per_token,
        unit="word",
        corpus=greedy.sentences and has_sacrebleu(),
        sentences=greedy.sentences,
    )
    print(f"seed {seed}: greedy {greedy.report()}\nseed {seed}: beam {options.beam} {wide.report()}", flush=True)
    return greedy, wide


def trained(task, data, seed, options):
    """The model, and how many processor seconds it took."""
    spent = budget(options, minutes=MINUTES[options.what])
    spent |= {"learning_rate": options.learning_rate} if options.learning_rate else {}
    begun = time.process_time()
    fitted = elman.fit(task, data, seed=seed, report=Lines(), **spent)
    return fitted, time.process_time() - begun


def columns(measures):
    return {"seed": "", "best step": ",.0f", "processor seconds": ",.0f", **dict.fromkeys(measures, ".2f")}


def pronunciations():
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
        unit="pair",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=MINUTES)
    add_budget(parser)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the task")
    parser.add_argument("--digits", type=int, choices=SUMS, default=3, help="of the numbers to add")
    parser.add_argument("--beam", type=int, default=5, help="of pronunciation and translation")
    for options in runs(parser, SMOKE):
        if options.what == "addition":
            addition(options)
        elif options.what == "pronunciation" and there(DICTIONARY):
            pronunciation(options)
        elif options.what == "translation" and there(*SENTENCES["train"], *SENTENCES["val"]):
            translation(options)


if __name__ == "__main__":
    main()
