"""Linear recurrences: the ways to compute h = a h + b, and linear cells by the engines "parallel" and "scan".

    python benchmarks/linear_recurrence.py [--rounds 9] [--cells MinGRU LRU ...]

The competitors of a row take turns. Shown are medians in milliseconds with half the range between the quartiles;
training is the gradient by weights and inputs.
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr

import elman
from elman.ops.linear_recurrence import _loop, _rounds
from elman.recurrence import unroll
from options import runs, shape
from results import Table, middle
from turns import measure

WIDTHS = [(65536, 16), (65536, 256), (4096, 4096), (64, 16384), (64, 256)]
SHAPES = [  # batch, time, inputs, units
    (1, 65536, 16, 16),
    (1, 65536, 64, 64),
    (32, 1024, 64, 64),
    (32, 64, 64, 256),
    (64, 64, 128, 256),
    (16, 200, 100, 1024),
    (32, 8, 64, 256),
    (32, 4, 64, 256),
    (32, 1, 64, 256),
]
SMOKE = ("--rounds 1 --widths 64,4 --shapes 2,6,3,4",)


def pieces(a, b, h, count=32):
    """Time in `count` pieces side by side: each from nothing, then their ends joined, then each from its true start."""
    a, b = [jnp.swapaxes(x.reshape(count, -1, *x.shape[1:]), 0, 1) for x in (a, b)]

    def ends(carried, now):
        return (now[0] * carried[0], now[0] * carried[1] + now[1]), None

    joined, _ = jax.lax.scan(ends, (jnp.ones_like(b[0]), jnp.zeros_like(b[0])), (a, b))
    starts = jnp.concatenate([h[None], _loop(False, *joined, h)[:-1]])
    return jnp.swapaxes(_loop(False, a, b, starts), 0, 1)


def compare(functions, arguments, rounds):
    """Milliseconds of each function of the arguments."""
    calls = {name: partial(finished, jax.jit(function), arguments) for name, function in functions.items()}
    return [middle([1e3 * second for second in seconds]) for seconds in measure(calls, rounds).values()]


def finished(function, arguments):
    return jax.block_until_ready(function(*arguments))


def recurrences(options):
    ways = {"loop": lambda *x: _loop(False, *x), "pieces": pieces, "rounds": lambda *x: _rounds(False, *x)}
    with Table("linear-recurrences", {"T x width": "", **dict.fromkeys(ways, ".3g")}, options) as table:
        for steps, width in options.widths:
            a = jr.uniform(jr.key(0), (steps, width), minval=0.5)
            b, h = jr.normal(jr.key(1), (steps, width)), jnp.ones(width)
            table.add(f"{steps:,} x {width:,}", *compare(ways, (a, b, h), options.rounds))


def engines(options):
    times = ("scan", "parallel", "scan, training", "parallel, training")
    columns = dict.fromkeys(("cell", "batch x time", "inputs, units", *times), ".3g")
    with Table("linear-cells", columns, options) as table:
        for name in options.cells:
            for batch, steps, inputs, units in options.shapes:
                cell = getattr(elman, name)(inputs, units, key=jr.key(0))
                xs, weights = jr.normal(jr.key(1), (batch, steps, inputs)), jr.normal(jr.key(2), (batch, steps, units))
                row = []
                for training in (False, True):
                    ways = {engine: runner(engine, weights, training) for engine in ("scan", "parallel")}
                    row += compare(ways, (cell, xs), options.rounds)
                table.add(name, f"{batch} x {steps:,}", f"{inputs}, {units}", *row)


def runner(engine, weights, training):
    def outputs(cell, xs):
        return unroll(cell, xs, engine=engine)[1]

    return jax.grad(lambda cell, xs: jnp.sum(outputs(cell, xs) * weights), argnums=(0, 1)) if training else outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--widths", nargs="+", type=shape, default=WIDTHS, metavar="TIME,WIDTH")
    parser.add_argument("--shapes", nargs="+", type=shape, default=SHAPES, metavar="BATCH,TIME,INPUTS,UNITS")
    parser.add_argument("--cells", nargs="+", default=["MinGRU", "MinLSTM", "LRU", "RGLRU"])
    for options in runs(parser, SMOKE):
        recurrences(options)
        engines(options)


if __name__ == "__main__":
    main()
