"""The seconds from a typed command to its first step, its first character or its help.

    python benchmarks/startup.py [--rounds 7] [--only training imports help]

Each figure is of a process of its own, from its start to the output that is waited for; elman, PyTorch and Keras (JAX
backend) take turns. All train a character model of two LSTM layers of 256 units on batches of 32 times 64. elman's row
is `elman train` with its defaults, which also reads a text and splits it; the peers have only to import, to build and
to step. `cold` begins without compiled programs, `warm` is each run after it; the peers keep none. Shown are seconds:
medians with half the range between the quartiles.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from options import runs
from results import Table, middle
from workers import forth_and_back

EMBEDDING, HIDDEN, LAYERS, BATCH, UNROLL, VOCAB = 64, 256, 2, 32, 64, 64
SMOKE = ("--rounds 0 --hidden-size 4",)
HELP = ("", "train", "train --task tagging", "generate", "predict", "evaluate", "neighbours", "projector")
HELP += ("info", "lesson", "verify")
ELMAN = [sys.executable, "-c", "from elman.cli.main import main; main()"]


def torch_step(hidden):
    import torch

    embedding = torch.nn.Embedding(VOCAB, EMBEDDING)
    lstm = torch.nn.LSTM(EMBEDDING, hidden, LAYERS, batch_first=True)
    head = torch.nn.Linear(hidden, VOCAB)
    weights = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(weights, 0.005)
    ids = torch.randint(VOCAB, (BATCH, UNROLL + 1))
    logits = head(lstm(embedding(ids[:, :-1]))[0])
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()
    return loss.item()


def keras_step(hidden):
    import keras
    import numpy as np

    inputs = keras.Input(batch_shape=(BATCH, UNROLL), dtype="int32")
    xs = keras.layers.Embedding(VOCAB, EMBEDDING)(inputs)
    for _ in range(LAYERS):
        xs = keras.layers.LSTM(hidden, return_sequences=True)(xs)
    model = keras.Model(inputs, keras.layers.Dense(VOCAB)(xs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.AdamW(0.005, global_clipnorm=1.0), loss=loss)
    ids = np.random.default_rng(0).integers(VOCAB, size=(BATCH, UNROLL + 1))
    return float(model.train_on_batch(ids[:, :-1], ids[:, 1:]))


STEPS = {"torch": torch_step, "keras": keras_step}


def seconds(command, caches, until):
    """From the start of a process to the output that holds `until`, of which b"" is any; None is its end."""
    environment = os.environ | {"XDG_CACHE_HOME": str(caches), "KERAS_BACKEND": "jax"}
    with tempfile.TemporaryFile() as complaints:
        begun, read = time.perf_counter(), b""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=environment)
        output: Any = process.stdout
        while until is None or not read or until not in read:
            piece = output.read1()
            if not piece:
                break
            read += piece
        elapsed = time.perf_counter() - begun
        if until is not None:
            process.kill()
        process.communicate()
        if process.returncode if until is None else not read or until not in read:
            complaints.seek(0)
            sys.exit(f"{command}: {complaints.read().decode()}")
    return elapsed


def measured(commands, rounds, caches):
    """For each name of a (command, what is waited for): the seconds of a first run, and a list of those after it, or of
    the first where no rounds are run."""
    first = {name: seconds(command, caches, until) for name, (command, until) in commands.items()}
    later = {name: [] for name in commands}
    for _, name in forth_and_back(commands, rounds):
        command, until = commands[name]
        later[name].append(seconds(command, caches, until))
    return first, later if rounds else {name: [one] for name, one in first.items()}


def training(options, folder):
    place, size = str(folder / "model.elman"), ["--hidden-size", str(options.hidden_size)]
    train = [*ELMAN, "train", "--json", "--force", *size, "--out"]
    seconds([*train, place, "--steps", "1"], folder / "others", until=None)
    commands = {"elman train, first step": ([*train, str(folder / "other.elman")], b'"event":"stepped"')}
    for peer in options.peers:
        worker = [sys.executable, __file__, *size, "--worker", peer]
        commands[f"{peer}, first step"] = (worker, b"loss")
    commands["elman generate, first character"] = ([*ELMAN, "generate", place], b"")
    cold, warm = measured(commands, options.rounds, folder / "caches")
    with Table("startup-training", {"": "", "warm, s": ".2f", "cold, s": ".2f"}, options) as table:
        for name in commands:
            table.add(name, middle(warm[name]), None if name.split(",")[0] in STEPS else cold[name])


def imports(options, folder):
    programs = ["import jax", "import elman; elman.fit", *(f"import {peer}" for peer in options.peers)]
    commands = {program: ([sys.executable, "-c", program], None) for program in programs}
    _, warm = measured(commands, options.rounds, folder / "caches")
    with Table("startup-imports", {"": "", "s": ".2f"}, options) as table:
        for program in programs:
            table.add(program, middle(warm[program]))
        ratios = [fit / jax for fit, jax in zip(warm["import elman; elman.fit"], warm["import jax"], strict=True)]
        table.sum_up("elman.fit beside jax", statistics.median(ratios))


def help_texts(options, folder):
    commands = {"python -c pass": ([sys.executable, "-c", "pass"], None)}
    for command in HELP:
        words = [*command.split(), "--help"]
        commands[" ".join(["elman", *words])] = ([*ELMAN, *words], None)
    _, warm = measured(commands, options.rounds, folder / "caches")
    with Table("startup-help", {"": "", "s": ".3f"}, options) as table:
        for name in commands:
            table.add(name, middle(warm[name]))


PARTS = {"training": training, "imports": imports, "help": help_texts}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--hidden-size", type=int, default=256)
    for options in runs(parser, SMOKE):
        if options.worker:
            print("loss", STEPS[options.worker](options.hidden_size), flush=True)
            return
        from turns import present  # here, since it imports JAX, which the peers' processes need not

        options.peers = present(options.peers)
        for name in options.only:
            with tempfile.TemporaryDirectory() as folder:
                PARTS[name](options, Path(folder))


if __name__ == "__main__":
    main()
