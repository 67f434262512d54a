"""Tagging UD English EWT: parts of speech (UPOS) on gold tokens, without outside data; and speed beside PyTorch.

    python benchmarks/tagging.py accuracy [--epochs 30 | --minutes 20] [--seeds 0 1 2]
    python benchmarks/tagging.py speed [--rounds 3]

The folder of data is that of ELMAN_DATA. `accuracy` trains with the default settings, which were chosen on dev;
the test part is measured by the weights that were best there. A budget in epochs gives the same on a busy machine.

`speed` trains the default tagger for an epoch at a time and tags the 2,077 test sentences, in turn with the same model
in PyTorch on packed sequences: the same batches in the same order, each distinct word of a batch spelt once, the same
dropout rates, AdamW, gradient norm clipped to 1. Each library runs in a process of its own.
"""

import argparse
import statistics
import time

import numpy as np

import elman
from elman.training.reporters import Lines
from options import DATA, add_budget, budget, few, runs, settings, there
from results import Table
from turns import present
from workers import Worker, forth_and_back, serve

TREEBANK = DATA / "ud_english_ewt"
TAGGED_WORDS = 4096  # of a batch in tagging
FEW = 16  # sentences of a smoke run
TINY = "--set hidden_size=4 num_layers=1 embedding_size=4 letter_size=4 letter_hidden_size=4"
SMOKE = (f"accuracy --steps 2 {TINY}", f"speed --rounds 1 {TINY}")


def treebank(task, options):
    data = task.read(TREEBANK)
    return few(data, FEW) if options.smoke else data


def accuracy(options):
    task = elman.Tagging(**settings(options.set))
    spent = budget(options, epochs=options.epochs, evaluations=options.epochs)
    data = treebank(task, options)
    columns = {"seed": "", "best step": ",.0f", "processor seconds": ",.0f", "dev": ".2f", "test": ".2f"}
    rows = []
    for seed in options.seeds:
        begun = time.process_time()
        fitted = elman.fit(task, data, **spent, seed=seed, report=Lines())
        used, metrics = time.process_time() - begun, fitted.evaluate(data.test)
        print(f"seed {seed}: {metrics.report()}\n", flush=True)
        shares = fitted.validation.accuracy, metrics.accuracy
        rows.append((f"{seed}", fitted.measures["step"], used, *(100 * share for share in shares)))
    with Table("tagging-accuracy", columns, options, rows) as table:
        table.add_means(3)


class Elman:
    def __init__(self, task, data):
        import jax

        from elman.training.optimiser import make_optimiser
        from elman.training.start import start_state
        from elman.training.step import make_step

        settings = elman.Training(**task.training)
        self.task, self.data, self.batches = task, data, task.batches(data.train, seed=0)
        model = task.build(data.codec, key=jax.random.key(0))
        self.state = start_state(task, model, settings, 1)[:3]
        self.step, self.key = make_step(task, make_optimiser(settings)), jax.random.key(0)

    def epoch(self, number):
        import jax

        for place in range(number * len(self.batches), (number + 1) * len(self.batches)):
            key = jax.random.fold_in(self.key, place)
            *self.state, report = self.step(*self.state, self.batches.at(place), np.bool_(False), key, np.float32(RATE))
        return float(report.total) / float(report.count)

    def tag(self, sentences):
        from elman.tasks.tagging.fitted import Tagger

        return Tagger(task=self.task, codec=self.data.codec, model=self.state[0]).predict_all(sentences)


class Torch:
    def __init__(self, task, data):
        import torch

        torch.manual_seed(0)
        self.torch, self.task, self.data = torch, task, data
        self.batches = task.batches(data.train, seed=0)
        codec = data.codec
        self.words = torch.nn.Embedding(len(codec.words), task.embedding_size)
        self.letters = torch.nn.Embedding(len(codec.letters), task.letter_size)
        both = {"batch_first": True, "bidirectional": True}
        self.speller = torch.nn.LSTM(task.letter_size, task.letter_hidden_size, **both)
        size = task.embedding_size + 2 * task.letter_hidden_size
        self.layers = torch.nn.LSTM(size, task.hidden_size, task.num_layers, dropout=task.dropout, **both)
        self.head = torch.nn.Linear(2 * task.hidden_size, len(codec.tags))
        parts = (self.words, self.letters, self.speller, self.layers, self.head)
        self.weights = [weight for part in parts for weight in part.parameters()]
        decay = task.training["weight_decay"]
        self.optimiser = torch.optim.AdamW(self.weights, RATE, betas=(0.9, 0.99), weight_decay=decay, fused=True)

    def scores(self, batch, training):
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        torch, dropout = self.torch, self.torch.nn.functional.dropout
        real, present = int((batch.lengths > 0).sum()), int((batch.letter_counts > 0).sum()) + 1
        ids, lengths = torch.from_numpy(batch.words[:real]).long(), torch.from_numpy(batch.lengths[:real])
        letters = self.letters(torch.from_numpy(batch.letters[1:present]).long())
        counts = torch.from_numpy(batch.letter_counts[1:present])
        packed = pack_padded_sequence(letters, counts, batch_first=True, enforce_sorted=False)
        spelt = self.speller(packed)[1][0].transpose(0, 1).flatten(1)
        spelt = torch.cat([torch.zeros(1, spelt.shape[1]), spelt])
        xs = torch.cat([self.words(ids), spelt[torch.from_numpy(batch.spellings[:real]).long()]], dim=-1)
        xs = dropout(xs, self.task.input_dropout, training)
        self.layers.train(training)
        packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
        ys, _ = pad_packed_sequence(self.layers(packed)[0], batch_first=True)
        return self.head(dropout(ys, self.task.dropout, training)), real

    def epoch(self, number):
        torch = self.torch
        for place in range(number * len(self.batches), (number + 1) * len(self.batches)):
            batch = self.batches.at(place)
            scores, real = self.scores(batch, training=True)
            tags = np.where(batch.weights > 0, batch.tags, -100)[:real, : scores.shape[1]]
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(tags).long().flatten())
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
            self.optimiser.step()
        return loss.item()

    def tag(self, sentences):
        from elman.tasks.tagging.batches import TagBatches
        from elman.tasks.tagging.reading import TaggedWords

        batches = TagBatches([TaggedWords(words, ()) for words in sentences], self.data.codec, batch_words=TAGGED_WORDS)
        tags: list[list[str]] = [[] for _ in sentences]
        with self.torch.inference_mode():
            for step in range(len(batches)):
                best = self.scores(batches.at(step), training=False)[0].argmax(-1).tolist()
                for row, index in zip(best, batches.indices(step), strict=True):
                    tags[index] = [self.data.codec.tags[tag] for tag in row[: len(sentences[index])]]
        return tags


RATE = 3e-3
LIBRARIES = {"elman": Elman, "torch": Torch}


def work(library, options):
    """A process that for each line it is sent trains an epoch, or tags, and answers with the seconds."""
    task = elman.Tagging(decoder="softmax", **settings(options.set))
    data = treebank(task, options)
    model, sentences = LIBRARIES[library](task, data), [sentence.words for sentence in data.test.examples]
    model.epoch(0)  # compiles
    model.tag(sentences)
    epochs = 0

    def answer(what):
        nonlocal epochs
        begun = time.perf_counter()
        if what == "tag":
            model.tag(sentences)
        else:
            epochs += 1
            model.epoch(epochs)
        return time.perf_counter() - begun

    serve({"train": len(data.train), "tag": len(sentences)}, answer)


def speed(options):
    names = {"train": "an epoch of training", "tag": "tagging the test part"}
    libraries = present(LIBRARIES)
    workers = {name: Worker(name, options) for name in libraries}
    rates = {(what, library): [] for what in names for library in libraries}
    for _, library in forth_and_back(libraries, options.rounds):
        for what in ("train", "tag", "tag", "tag"):
            rates[what, library].append(workers[library].ask(what))
    columns = {"": "", "library": "", "seconds": ".3g", "spread": ".2f", "sentences a second": ",.0f"}
    with Table("tagging-speed", columns, options) as table:
        for (what, library), seconds in rates.items():
            count = workers[library].first[what]
            span = [min(seconds), max(seconds)]
            table.add(names[what], library, statistics.median(seconds), span, count / statistics.median(seconds))
        for what, name in names.items() if "torch" in libraries else ():
            torch, own = (statistics.median(rates[what, library]) for library in ("torch", "elman"))
            table.sum_up(f"{name}, times as fast as PyTorch", torch / own)
    for worker in workers.values():
        worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "speed"])
    parser.add_argument("--epochs", type=int, default=30)
    add_budget(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the task")
    for options in runs(parser, SMOKE):
        if options.worker:
            work(options.worker, options)
        elif there(TREEBANK):
            {"accuracy": accuracy, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
