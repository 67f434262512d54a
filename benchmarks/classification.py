"""Classification of texts on real data, each figure beside a peer in the same run.

    python benchmarks/classification.py sst|trec|names|reviews [--seeds 0 1 2] [--folds 10]
    python benchmarks/classification.py speed [--rounds 5]

The folder of data is that of ELMAN_DATA. Settings were chosen on the validation parts; the test parts are measured by
the weights that were best on the validation part. Beside each stands what a linear model of scikit-learn reaches with
the best of a few settings, chosen on the same validation part:

- sst: SST-2, sentences only, official split; naive Bayes on words and pairs of words.
- trec: 6 coarse classes, official test part, a tenth of the rest validates; logistic regression on TF-IDF.
- names: surnames of 18 languages, a tenth each validates and tests (by class, seed 0); naive Bayes on n-grams of up to
  4 characters.
- reviews: review_polarity, ten folds by file number (cv000 to cv099 first), the next fold validates; logistic
  regression on TF-IDF.

`speed` trains the classifier of sst for one epoch at a time, in turn with the same model in PyTorch on packed
sequences: the same batches in the same order, the same dropout rates, Adam, gradient norm clipped to 1.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from datetime import date
from itertools import islice
from pathlib import Path

import numpy as np

import elman
from elman.data.labelled import read_labelled
from elman.training.reporters import Quiet

DATA = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "classification"

TASKS = {
    "sst": {"embedding_size": 300, "hidden_size": 150},
    "trec": {"coarse": True, "encoding": "latin-1", "lower": False, "embedding_size": 256},
    "names": {
        "vocabulary": "characters",
        "lower": False,
        "embedding_size": 64,
        "hidden_size": 256,
        "convolution": 3,
        "input_dropout": 0.1,
        "word_dropout": 0.0,
        "balance": 0.3,
        "label_smoothing": 0.1,
        "batch_size": 64,
    },
    "reviews": {"pooling": "mean"},
}
TRAINING: dict[str, dict] = {
    "sst": {"epochs": 8, "evaluations": 8},
    "trec": {"epochs": 10},
    "names": {"epochs": 12, "evaluations": 12},
    "reviews": {"epochs": 6, "evaluations": 6},
}


def texts_and_labels(part):
    return [one.text for one in part], [one.label for one in part]


def linear(kind, train, validation, test):
    """A linear model with the settings that are best on the validation part: its accuracy and macro-F1 on the test."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.naive_bayes import MultinomialNB

    from elman.data.words import split_words

    words = {"tokenizer": split_words, "token_pattern": None}
    if kind == "characters":
        ranges = [{"analyzer": how, "ngram_range": (low, 4)} for how in ("char", "char_wb") for low in (1, 2, 3, 4)]
        counters = [CountVectorizer(lowercase=lower, **ngrams) for ngrams in ranges for lower in (True, False)]
        models = [MultinomialNB(alpha=alpha) for alpha in (0.01, 0.03, 0.1, 0.3, 1.0)]
    elif kind == "bayes":
        counters = [CountVectorizer(binary=True, ngram_range=(1, n), **words) for n in (1, 2)]
        models = [MultinomialNB(alpha=alpha) for alpha in (0.3, 1.0, 3.0)]
    else:
        counters = [TfidfVectorizer(sublinear_tf=True, ngram_range=(1, n), **words) for n in (1, 2)]
        models = [LogisticRegression(C=c, max_iter=2000) for c in (1, 10, 100)]

    def scores(model, counter, part):
        texts, labels = texts_and_labels(part)
        predicted = model.predict(counter.transform(texts))
        return np.mean(predicted == np.array(labels)), f1_score(labels, predicted, average="macro", zero_division=0)

    best, found = -1.0, None
    for counter in counters:
        texts, labels = texts_and_labels(train)
        features = counter.fit_transform(texts)
        for model in models:
            model.fit(features, labels)
            judged = scores(model, counter, validation)[kind == "characters"]
            if judged > best:
                best, found = judged, scores(model, counter, test)
    return found


def parts_of(name):
    """Labelled texts to train, validate and test with: one split, or one of each fold."""
    from elman.data.examples import split

    place = DATA / ("review_polarity.tar.gz" if name == "reviews" else name)
    found = read_labelled(place, encoding="utf-8" if name in ("sst", "names") else "latin-1")
    if name == "reviews":
        folds = [[] for _ in range(10)]
        for text in found.train:
            folds[int(re.findall(r"cv(\d)\d\d_", text.place)[0])].append(text)
        for test in range(10):
            held_out = (test + 1) % 10
            train = [text for fold in range(10) if fold not in (test, held_out) for text in folds[fold]]
            yield train, folds[held_out], folds[test]
        return
    train, validation, test = ([*part] for part in (found.train, found.validation, found.test))
    if name == "trec":
        train, test = ([text._replace(label=text.label.partition(":")[0]) for text in part] for part in (train, test))
    if not validation:
        dealt = split(train, validation=0.1, test=0 if test else 0.1, seed=0, by=lambda text: text.label)
        train, validation, test = dealt.train, dealt.validation, test or dealt.test
    yield train, validation, test


def accuracy(name, seeds, folds):
    kind = {"sst": "bayes", "names": "characters"}.get(name, "tfidf")
    peer, ours = [], []
    for train, validation, test in islice(parts_of(name), folds):
        peer.append(linear(kind, train, validation, test))
        print(f"{kind}, linear: accuracy {peer[-1][0]:.2%}, macro-F1 {peer[-1][1]:.2%}", flush=True)
        for seed in seeds:
            task = elman.Classification(**TASKS[name])
            pairs = [[(text.text, text.label) for text in part] for part in (train, validation, test)]
            data = task.read_texts(pairs[0], validation=pairs[1], test=pairs[2])
            begun, processed = time.perf_counter(), time.process_time()
            fitted = elman.fit(task, data, seed=seed, report=Quiet(), **TRAINING[name])
            seconds, processed = time.perf_counter() - begun, time.process_time() - processed
            metrics = fitted.evaluate(data.test)
            ours.append((metrics, seconds, processed))
            print(
                f"{len(ours)}: seed {seed}, {seconds:.0f} s, {processed:.0f} s of processor time, "
                f"validation {fitted.validation}; test {metrics}",
                flush=True,
            )
    print(f"\n{heading()}, settings {TASKS[name]}, {TRAINING[name]}")
    print(
        "| data | model | accuracy | macro-F1 | calibration error before, after | seconds to train, of processor time |"
    )
    print("|---|---|---|---|---|---|")
    print(f"| {name} | {kind}, linear | {shown([a for a, _ in peer])} | {shown([f for _, f in peer])} | | |")
    calibration = [shown([getattr(m, which) for m, *_ in ours]) for which in ("uncalibrated", "calibrated")]
    print(
        f"| {name} | elman | {shown([m.accuracy for m, *_ in ours])} | {shown([m.macro_f1 for m, *_ in ours])} "
        f"| {', '.join(calibration)} | {shown_seconds(ours)} |"
    )


def shown(values):
    spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.1f}{spread}"


def shown_seconds(runs):
    return ", ".join(f"{statistics.fmean(run[place] for run in runs):.0f}" for place in (1, 2))


def heading():
    return f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def elman_epochs(task, data):
    import jax
    import jax.numpy as jnp

    from elman.training.optimiser import make_optimiser
    from elman.training.state import start_state
    from elman.training.step import make_step

    settings = elman.Training(learning_rate=RATE)
    batches = task.batches(data.train, seed=0)
    model = task.build(data.codec, key=jax.random.key(0))
    model, memory, carry, _, _ = start_state(model, settings, task.init_carry(model, task.batch_size))
    step, key = make_step(task, make_optimiser(settings)), jax.random.key(0)

    def epoch(number):
        nonlocal model, memory, carry
        for place in range(number * len(batches), (number + 1) * len(batches)):
            batch, noise = batches.at(place), jax.random.fold_in(key, place)
            model, memory, carry, found = step(model, memory, carry, batch, np.bool_(False), noise, jnp.float32(RATE))
        return float(found.total) / float(found.count)

    return epoch


def torch_epochs(task, data):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(0)
    vocab, classes = data.codec.vocabulary.size, len(data.codec.labels)
    embedding = torch.nn.Embedding(vocab, task.embedding_size)
    lstm = torch.nn.LSTM(task.embedding_size, task.hidden_size, task.num_layers, batch_first=True, bidirectional=True)
    head = torch.nn.Linear(2 * task.hidden_size, classes)
    weights = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimiser, batches = torch.optim.Adam(weights, RATE, betas=(0.9, 0.99)), task.batches(data.train, seed=0)

    def whole_features(xs, rate):
        return xs * torch.bernoulli(torch.full((len(xs), 1, xs.shape[2]), 1 - rate)) / (1 - rate)

    def epoch(number):
        for place in range(number * len(batches), (number + 1) * len(batches)):
            ids, lengths, _, labels, rows = batches.at(place)
            real = int((rows > 0).sum())
            ids, lengths, labels = torch.from_numpy(ids[:real]).long(), torch.from_numpy(lengths[:real]), labels[:real]
            ids = torch.where(torch.rand(ids.shape) < task.word_dropout, data.codec.unknown, ids)
            xs = whole_features(embedding(ids), task.input_dropout)
            packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
            ys, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, padding_value=float("-inf"))
            pooled = torch.nn.functional.dropout(ys.amax(dim=1), task.dropout)
            loss = torch.nn.functional.cross_entropy(head(pooled), torch.from_numpy(labels).long())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
        return loss.item()

    return epoch


RATE = 3e-3
LIBRARIES = {"elman": elman_epochs, "torch": torch_epochs}


def work(library):
    """A process that trains an epoch for each line it is sent, and answers with the seconds."""
    task = elman.Classification(**TASKS["sst"])
    epoch = LIBRARIES[library](task, task.read(DATA / "sst"))
    epoch(0)  # compiles
    print(json.dumps(0.0), flush=True)
    for number, _ in enumerate(sys.stdin, start=1):
        begun = time.perf_counter()
        epoch(number)
        print(json.dumps(time.perf_counter() - begun), flush=True)


def speed(rounds):
    found, workers = {library: [] for library in LIBRARIES}, {}
    for library in LIBRARIES:
        command = [sys.executable, __file__, "work", "--library", library]
        workers[library] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        json.loads(workers[library].stdout.readline())
    for turn in range(rounds):
        for library in list(LIBRARIES)[:: 1 if turn % 2 else -1]:
            print(turn, file=workers[library].stdin, flush=True)
            found[library].append(json.loads(workers[library].stdout.readline()))
            print(f"round {turn + 1}, {library}: {found[library][-1]:.2f} s", file=sys.stderr, flush=True)
    print(f"{heading()}, {rounds} rounds, settings {TASKS['sst']}")
    print("| library | seconds an epoch (median) | spread | texts a second |\n|---|---|---|---|")
    for library, seconds in found.items():
        middle = statistics.median(seconds)
        print(f"| {library} | {middle:.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {6920 / middle:,.0f} |")
        workers[library].stdin.close()
        workers[library].wait()
    print(f"\nratio of medians: {statistics.median(found['torch']) / statistics.median(found['elman']):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*TASKS, "speed", "work"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, default=10, help="of reviews")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--library", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "work":
        work(options.library)
    elif options.what == "speed":
        speed(options.rounds)
    else:
        accuracy(options.what, options.seeds, options.folds)


if __name__ == "__main__":
    main()
