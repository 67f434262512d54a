"""One LSTM language model trained by elman, PyTorch and Keras (JAX backend), side by side in one run.

    python benchmarks/language_model.py [TEXT] [--rounds 12] [--target-loss 2.0]

Embedding 64, LSTM 256, batch 64, unroll 64, state carried from batch to batch, Adam 3e-3, gradient norm clipped to 1,
the same batches in the same order. Each library runs in a process of its own and they take turns, so that a change
of the machine's mood meets all; the others wait meanwhile. Reported: time from the start of the process to the end of
the first step, characters per second (median and spread over rounds), and training time to a given loss.
"""

import argparse
import os
import statistics
import sys
import time

import numpy as np

from options import runs
from results import Table
from turns import present
from workers import Worker, serve

EMBEDDING, HIDDEN, BATCH, UNROLL, RATE = 64, 256, 64, 64, 3e-3
LIBRARIES = ("elman", "torch", "keras")
SMOKE = ("--rounds 1 --steps-per-round 1",)


def batches(path):
    """Endless (inputs, targets, is_first), epoch after epoch, and the size of the vocabulary."""
    from elman.formats.text import TextSource
    from elman.tasks.language_modelling.corpus import read_corpus
    from elman.words.streams import Streams

    data = read_corpus(TextSource.open(path) if path else TextSource.embedded())
    streams = Streams(data.train.tokens, batch_size=BATCH, unroll_length=UNROLL)
    full = len(streams) - 1  # the last batch is not full

    def endless():
        while True:
            for index in range(full):
                yield streams[index].inputs, streams[index].targets, index == 0

    return endless(), data.codec.size


def elman_trainer(vocab):
    import jax
    import jax.numpy as jnp

    import elman
    from elman.training.optimiser import make_optimiser
    from elman.training.start import start_state
    from elman.training.step import make_step
    from elman.words.streams import Batch
    from elman.words.vocabulary import Characters

    task = elman.LanguageModelling(
        embedding_size=EMBEDDING, hidden_size=HIDDEN, num_layers=1, dropout=0, input_dropout=0, batch_size=BATCH
    )
    settings = elman.Training(learning_rate=RATE, clip=1.0)
    codec = Characters(tokens=tuple(map(chr, range(vocab))))
    model = task.build(codec, key=jax.random.key(0))
    model, memory, carry, _, _ = start_state(task, model, settings, BATCH)
    step, key, weights = make_step(task, make_optimiser(settings)), jax.random.key(0), np.ones((BATCH, UNROLL), "f")
    lengths = np.full(BATCH, UNROLL, np.int32)

    def train(inputs, targets, is_first):
        nonlocal model, memory, carry
        batch = Batch(inputs, targets, lengths, weights)
        model, memory, carry, result = step(model, memory, carry, batch, np.bool_(is_first), key, jnp.float32(RATE))
        return float(result.total) / (BATCH * UNROLL)

    return train


def torch_trainer(vocab):
    import torch

    torch.manual_seed(0)
    embedding = torch.nn.Embedding(vocab, EMBEDDING)
    lstm = torch.nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
    head = torch.nn.Linear(HIDDEN, vocab)
    weights = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(weights, RATE, betas=(0.9, 0.99))
    state = None

    def train(inputs, targets, is_first):
        nonlocal state
        state = None if is_first else state
        hidden, state = lstm(embedding(torch.from_numpy(inputs).long()), state)
        state = tuple(s.detach() for s in state)
        loss = torch.nn.functional.cross_entropy(head(hidden).flatten(0, 1), torch.from_numpy(targets).long().flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        return loss.item()

    return train


def keras_trainer(vocab):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.utils.set_random_seed(0)
    lstm = keras.layers.LSTM(HIDDEN, return_sequences=True, stateful=True)
    inputs = keras.Input(batch_shape=(BATCH, UNROLL), dtype="int32")
    logits = keras.layers.Dense(vocab)(lstm(keras.layers.Embedding(vocab, EMBEDDING)(inputs)))
    model = keras.Model(inputs, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE, beta_2=0.99, global_clipnorm=1.0), loss=loss)

    def train(inputs, targets, is_first):
        if is_first:
            lstm.reset_states()
        return float(model.train_on_batch(inputs, targets))

    return train


def work(library, path):
    """A process that trains `n` steps for each line `n` it is sent, and answers with the time and the losses."""
    begun = time.perf_counter()
    source, vocab = batches(path)
    train = {"elman": elman_trainer, "torch": torch_trainer, "keras": keras_trainer}[library](vocab)
    train(*next(source))

    def steps(line):
        rows = [next(source) for _ in range(int(line))]
        begun = time.perf_counter()
        losses = [train(*row) for row in rows]
        return {"seconds": time.perf_counter() - begun, "losses": losses}

    serve(time.perf_counter() - begun, steps)


class Course:
    """The course of one library's training."""

    def __init__(self, target):
        self.target, self.to_target = target, None
        self.speeds, self.losses, self.trained = [], [], 0.0

    def go_on(self, seconds, losses):
        self.speeds.append(len(losses) * BATCH * UNROLL / seconds)
        for loss in losses:
            self.trained += seconds / len(losses)
            self.losses.append(loss)
            if self.to_target is None and self.last_loss() <= self.target:
                self.to_target = self.trained

    def last_loss(self):
        return statistics.fmean(self.losses[-10:])


def compare(options):
    libraries = present(options.libraries)
    workers = {name: Worker(name, options) for name in libraries}
    courses = {name: Course(options.target_loss) for name in libraries}
    for number in range(options.rounds):
        for name, worker in workers.items():
            courses[name].go_on(**worker.ask(options.steps_per_round))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    columns = {"library": "", "characters/s": ",.0f", "spread": ",.0f", "first step, s": ".1f"}
    columns |= {f"to {options.target_loss} nats, s": ".1f", "last loss": ".3f"}
    with Table("language-model", columns, options) as table:
        for name, course in courses.items():
            spread = [min(course.speeds), max(course.speeds)]
            measured = statistics.median(course.speeds), spread, workers[name].first
            table.add(name, *measured, course.to_target, course.last_loss())
            workers[name].close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps-per-round", type=int, default=10)
    parser.add_argument("--target-loss", type=float, default=2.0)
    parser.add_argument("--libraries", nargs="+", default=LIBRARIES, choices=LIBRARIES)
    for options in runs(parser, SMOKE):
        if options.worker:
            work(options.worker, options.text)
        else:
            compare(options)


if __name__ == "__main__":
    main()
