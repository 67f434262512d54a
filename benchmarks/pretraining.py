"""SST-2 (sentences only, official split) from chance, from word vectors and from elman's own language models.

    python benchmarks/pretraining.py language [--folder lm] [--minutes 12]    trains the language models, both ways
    python benchmarks/pretraining.py chance|vectors|forward|both [--folder lm] [--seeds 0 1 2]

The folder of data is that of ELMAN_DATA. The weights are those that were best on the validation part.

- vectors: GloVe 6B, 50 features, the 20,000 most frequent words (Pennington et al., 2014).
- forward, both: language models of sub-words, learned from the sentences to train on, the sentences of MR and the
  documents of review_polarity, without their labels. SST-2 was made from MR, so every line that shares five words in a
  row, or all of its letters, with a sentence to validate or test on is left out.
"""

import argparse
import os
import platform
import re
import statistics
import time
from datetime import date
from pathlib import Path

import elman
from elman.data.labelled import read_labelled
from elman.data.words import split_words
from elman.training.reporters import Lines, Quiet

DATA = Path(os.environ.get("ELMAN_DATA", "shared/data"))
SST = DATA / "classification" / "sst"
GLOVE = DATA / "vectors" / "glove.6B.50d.top20k.txt.xz"

LANGUAGE = {
    "vocabulary": "subwords",
    "vocabulary_size": 4000,
    "embedding_size": 256,
    "hidden_size": 256,
    "tied": True,
    "input_dropout": 0.1,
    "dropout": 0.1,
    "validation": 0.02,
    "test": 0.0,
}
EPOCHS = 5


def settings(what, options):
    ahead, back = str(options.folder / "ahead.elman"), str(options.folder / "back.elman")
    thaw = {"thaw_epochs": options.thaw_epochs, "layer_rate": options.layer_rate}
    return {
        "chance": {},
        "vectors": {"vectors": str(GLOVE), "vectors_rate": options.vectors_rate},
        "forward": {"start_from": (ahead,), **thaw},
        "both": {"start_from": (ahead, back), **thaw},
    }[what]


def text_to_learn_from():
    """One line a sentence, its words apart from each other as in SST-2, and how many lines were left out."""
    sst = read_labelled(SST)
    held_out = [words_of(one.text) for part in (sst.validation, sst.test) for one in part]
    forbidden = {run for words in held_out for run in runs(words)}
    letters = {"".join(words) for words in held_out}
    kept, left_out = [words_of(one.text) for one in sst.train], 0
    for place in ("mr", "review_polarity.tar.gz"):
        for one in read_labelled(DATA / "classification" / place, encoding="latin-1").train:
            for words in map(words_of, one.text.split("\n")):
                if not words:
                    continue
                if runs(words) & forbidden or "".join(words) in letters:
                    left_out += 1
                else:
                    kept.append(words)
    return "".join(" ".join(words) + "\n" for words in kept), len(kept), left_out


def words_of(line):
    brackets = line.lower().replace("-lrb-", "(").replace("-rrb-", ")")
    return [word for word in split_words(brackets) if re.search(r"\w", word) or len(word) < 4]


def runs(words):
    plain = [word for word in words if re.search(r"\w", word)]
    return {tuple(plain[start : start + 5]) for start in range(len(plain) - 4)}


def learn_language(folder, minutes):
    text, lines, left_out = text_to_learn_from()
    print(f"{lines:,} lines, {len(text):,} characters; {left_out:,} lines left out", flush=True)
    for name, reverse in (("ahead", False), ("back", True)):
        task = elman.LanguageModelling(**LANGUAGE, reverse=reverse)
        data = task.read_text(text)
        fitted = elman.fit(task, data, minutes=minutes, learning_rate=0.002, report=Lines())
        fitted.save(folder / f"{name}.elman", force=True)
        print(
            f"{name}: {len(data.train):,} {data.unit}s, validation {fitted.validation}, {fitted.measures}", flush=True
        )


def accuracy(what, options):
    task, found = elman.Classification(**settings(what, options)), []
    data = task.read(SST)
    for seed in options.seeds:
        begun = time.perf_counter()
        fitted = elman.fit(task, data, epochs=EPOCHS, seed=seed, report=Quiet())
        test, seconds = fitted.evaluate(data.test), time.perf_counter() - begun
        found.append((fitted.validation.accuracy, test.accuracy, seconds))
        print(f"seed {seed}, {seconds:.0f} s: validation {fitted.validation}; test {test}", flush=True)
    print(f"\n{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, {EPOCHS} epochs")
    print("| start | validation | test | seeds | seconds a run |\n|---|---|---|---|---|")
    validation, test, seconds = zip(*found, strict=True)
    print(f"| {what} | {shown(validation)} | {shown(test)} | {len(options.seeds)} | {statistics.fmean(seconds):.0f} |")


def shown(shares):
    spread = f" ± {100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * statistics.fmean(shares):.1f}{spread}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["language", "chance", "vectors", "forward", "both"])
    parser.add_argument("--folder", type=Path, default=Path("lm"))
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--vectors-rate", type=float, default=5.0)
    parser.add_argument("--thaw-epochs", type=int, default=1)
    parser.add_argument("--layer-rate", type=float, default=0.4)
    options = parser.parse_args()
    if options.what == "language":
        options.folder.mkdir(parents=True, exist_ok=True)
        learn_language(options.folder, options.minutes)
    else:
        accuracy(options.what, options)


if __name__ == "__main__":
    main()
