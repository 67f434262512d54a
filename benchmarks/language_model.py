"""One LSTM language model trained by elman, PyTorch and Keras (JAX backend), side by side in one run.

    python benchmarks/language_model.py [TEXT] [--rounds 12] [--target-loss 2.0]

Embedding 64, LSTM 256, batch 64, unroll 64, state carried from batch to batch, Adam 3e-3, gradient norm clipped to 1,
the same batches in the same order. Each library runs in a process of its own and they take turns, so that a change
of the machine's mood meets all; the others wait meanwhile. Reported: time from the start of the process to the end of
the first step, characters per second (median and spread over rounds), and training time to a given loss.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date

import numpy as np

EMBEDDING, HIDDEN, BATCH, UNROLL, RATE = 64, 256, 64, 64, 3e-3
LIBRARIES = ("elman", "torch", "keras")


def batches(path):
    """Endless (inputs, targets, is_first), epoch after epoch, and the size of the vocabulary."""
    from elman.data import Streams
    from elman.data.corpus import read_corpus
    from elman.data.text import TextSource

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
    from elman.data import Batch
    from elman.data.vocabulary import Characters
    from elman.training.optimiser import make_optimiser
    from elman.training.state import start_state
    from elman.training.step import make_step

    task = elman.LanguageModelling(
        embedding_size=EMBEDDING, hidden_size=HIDDEN, num_layers=1, dropout=0, input_dropout=0, batch_size=BATCH
    )
    settings = elman.Training(learning_rate=RATE, clip=1.0)
    codec = Characters(tokens=tuple(map(chr, range(vocab))))
    model = task.build(codec, key=jax.random.key(0))
    model, memory, carry, _, _ = start_state(model, settings, model.init_carry(BATCH))
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
    first = train(*next(source))
    print(json.dumps({"seconds": time.perf_counter() - begun, "losses": [first]}), flush=True)
    for line in sys.stdin:
        rows = [next(source) for _ in range(int(line))]
        begun = time.perf_counter()
        losses = [train(*row) for row in rows]
        print(json.dumps({"seconds": time.perf_counter() - begun, "losses": losses}), flush=True)


class Worker:
    def __init__(self, library, path):
        command = [sys.executable, __file__, *([path] if path else []), "--work", library]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.library, self.speeds, self.losses, self.trained = library, [], [], 0.0
        self.first = self.answer()["seconds"]
        self.to_target = None

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.library}: its process ended; is it installed?")
        return json.loads(line)

    def turn(self, steps, target):
        print(steps, file=self.process.stdin, flush=True)
        found = self.answer()
        self.speeds.append(steps * BATCH * UNROLL / found["seconds"])
        for loss in found["losses"]:
            self.trained += found["seconds"] / steps
            self.losses.append(loss)
            if self.to_target is None and statistics.fmean(self.losses[-10:]) <= target:
                self.to_target = self.trained

    def row(self):
        speeds = sorted(self.speeds)
        reached = "not reached" if self.to_target is None else f"{self.to_target:.1f} s"
        return (
            f"| {self.library} | {statistics.median(speeds):,.0f} | {speeds[0]:,.0f} to {speeds[-1]:,.0f} "
            f"| {self.first:.1f} s | {reached} | {statistics.fmean(self.losses[-10:]):.3f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps-per-round", type=int, default=10)
    parser.add_argument("--target-loss", type=float, default=2.0)
    parser.add_argument("--libraries", nargs="+", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.text)
    workers = [Worker(library, options.text) for library in options.libraries]
    for number in range(options.rounds):
        for worker in workers:
            worker.turn(options.steps_per_round, options.target_loss)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    print(f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"| library | characters/s | spread | first step | to {options.target_loss} nats | last loss |")
    print("|---|---|---|---|---|---|")
    for worker in workers:
        print(worker.row())
        worker.process.stdin.close()
        worker.process.wait()


if __name__ == "__main__":
    main()
