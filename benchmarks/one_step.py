"""Work that cannot be batched over time, and some that can: streaming, generation and a long linear recurrence.

    python benchmarks/one_step.py [--rounds 15] [--only streaming generation linear]

| part | what is timed |
|---|---|
| streaming | one step of one sequence with its state, LSTM 256, by a `Stepper`, also in int8 and by a jitted `unroll` |
| overhead | the same by a `Stepper` for a cell of one unit: what is around the arithmetic |
| generation | a character of a language model, LSTM 2 x 512, by `Fitted.generate`, also in int8 |
| linear | training of a linear recurrence, MinGRU of 64 units, over 65,536 steps, engine by engine |

Libraries take turns; shown are medians in microseconds with half the range between the quartiles.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

import elman
from contenders import jax_call, make_case, onnxruntime_session, weights
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.words import Characters
from options import runs
from results import Table, middle
from turns import measure, present

SMOKE = ("--rounds 1 --length 4 --hidden-size 8 --time 16",)


def streaming(options):
    """One step of one sequence with its state, as a server makes it."""
    size = 256
    case = make_case("LSTM", (1, 1, size, size), training=False)
    cell, step = weights.cell_with(elman.LSTM, case.weights), jax.jit(elman.unroll)
    x, state = jnp.asarray(case.xs), {"unroll": step(cell, jnp.asarray(case.xs))[0]}

    def unroll_step():
        state["unroll"], ys = step(cell, x, state["unroll"])
        return ys.block_until_ready()

    calls = {"elman": stepped(cell), "elman int8": stepped(cell, "int8"), "elman unroll": unroll_step}
    if "torch" in options.peers:
        import torch

        layer, on_torch = torch.nn.LSTM(size, size), torch.tensor(case.xs)

        @torch.inference_mode()
        def torch_step():
            ys, state["torch"] = layer(on_torch, state.get("torch"))
            return ys

        calls["torch"] = torch_step
    if "onnxruntime" in options.peers:
        names = ("initial_h", "initial_c")
        session = onnxruntime_session("LSTM", case.weights, inputs=("X", *names), outputs=("Y", "Y_h", "Y_c"))
        state["onnxruntime"] = [np.zeros((1, 1, size), np.float32)] * 2

        def onnxruntime_step():
            feeds = dict(zip(names, state["onnxruntime"], strict=True))
            ys, *state["onnxruntime"] = session.run(None, {"X": case.xs} | feeds)
            return ys

        calls["onnxruntime"] = onnxruntime_step
    one_row("one-step-streaming", measure(calls, options.rounds), options)


def overhead(options):
    """The mean of a hundred steps, as of a stream that is never interrupted."""
    step = stepped(elman.LSTM(1, 1, key=jax.random.key(0)))
    seconds = measure({"elman": lambda: [step() for _ in range(100)]}, options.rounds)
    one_row("one-step-overhead", {"elman": [each / 100 for each in seconds["elman"]]}, options)


def stepped(cell, weights="float32"):
    """A call that makes the next step of a stream."""
    stepper, x = elman.Stepper(cell, weights=weights), np.ones((1, cell.input_size), np.float32)
    state = stepper.start()

    def step():
        nonlocal state
        state, y = stepper.step(state, x)
        return y

    return step


def generation(options):
    """Random weights: what is written does not matter to the time."""
    hidden, length, vocab = options.hidden_size, options.length, 96
    task = elman.LanguageModelling(hidden_size=hidden, num_layers=2)
    codec = Characters(tokens=("\0", *map(chr, range(32, 31 + vocab))))
    fitted = FittedLanguageModel(task=task, codec=codec, model=task.build(codec, key=jax.random.key(0)))
    int8 = fitted.packed("int8")
    calls = {
        "elman": lambda: fitted.generate("A", length=length, seed=0),
        "elman int8": lambda: int8.generate("A", length=length, seed=0),
    }
    if "torch" in options.peers:
        import torch

        embedding, head = torch.nn.Embedding(vocab, task.embedding_size), torch.nn.Linear(hidden, vocab)
        lstm = torch.nn.LSTM(task.embedding_size, hidden, num_layers=2)

        @torch.inference_mode()
        def torch_generate():
            token, state = torch.zeros(1, 1, dtype=torch.int64), None
            for _ in range(length):
                ys, state = lstm(embedding(token), state)
                token = torch.multinomial(torch.softmax(head(ys[0]), -1), 1)

        calls["torch"] = torch_generate
    seconds_each = {name: [s / length for s in seconds] for name, seconds in measure(calls, options.rounds).items()}
    one_row("one-step-generation", seconds_each, options)


def linear(options):
    time, size = options.time, 64
    cell = elman.MinGRU(size, size, key=jax.random.key(0))
    xs, pull = (np.random.default_rng(seed).normal(size=(1, time, size)).astype(np.float32) for seed in (0, 1))

    def layer(engine):
        return lambda cell, xs: elman.unroll(cell, xs, engine=engine)[1]

    engines = ("auto", "parallel", "scan")
    calls = {f"elman {engine}": jax_call(layer(engine), cell, xs, pull, training=True) for engine in engines}
    one_row("one-step-linear", measure(calls, options.rounds), options)


def one_row(name, timings, options):
    """Times in microseconds."""
    with Table(name, dict.fromkeys(timings, ".3g"), options) as table:
        table.add(*(middle([1e6 * second for second in seconds]) for seconds in timings.values()))


PARTS = {"streaming": streaming, "overhead": overhead, "generation": generation, "linear": linear}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--hidden-size", type=int, default=512, help="of the language model")
    parser.add_argument("--length", type=int, default=512, help="characters to generate")
    parser.add_argument("--time", type=int, default=65_536, help="steps of the linear recurrence")
    parser.add_argument("--peers", nargs="*", default=["torch", "onnxruntime"], choices=["torch", "onnxruntime"])
    for options in runs(parser, SMOKE):
        options.peers = present(options.peers)
        for part in options.only:
            PARTS[part](options)


if __name__ == "__main__":
    main()
