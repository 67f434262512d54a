"""What it costs to look inside, and what serves without the native kernels.

    python benchmarks/taps.py [--rounds 15]

Forward passes without and with all taps, and training by the `fused` and `scan` engines: median milliseconds.
"""

import argparse
import statistics

import jax
import jax.random as jr

import elman
from turns import machine, measure

SHAPES = ((64, 64, 128, 256), (32, 32, 128, 128), (100, 1, 256, 256))


def calls(cell, xs):
    def forward(taps):
        run = jax.jit(lambda cell, xs: elman.unroll(cell, xs, taps=taps))
        return lambda: jax.block_until_ready(run(cell, xs))

    def training(engine):
        run = jax.jit(jax.grad(lambda cell, xs: elman.unroll(cell, xs, engine=engine)[1].sum(), argnums=(0, 1)))
        return lambda: jax.block_until_ready(run(cell, xs))

    return {
        "untapped": forward(()),
        "all taps": forward("all"),
        "training, fused": training("fused"),
        "training, scan": training("scan"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(machine(options.rounds))
    columns = ("T,B,I,H", "cell", "untapped", "all taps", "ratio", "training, fused", "training, scan")
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for time, batch, features, hidden in SHAPES:
        for kind in (elman.Elman, elman.GRU, elman.LSTM):
            cell = kind(features, hidden, key=jr.key(0))
            found = measure(calls(cell, jr.normal(jr.key(1), (batch, time, features))), options.rounds)
            plain, tapped, *training = [statistics.median(seconds) * 1e3 for seconds in found.values()]
            times = " | ".join(f"{ms:.3g}" for ms in (plain, tapped))
            rest = " | ".join(f"{ms:.3g}" for ms in training)
            row = f"{time},{batch},{features},{hidden} | {kind.__name__} | {times} | {tapped / plain:.2f} | {rest}"
            print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
