"""One recurrent layer in elman, PyTorch, plain JAX, Keras and ONNX Runtime: the same weights and inputs, in one run.

    python benchmarks/layers.py [--rounds 15] [--only training ragged] [--cells LSTM] [--shapes 64,64,128,256 ...]
    python benchmarks/layers.py --cells all    # the other cells too, each beside its scan

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
import statistics
import sys

import numpy as np

import elman
from contenders import FAMILIES, MAKERS, OTHERS, TIME_FIRST, elman_call, make_case, operations
from options import runs, shape
from results import Table, middle
from turns import Peak, measure, present

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
OTHER_SHAPES = ((64, 64, 128, 256), (32, 32, 128, 128), (900, 10, 1, 20), (100, 1, 256, 256))
PARTS = ("training", "forward", "ragged")
SMOKE = (
    "--rounds 1 --shapes 3,2,4,8 --only training",
    "--rounds 1 --shapes 3,2,4,8 --only forward ragged --cells GRU --engines fused",
    "--rounds 1 --shapes 3,2,4,8 --only training --cells ResetBeforeGRU",
)


def part_table(part, options, peak):
    """One row a shape and cell, times in ms; then the geometric mean of the ratios."""
    contenders = ["elman", *(f"elman {engine}" for engine in options.engines), *options.peers]
    if part != "forward":
        contenders = [name for name in contenders if name != "onnxruntime"]
    columns = dict.fromkeys(("T,B,I,H", "cell", *contenders), ".3g")
    columns |= {"best peer / elman": ".2f", "GFLOP/s": ".0f", "of peak": ".0%", "max difference": ".1g"}
    shapes = options.shapes or (RAGGED_SHAPES if part == "ragged" else SHAPES)
    with Table(f"layers-{part}", columns, options) as table:
        for shape in shapes:
            for cell in filter(FAMILIES.get, options.cells):
                print(f"{part} {shape} {cell}", file=sys.stderr)
                case = make_case(cell, shape, training=part != "forward", ragged=part == "ragged")
                times, difference = layer_times(case, options)
                times = {name: middle([1e3 * second for second in seconds]) for name, seconds in times.items()}
                own = times["elman"]["median"]
                ratio = min((times[name]["median"] / own for name in options.peers if name in times), default=None)
                flops = operations(case) / own * 1e3
                row = [ratio, flops / 1e9, flops / peak.measure(), difference]
                table.add(",".join(map(str, shape)), cell, *map(times.get, contenders), *row)
        ratios = [ratio for *_, ratio, _, _, _ in table.rows if ratio]
        if ratios:
            table.sum_up("geometric mean of best peer / elman", statistics.geometric_mean(ratios))
        table.sum_up("best product so far, GFLOP/s", peak.flops / 1e9)


def others_table(part, options):
    """One row a shape and cell without peers: its engine beside `scan`."""
    columns = dict.fromkeys(("T,B,I,H", "cell", "engine", "elman", "scan"), ".3g") | {"scan / elman": ".2f"}
    columns |= {"max difference": ".1g"}
    with Table(f"cells-{part}", columns, options) as table:
        for shape in options.shapes or OTHER_SHAPES:
            for cell in filter(OTHERS.get, options.cells):
                print(f"{part} {shape} {cell}", file=sys.stderr)
                case = make_case(cell, shape, training=part != "forward", ragged=part == "ragged")
                calls = {"elman": elman_call(case), "scan": elman_call(case, "scan")}
                ys = [np.asarray(call()) for call in calls.values()]
                seconds = measure(calls, options.rounds).values()
                times = [middle([1e3 * second for second in one]) for one in seconds]
                ratio = times[1]["median"] / times[0]["median"]
                engine, _ = elman.recurrence.engine_for(case.weights, masked=part == "ragged")
                table.add(",".join(map(str, shape)), cell, engine, *times, ratio, float(np.abs(ys[0] - ys[1]).max()))
        table.sum_up("geometric mean of scan / elman", statistics.geometric_mean(row[-2] for row in table.rows))


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
    parser.add_argument("--shapes", nargs="+", type=shape, metavar="T,B,I,H")
    parser.add_argument("--cells", nargs="+", default=list(FAMILIES), choices=[*FAMILIES, *OTHERS, "all"])
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--peers", nargs="*", default=list(MAKERS), choices=MAKERS)
    parser.add_argument("--engines", nargs="*", default=[], help="engines of elman to time besides auto")
    for options in runs(parser, SMOKE):
        options.peers = present(options.peers)
        if "all" in options.cells:
            options.cells = [*FAMILIES, *OTHERS]
        peak = Peak(options.peers, size=64 if options.smoke else 2048)
        for part in options.only:
            if not OTHERS.keys() >= set(options.cells):
                part_table(part, options, peak)
            if not FAMILIES.keys() >= set(options.cells):
                others_table(part, options)


if __name__ == "__main__":
    main()
