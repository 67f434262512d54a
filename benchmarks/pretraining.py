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
import re
import tempfile
import time
from pathlib import Path

import elman
from elman.tasks.classification.reading import read_labelled
from elman.training.reporters import Lines, Quiet
from elman.words.lexicon import split_words
from options import DATA, add_budget, budget, few, runs, there
from results import Table, mean

SST = DATA / "classification" / "sst"
MORE = (DATA / "classification" / "mr", DATA / "classification" / "review_polarity.tar.gz")
GLOVE = DATA / "vectors" / "glove.6B.50d.top20k.txt.xz"
STARTS = ("chance", "vectors", "forward", "both")
SMOKE = ("language --steps 1", *(f"{start} --steps 1" for start in STARTS))

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


def settings(options):
    ahead, back = str(options.folder / "ahead.elman"), str(options.folder / "back.elman")
    thaw = {"thaw_epochs": options.thaw_epochs, "layer_rate": options.layer_rate}
    return {
        "chance": {},
        "vectors": {"vectors": str(GLOVE), "vectors_rate": options.vectors_rate},
        "forward": {"start_from": (ahead,), **thaw},
        "both": {"start_from": (ahead, back), **thaw},
    }[options.what]


def text_to_learn_from():
    """One line a sentence, its words apart from each other as in SST-2, and how many lines were left out."""
    sst = read_labelled(SST)
    held_out = [words_of(one.text) for part in (sst.validation, sst.test) for one in part]
    forbidden = {run for words in held_out for run in fives(words)}
    letters = {"".join(words) for words in held_out}
    kept, left_out = [words_of(one.text) for one in sst.train], 0
    for place in MORE:
        for one in read_labelled(place, encoding="latin-1").train:
            for words in map(words_of, one.text.split("\n")):
                if not words:
                    continue
                if fives(words) & forbidden or "".join(words) in letters:
                    left_out += 1
                else:
                    kept.append(words)
    return "".join(" ".join(words) + "\n" for words in kept), len(kept), left_out


def words_of(line):
    brackets = line.lower().replace("-lrb-", "(").replace("-rrb-", ")")
    return [word for word in split_words(brackets) if re.search(r"\w", word) or len(word) < 4]


def fives(words):
    plain = [word for word in words if re.search(r"\w", word)]
    return {tuple(plain[start : start + 5]) for start in range(len(plain) - 4)}


TINY_LANGUAGE = {"vocabulary_size": 300, "embedding_size": 8, "hidden_size": 8}


def learn_language(options):
    text, lines, left_out = text_to_learn_from()
    print(f"{lines:,} lines, {len(text):,} characters; {left_out:,} lines left out", flush=True)
    text = text[:20_000] if options.smoke else text
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, reverse in (("ahead", False), ("back", True)):
        task = elman.LanguageModelling(**LANGUAGE | (TINY_LANGUAGE if options.smoke else {}), reverse=reverse)
        fitted = elman.fit(
            task, task.read_text(text), **budget(options, minutes=12), learning_rate=0.002, report=Lines()
        )
        fitted.save(options.folder / f"{name}.elman", force=True)
        rows.append((name, fitted.measures["step"], fitted.validation.perplexity))
    Table("pretraining-language", {"reads": "", "best step": ",.0f", "perplexity": ".1f"}, options, rows).keep()


def accuracy(options):
    task, rows = elman.Classification(**settings(options)), []
    data = task.read(SST)
    data = few(data, 20) if options.smoke else data
    for seed in options.seeds:
        begun = time.perf_counter()
        fitted = elman.fit(task, data, **budget(options, epochs=EPOCHS), seed=seed, report=Quiet())
        test, seconds = fitted.evaluate(data.test), time.perf_counter() - begun
        rows.append((100 * fitted.validation.accuracy, 100 * test.accuracy, seconds))
        print(f"seed {seed}, {seconds:.0f} s: validation {fitted.validation}; test {test}", flush=True)
    columns = {"start": "", "seeds": "", "validation": ".1f", "test": ".1f", "seconds a run": ".0f"}
    with Table(f"pretraining-{options.what}", columns, options) as table:
        table.add(options.what, ", ".join(map(str, options.seeds)), *map(mean, zip(*rows, strict=True)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["language", *STARTS])
    parser.add_argument("--folder", type=Path, default=Path("lm"))
    add_budget(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--vectors-rate", type=float, default=5.0)
    parser.add_argument("--thaw-epochs", type=int, default=1)
    parser.add_argument("--layer-rate", type=float, default=0.4)
    with tempfile.TemporaryDirectory() as folder:
        for options in runs(parser, SMOKE):
            if options.smoke:
                options.folder = Path(folder)
            needed = {"language": (SST, *MORE), "vectors": (SST, GLOVE)}.get(options.what, (SST,))
            if there(*needed):
                learn_language(options) if options.what == "language" else accuracy(options)


if __name__ == "__main__":
    main()
