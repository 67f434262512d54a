"""Many sessions of a language model at once, LSTM 2 x 512, in one loop of continuous batching.

    python benchmarks/serving.py [--seconds 10] [--sessions 1 16 64 256] [--only batch idle]

| part | what is measured |
|---|---|
| batch | sessions that write all the time, each taking its text as it comes: the time of a step, characters in all |
| idle | the memory of a session that waits, beyond the model |

PyTorch and ONNX Runtime serve the same sizes in the same loop (`elman.serving.batching.Batcher`): a desk of theirs is
in the place of elman's, gathers the states of the rows, makes one step of all, and samples for all at once.
"""

import argparse
import asyncio
import time
import tracemalloc
from abc import abstractmethod
from functools import cached_property

import jax
import numpy as np

import elman
from elman.interop import to_onnx
from elman.serving.batching import Batcher
from elman.tasks.language_modelling.desk import CHOSEN, Desk, TextState
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.words import Characters
from options import runs
from results import Table
from turns import present

SMOKE = ("--seconds 0.3 --sessions 1 3 --hidden-size 8 --idle 20",)


def make_model(options, kind=FittedLanguageModel):
    """A model with random weights: what it writes does not matter to the time."""
    task = elman.LanguageModelling(hidden_size=options.hidden_size, num_layers=2)
    codec = Characters(tokens=("\0", *map(chr, range(32, 32 + 85))))
    return kind(task=task, codec=codec, model=task.build(codec, key=jax.random.key(0)))


async def served(fitted, sessions, seconds):
    """The end, the seconds and the tokens of each step, once everybody writes."""
    steps = []

    async def write(batcher, seed, ends):
        session = fitted.session(seed=seed)
        while time.perf_counter() < ends:
            async for _ in batcher.generate(session, 400, temperature=0.8):
                if time.perf_counter() >= ends:
                    break

    def observe(took, tokens):
        steps.append((time.perf_counter(), took, tokens))

    async with Batcher(fitted, rows=sessions, observe=observe) as batcher:
        ends = time.perf_counter() + seconds
        await asyncio.gather(*(write(batcher, seed, ends) for seed in range(sessions)))
    return steps[len(steps) // 5 :]


def batch(options):
    calls = {"elman": make_model(options)}
    calls["elman int8"] = calls["elman"].packed("int8")
    if "torch" in options.peers:
        calls["torch"] = make_model(options, TorchModel)
    if "onnxruntime" in options.peers:
        calls["onnxruntime"] = make_model(options, OnnxModel)
    columns = {"sessions": "", "by": "", "step, ms": ".3g", "99% of steps, ms": ".3g", "characters a second": ",.0f"}
    with Table("serving-batch", columns, options) as table:
        for sessions in options.sessions:
            for name, fitted in calls.items():
                asyncio.run(served(fitted, sessions, min(1, options.seconds)))  # what is compiled
                at, took, tokens = np.array(asyncio.run(served(fitted, sessions, options.seconds))).T
                median, late = np.percentile(took, [50, 99]) * 1e3
                table.add(sessions, name, float(median), float(late), tokens[1:].sum() / (at[-1] - at[0]))


def idle(options):
    fitted, kept = make_model(options), []
    fitted.session().feed("A FEW WORDS ")
    tracemalloc.start()
    for seed in range(options.idle):
        session = fitted.session(seed=seed)
        session.feed("A FEW WORDS ")
        kept.append(session)
    each = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    state = sum(array.nbytes for array in kept[0].contents().arrays.values())
    with Table("serving-idle", {"bytes of a session": ",.0f", "of its state": ",.0f"}, options) as table:
        table.add(each, float(state))


class PeerDesk(Desk):
    """A desk whose states are arrays of a peer; nothing that is measured takes them back."""

    def __init__(self, fitted, slots):
        super().__init__(slots, 1 << 30)
        self.fitted, self.temperature = fitted, np.ones((slots, 1), np.float32)
        self.logits = np.zeros((slots, fitted.codec.size), np.float32)

    def put(self, slot, state, rule):
        super().put(slot, state, rule)
        self.temperature[slot], self.logits[slot] = rule.temperature, state.logits

    def take(self, slot):
        return TextState(self.fitted.model.init_carry(1), self.logits[slot], 0, 0, 0)

    @abstractmethod
    def choose(self, slots):
        """The next tokens of some texts."""

    @abstractmethod
    def step(self, slots, ids):
        """Reads the next tokens of some texts."""

    def walk(self, slots, ids):
        for step in range(ids.shape[1]):
            chosen = self.choose(slots)
            ids[:, step] = np.where(ids[:, step] == CHOSEN, chosen, ids[:, step])
            self.step(slots, ids[:, step])
        self.drawn[slots] += ids.shape[1]
        return np.zeros(ids.shape, np.float32)


class TorchDesk(PeerDesk):
    def __init__(self, fitted, slots):
        import torch

        super().__init__(fitted, slots)
        size, task = fitted.codec.size, fitted.task
        self.torch, self.embedding = torch, torch.nn.Embedding(size, task.embedding_size)
        self.lstm = torch.nn.LSTM(task.embedding_size, task.hidden_size, num_layers=2)
        self.head = torch.nn.Linear(task.hidden_size, size)
        self.state = [torch.zeros(2, slots, task.hidden_size) for _ in "hc"]
        self.scores = torch.zeros(slots, size)

    def choose(self, slots):
        torch = self.torch
        with torch.inference_mode():
            scores = self.scores[torch.from_numpy(slots)] / torch.from_numpy(self.temperature[slots])
            scores[:, 0] = -torch.inf
            return torch.multinomial(torch.softmax(scores, -1), 1)[:, 0].numpy()

    def step(self, slots, ids):
        torch, rows = self.torch, self.torch.from_numpy(slots)
        with torch.inference_mode():
            state = tuple(each[:, rows] for each in self.state)
            ys, after = self.lstm(self.embedding(torch.from_numpy(ids.astype(np.int64)))[None], state)
            for each, new in zip(self.state, after, strict=True):
                each[:, rows] = new
            self.scores[rows] = self.head(ys[0])


class OnnxDesk(PeerDesk):
    def __init__(self, fitted, slots):
        super().__init__(fitted, slots)
        self.session = fitted.on_onnx
        self.names = [one.name for one in self.session.get_inputs() if one.name.startswith("state.")]
        shapes = {one.name: one.shape[1:] for one in self.session.get_inputs()}
        self.states = {name: np.zeros((slots, *shapes[name]), np.float32) for name in self.names}
        self.random = np.random.default_rng(0)

    def choose(self, slots):
        scores = self.logits[slots] / self.temperature[slots]
        scores[:, 0] = -np.inf
        return (scores + self.random.gumbel(size=scores.shape).astype(np.float32)).argmax(axis=1)

    def step(self, slots, ids):
        feeds = {name: self.states[name][slots] for name in self.names}
        inputs = {"tokens": ids[:, None].astype(np.int32), "lengths": np.ones(len(ids), np.int32)}
        outputs = ["logits", *(name.replace("state.", "next.") for name in self.names)]
        logits, *after = self.session.run(outputs, feeds | inputs)
        self.logits[slots] = logits[:, 0]
        for name, new in zip(self.names, after, strict=True):
            self.states[name][slots] = new


class TorchModel(FittedLanguageModel):
    def desk(self, slots):
        return TorchDesk(self, slots)


class OnnxModel(FittedLanguageModel):
    @cached_property
    def on_onnx(self):
        import onnxruntime

        return onnxruntime.InferenceSession(to_onnx(self).SerializeToString(), providers=["CPUExecutionProvider"])

    def desk(self, slots):
        return OnnxDesk(self, slots)


PARTS = {"batch": batch, "idle": idle}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--sessions", nargs="+", type=int, default=[1, 16, 64, 256])
    parser.add_argument("--idle", type=int, default=1000, help="sessions that wait")
    parser.add_argument("--hidden-size", type=int, default=512, help="of the language model")
    parser.add_argument("--peers", nargs="*", default=["torch", "onnxruntime"], choices=["torch", "onnxruntime"])
    for options in runs(parser, SMOKE):
        options.peers = present(options.peers)
        for part in options.only:
            PARTS[part](options)


if __name__ == "__main__":
    main()
