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
import re
import statistics
import sys
import time
from itertools import islice

import numpy as np

import elman
from elman.tasks.classification.reading import read_labelled
from elman.training.reporters import Quiet
from elman.words.lexicon import split_words
from options import DATA, add_budget, budget, few, runs, settings, there
from results import Table, mean
from turns import present
from workers import Worker, forth_and_back, serve

TEXTS = DATA / "classification"
PLACES = {"reviews": TEXTS / "review_polarity.tar.gz", "speed": TEXTS / "sst"}  # others have the name of their folder
FEW, FEW_NAMES = 200, 2_000  # texts of each part in a smoke run; rare names have to be among them
TINY = "--steps 2 --set hidden_size=4 embedding_size=4 num_layers=1"
SMOKE = (*(f"{name} {TINY}" for name in ("sst", "trec", "names", "reviews --folds 1")), f"speed --rounds 1 {TINY}")

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
LINEAR = {
    "bayes": "naive Bayes of words and pairs",
    "characters": "naive Bayes of characters",
    "tfidf": "logistic regression, TF-IDF",
}
TRAINING: dict[str, dict] = {
    "sst": {"epochs": 8, "evaluations": 8},
    "trec": {"epochs": 10},
    "names": {"epochs": 12, "evaluations": 12},
    "reviews": {"epochs": 6, "evaluations": 6},
}


def texts_and_labels(part):
    return [one.text for one in part], [one.label for one in part]


def linear(kind, train, validation, test, *, tried=None):
    """A linear model with the settings that are best on the validation part, of all or of the first `tried` ones: its
    accuracy and macro-F1 on the test."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.naive_bayes import MultinomialNB

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

    best, scores_of_best = -1.0, None
    for counter in counters[:tried]:
        texts, labels = texts_and_labels(train)
        features = counter.fit_transform(texts)
        for model in models[:tried]:
            model.fit(features, labels)
            judged = scores(model, counter, validation)[kind == "characters"]
            if judged > best:
                best, scores_of_best = judged, scores(model, counter, test)
    return scores_of_best


def place_of(name):
    return PLACES.get(name, TEXTS / name)


def parts_of(name):
    """Labelled texts to train, validate and test with: one split, or one of each fold."""
    from elman.tasks.data import split

    texts = read_labelled(place_of(name), encoding="utf-8" if name in ("sst", "names") else "latin-1")
    if name == "reviews":
        folds = [[] for _ in range(10)]
        for text in texts.train:
            folds[int(re.findall(r"cv(\d)\d\d_", text.place)[0])].append(text)
        for test in range(10):
            held_out = (test + 1) % 10
            train = [text for fold in range(10) if fold not in (test, held_out) for text in folds[fold]]
            yield train, folds[held_out], folds[test]
        return
    train, validation, test = ([*part] for part in (texts.train, texts.validation, texts.test))
    if name == "trec":
        train, test = ([text._replace(label=text.label.partition(":")[0]) for text in part] for part in (train, test))
    if not validation:
        dealt = split(train, validation=0.1, test=0 if test else 0.1, seed=0, by=lambda text: text.label)
        train, validation, test = dealt.train, dealt.validation, test or dealt.test
    yield train, validation, test


def some(part, name):
    return part[:: max(1, len(part) // (FEW_NAMES if name == "names" else FEW))]


def accuracy(options):
    name, task = options.what, elman.Classification(**TASKS[options.what] | settings(options.set))
    training = budget(options, **TRAINING[name])
    kind = {"sst": "bayes", "names": "characters"}.get(name, "tfidf")
    peer, ours = [], []
    for parts in islice(parts_of(name), options.folds):
        train, validation, test = (some(part, name) if options.smoke else part for part in parts)
        peer.append(linear(kind, train, validation, test, tried=1 if options.smoke else None))
        print(f"{kind}, linear: accuracy {peer[-1][0]:.2%}, macro-F1 {peer[-1][1]:.2%}", flush=True)
        for seed in options.seeds:
            pairs = [[(text.text, text.label) for text in part] for part in (train, validation, test)]
            data = task.read_texts(pairs[0], validation=pairs[1], test=pairs[2])
            begun = time.process_time()
            fitted = elman.fit(task, data, seed=seed, report=Quiet(), **training)
            used, metrics = time.process_time() - begun, fitted.evaluate(data.test)
            ours.append((metrics, used))
            print(f"seed {seed}, {used:.0f} processor seconds: {fitted.validation}; test {metrics}", flush=True)
    columns = {"data": "", "model": "", "accuracy": ".1f", "macro-F1": ".1f"}
    columns |= {"calibration error before": ".1f", "after": ".1f", "processor seconds a run": ".0f"}
    with Table(f"classification-{name}", columns, options) as table:
        measures = ("accuracy", "macro_f1", "uncalibrated", "calibrated")
        shares = [mean([100 * getattr(metrics, which) for metrics, _ in ours]) for which in measures]
        table.add(name, f"elman, seeds {', '.join(map(str, options.seeds))}", *shares, mean([used for _, used in ours]))
        linear_shares = [mean([100 * share for share in column]) for column in zip(*peer, strict=True)]
        table.add(name, LINEAR[kind], *linear_shares, None, None, None)


def elman_epochs(task, data):
    import jax
    import jax.numpy as jnp

    from elman.training.optimiser import make_optimiser
    from elman.training.start import start_state
    from elman.training.step import make_step

    settings = elman.Training(learning_rate=RATE)
    batches = task.batches(data.train, seed=0)
    model = task.build(data.codec, key=jax.random.key(0))
    model, memory, carry, _, _ = start_state(task, model, settings, task.in_batch)
    step, key = make_step(task, make_optimiser(settings)), jax.random.key(0)

    def epoch(number):
        nonlocal model, memory, carry
        for place in range(number * len(batches), (number + 1) * len(batches)):
            batch, noise = batches.at(place), jax.random.fold_in(key, place)
            model, memory, carry, report = step(model, memory, carry, batch, np.bool_(False), noise, jnp.float32(RATE))
        return float(report.total) / float(report.count)

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
            ids = torch.where(torch.rand(ids.shape) < task.word_dropout, data.codec.vocabulary.unknown, ids)
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


def sentences(options):
    """The task and the data of sst."""
    task = elman.Classification(**TASKS["sst"] | settings(options.set))
    data = task.read(place_of("sst"))
    return task, few(data, FEW) if options.smoke else data


def work(library, options):
    """A process that trains an epoch for each line it is sent, and answers with the seconds."""
    task, data = sentences(options)
    epoch = LIBRARIES[library](task, data)
    epoch(0)  # compiles

    def answer(number):
        begun = time.perf_counter()
        epoch(int(number))
        return time.perf_counter() - begun

    serve(len(data.train), answer)


def speed(options):
    libraries = present(LIBRARIES)
    workers = {name: Worker(name, options) for name in libraries}
    rates = {name: [] for name in libraries}
    for turn, name in forth_and_back(libraries, options.rounds):
        rates[name].append(workers[name].ask(turn + 1))
        print(f"round {turn + 1}, {name}: {rates[name][-1]:.2f} s", file=sys.stderr, flush=True)
    medians = {name: statistics.median(seconds) for name, seconds in rates.items()}
    columns = {"library": "", "seconds an epoch": ".2f", "spread": ".2f", "texts a second": ",.0f"}
    with Table("classification-speed", columns, options) as table:
        for name, seconds in rates.items():
            table.add(name, medians[name], [min(seconds), max(seconds)], workers[name].first / medians[name])
            workers[name].close()
        if "torch" in medians:
            table.sum_up("times as fast as PyTorch", medians["torch"] / medians["elman"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*TASKS, "speed"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    add_budget(parser)
    parser.add_argument("--folds", type=int, default=10, help="of reviews")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the task")
    for options in runs(parser, SMOKE):
        if options.worker:
            work(options.worker, options)
        elif there(place_of(options.what)):
            speed(options) if options.what == "speed" else accuracy(options)


if __name__ == "__main__":
    main()
