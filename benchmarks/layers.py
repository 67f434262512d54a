"""One recurrent layer in elman, PyTorch, plain JAX, Keras and ONNX Runtime: the same weights and inputs, in one run.

    python benchmarks/layers.py [--rounds 15] [--only training ragged] [--cells LSTM] [--shapes 64,64,128,256 ...]

| part | what is timed |
|---|---|
| training | all outputs, and the gradients by weights and inputs |
| forward | all outputs |
| ragged | training, lengths from 1 to T, half of T on average; only operations of real steps are counted |

The libraries take turns, so that a change of the machine's mood meets all. Before that their outputs are compared.
Shown are medians with half the range between the quartiles, the time of the best peer over elman's, and the share of
the best matrix product that the machine did so far. Each library has its usual layout: PyTorch, plain JAX and ONNX
Runtime time first, Keras and elman batch first.
"""

import argparse
import math
import statistics
import sys

import numpy as np

import elman
from contenders import FAMILIES, MAKERS, TIME_FIRST, elman_call, make_case, operations
from turns import Peak, machine, measure, present, shown

SHAPES = (
    (8, 64, 42, 256),
    (64, 64, 128, 256),
    (128, 64, 256, 256),
    (50, 50, 512, 512),
    (32, 32, 128, 128),
    (900, 10, 1, 20),
    (21, 128, 12, 128),
    (100, 1, 256, 256),
    (200, 16, 100, 1024),
)
RAGGED_SHAPES = ((64, 64, 128, 256), (128, 64, 256, 256), (900, 10, 1, 20), (21, 128, 12, 128))
PARTS = ("training", "forward", "ragged")


def print_table(part, options, peak):
    """Prints one row a shape and cell, then the geometric mean of the ratios."""
    contenders = ["elman", *(f"elman {engine}" for engine in options.engines), *options.peers]
    if part != "forward":
        contenders = [name for name in contenders if name != "onnxruntime"]
    shapes = options.shapes or (RAGGED_SHAPES if part == "ragged" else SHAPES)
    print(f"\n{part}: ms\n")
    print(f"| T,B,I,H | cell | {' | '.join(contenders)} | best peer / elman | GFLOP/s | of peak | max difference |")
    print("|---" * (len(contenders) + 6) + "|")
    ratios = []
    for shape in shapes:
        for cell in options.cells:
            print(f"{part} {shape} {cell}", file=sys.stderr)
            case = make_case(cell, shape, training=part != "forward", ragged=part == "ragged")
            found, difference = layer_times(case, options)
            flops, best = operations(case) / statistics.median(found["elman"]), peak.measure()
            peers = [statistics.median(found[name]) for name in options.peers if name in found]
            ratio = min(peers, default=math.nan) / statistics.median(found["elman"])
            ratios.append(ratio)
            times = [shown(found[name], 1e3) if name in found else "-" for name in contenders]
            numbers = f"{ratio:.2f} | {flops / 1e9:.0f} | {flops / best:.0%} | {difference:.1g}"
            print(f"| {','.join(map(str, shape))} | {cell} | {' | '.join(times)} | {numbers} |", flush=True)
    print(f"\ngeometric mean of best peer / elman: {statistics.geometric_mean(ratios):.2f}")


def layer_times(case, options):
    """Seconds by contender, and the largest difference of any outputs from elman's."""
    calls = {"elman": elman_call(case)}
    for engine in options.engines:
        try:
            calls[f"elman {engine}"] = call = elman_call(case, engine)
            call()
        except elman.ConfigError as error:
            print(f"{error}: left out", file=sys.stderr)
            del calls[f"elman {engine}"]
    calls |= {name: call for name in options.peers if (call := MAKERS[name](case))}
    ys = {name: np.asarray(call()) for name, call in calls.items()}
    ys |= {name: ys[name].swapaxes(0, 1) for name in TIME_FIRST if name in ys}
    difference = max(float(np.abs(other - ys["elman"]).max()) for other in ys.values())
    return measure(calls, options.rounds), difference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", nargs="+", type=lambda text: tuple(map(int, text.split(","))), metavar="T,B,I,H")
    parser.add_argument("--cells", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--peers", nargs="*", default=list(MAKERS), choices=MAKERS)
    parser.add_argument("--engines", nargs="*", default=[], help="engines of elman to time besides auto")
    options = parser.parse_args()
    print(machine(options.rounds))
    options.peers = present(options.peers)
    peak = Peak(options.peers)
    for part in options.only:
        print_table(part, options, peak)
    print(f"\nbest product of the run: {peak.flops / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
