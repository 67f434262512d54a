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
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

import elman
from elman.training.reporters import Lines

DATA = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "ud_english_ewt"
TAGGED_WORDS = 4096  # of a batch in tagging


def accuracy(seeds, budget):
    task = elman.Tagging()
    data, found = task.read(DATA), []
    for seed in seeds:
        before = processor_seconds()
        fitted = elman.fit(task, data, **budget, seed=seed, report=Lines())
        used = processor_seconds() - before
        metrics = fitted.evaluate(data.test)
        print(f"seed {seed}: {metrics.report()}\n", flush=True)
        found.append((seed, fitted.measures["step"], used, fitted.validation.accuracy, metrics.accuracy))
    print(f"{heading()}, {budget}, {task}")
    print("| seed | best step | processor seconds | dev | test |\n|---|---|---|---|---|")
    for seed, step, used, dev, test in found:
        print(f"| {seed} | {step:,} | {used:,.0f} | {100 * dev:.2f} | {100 * test:.2f} |")
    if len(found) > 1:
        dev, test = ([100 * row[place] for row in found] for place in (3, 4))
        means = (f"{statistics.fmean(part):.2f} ± {statistics.stdev(part):.2f}" for part in (dev, test))
        print(f"| mean | | | {' | '.join(means)} |")


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def heading():
    return f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores"


class Elman:
    def __init__(self, task, data):
        import jax

        from elman.training.optimiser import make_optimiser
        from elman.training.state import start_state
        from elman.training.step import make_step

        settings = elman.Training(**task.training)
        self.task, self.data, self.batches = task, data, task.batches(data.train, seed=0)
        model = task.build(data.codec, key=jax.random.key(0))
        self.state = start_state(model, settings, ())[:3]
        self.step, self.key = make_step(task, make_optimiser(settings)), jax.random.key(0)

    def epoch(self, number):
        import jax

        for place in range(number * len(self.batches), (number + 1) * len(self.batches)):
            key = jax.random.fold_in(self.key, place)
            *self.state, found = self.step(*self.state, self.batches.at(place), np.bool_(False), key, np.float32(RATE))
        return float(found.total) / float(found.count)

    def tag(self, sentences):
        from elman.fitted import Tagger

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
        from elman.data.tag_batches import TagBatches
        from elman.data.tagged import Tagged

        batches = TagBatches([Tagged(words, ()) for words in sentences], self.data.codec, batch_words=TAGGED_WORDS)
        found: list[list[str]] = [[] for _ in sentences]
        with self.torch.inference_mode():
            for step in range(len(batches)):
                best = self.scores(batches.at(step), training=False)[0].argmax(-1).tolist()
                for row, index in zip(best, batches.indices(step), strict=True):
                    found[index] = [self.data.codec.tags[tag] for tag in row[: len(sentences[index])]]
        return found


RATE = 3e-3
LIBRARIES = {"elman": Elman, "torch": Torch}


def work(library):
    """A process that for each line it is sent trains an epoch, or tags, and answers with the seconds."""
    task = elman.Tagging(decoder="softmax")
    data = task.read(DATA)
    model, sentences = LIBRARIES[library](task, data), [sentence.words for sentence in data.test.examples]
    model.epoch(0)  # compiles
    model.tag(sentences)
    print(json.dumps(0.0), flush=True)
    for number, line in enumerate(sys.stdin, start=1):
        begun = time.perf_counter()
        if line.strip() == "tag":
            model.tag(sentences)
        else:
            model.epoch(number)
        print(json.dumps(time.perf_counter() - begun), flush=True)


def speed(rounds):
    workers = {}
    for library in LIBRARIES:
        command = [sys.executable, __file__, "work", "--library", library]
        workers[library] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        json.loads(workers[library].stdout.readline())
    found = {(what, library): [] for what in ("train", "tag") for library in LIBRARIES}
    for turn in range(rounds):
        for what, times in (("train", 1), ("tag", 3)):
            for library in list(LIBRARIES)[:: 1 if turn % 2 else -1]:
                for _ in range(times):
                    print(what, file=workers[library].stdin, flush=True)
                    found[what, library].append(json.loads(workers[library].stdout.readline()))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    print(f"{heading()}, {rounds} rounds")
    print("| | library | seconds (median) | spread | sentences a second |\n|---|---|---|---|---|")
    for (what, library), seconds in found.items():
        middle, name, count = statistics.median(seconds), *NAMES[what]
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"| {name} | {library} | {middle:.2f} | {spread} | {count / middle:,.0f} |")
    for what, (name, _) in NAMES.items():
        ratio = statistics.median(found[what, "torch"]) / statistics.median(found[what, "elman"])
        print(f"\n{name}, ratio of medians: {ratio:.2f}")


NAMES = {"train": ("an epoch of training", 12544), "tag": ("tagging the test part", 2077)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "speed", "work"])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--library", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "work":
        work(options.library)
    elif options.what == "speed":
        speed(options.rounds)
    else:
        minutes, epochs = options.minutes, options.epochs
        accuracy(options.seeds, {"minutes": minutes} if minutes else {"epochs": epochs, "evaluations": epochs})


if __name__ == "__main__":
    main()
