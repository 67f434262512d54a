"""The cost of looking inside, and the engines that serve without the native kernels.

    python benchmarks/taps.py [--rounds 15]

Forward passes by `unroll` and by `tap`, and training by the `fused` and `scan` engines: median milliseconds.
"""

import argparse

import jax
import jax.random as jr

import elman
from options import runs, shape
from results import Table, middle
from turns import measure

SHAPES = ((64, 64, 128, 256), (32, 32, 128, 128), (100, 1, 256, 256))
COLUMNS = {
    "T,B,I,H": "",
    "cell": "",
    "untapped": ".3g",
    "all taps": ".3g",
    "ratio": ".2f",
    "training, fused": ".3g",
    "training, scan": ".3g",
}
SMOKE = ("--rounds 1 --shapes 3,2,4,8",)


def calls(cell, xs):
    def forward(function):
        run = jax.jit(lambda cell, xs: function(cell, xs))
        return lambda: jax.block_until_ready(run(cell, xs))

    def training(engine):
        run = jax.jit(jax.grad(lambda cell, xs: elman.unroll(cell, xs, engine=engine)[1].sum(), argnums=(0, 1)))
        return lambda: jax.block_until_ready(run(cell, xs))

    return {
        "untapped": forward(elman.unroll),
        "all taps": forward(elman.tap),
        "training, fused": training("fused"),
        "training, scan": training("scan"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", nargs="+", type=shape, default=SHAPES, metavar="T,B,I,H")
    for options in runs(parser, SMOKE):
        with Table("taps", COLUMNS, options) as table:
            for time, batch, features, hidden in options.shapes:
                for kind in (elman.Elman, elman.GRU, elman.LSTM):
                    cell = kind(features, hidden, key=jr.key(0))
                    timings = measure(calls(cell, jr.normal(jr.key(1), (batch, time, features))), options.rounds)
                    plain, tapped, *training = [middle([1e3 * s for s in seconds]) for seconds in timings.values()]
                    ratio = tapped["median"] / plain["median"]
                    table.add(f"{time},{batch},{features},{hidden}", kind.__name__, plain, tapped, ratio, *training)


if __name__ == "__main__":
    main()
