"""Options that all benchmarks have, and the places of their data.

SMOKE = ("--rounds 1 --cells LSTM",)

def main():
    parser = argparse.ArgumentParser(...)
    parser.add_argument("--rounds", type=int, default=15)
    for options in runs(parser, SMOKE):
        ...
"""

import argparse
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("ELMAN_DATA") or "shared/data")


def runs(parser, smoke):
    """The options of each run: of one as given, or with `--smoke` alone of one for each line of `smoke`."""
    parser.add_argument("--smoke", action="store_true", help="run all parts in seconds; the figures mean nothing")
    parser.add_argument("--save", action="store_true", help="keep the tables in benchmarks/results")
    parser.add_argument("--worker", metavar="LIBRARY", help=argparse.SUPPRESS)  # see workers.py
    if sys.argv[1:] == ["--smoke"]:
        hasten()
        for arguments in smoke:
            print(f"\nsmoke: {arguments}", flush=True)
            yield _parsed(parser, ["--smoke", *shlex.split(arguments)])
        return
    options = _parsed(parser, sys.argv[1:])
    if options.smoke and not options.worker:
        parser.error("--smoke stands alone: it chooses the other options itself, and keeps nothing")
    yield options


def hasten():
    """For smoke runs: quick compilations, and no threads that on busy cores would wait long for each other."""
    import jax  # not at the head: a script that only starts processes needs none

    jax.config.update("jax_disable_most_optimizations", True)
    os.environ |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "OMP_NUM_THREADS": "1"}  # for processes that are started


def _parsed(parser, arguments):
    """The options, and among them the words that they were given by."""
    return parser.parse_intermixed_args(arguments, argparse.Namespace(given=arguments))


def shape(text):
    """An option such as 64,64,128,256."""
    return tuple(map(int, text.split(",")))


def budget(options, **own) -> dict[str, Any]:
    """The training's budget: `--steps` or `--minutes` where they were given, else the script's own."""
    if options.steps:
        return {"steps": options.steps} | ({"evaluations": 1} if options.smoke else {})
    return {"minutes": options.minutes} if options.minutes else own


def add_budget(parser):
    parser.add_argument("--minutes", type=float, help="budget of training, by the clock")
    parser.add_argument("--steps", type=int, help="budget of training in steps")


def there(*places):
    """Whether all these data are there; says which are not."""
    missing = [place for place in places if not place.exists()]
    for place in missing:
        print(f"{place} is not there: left out. ELMAN_DATA names the folder of data.")
    return not missing


def few(data, count):
    """The same data with about `count` examples in each part, from all over it."""
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    chosen = {name: part.examples[:: max(1, len(part) // count)] for name, part in parts.items()}
    return replace(data, **{name: replace(parts[name], examples=some) for name, some in chosen.items()})


def settings(texts):
    """["a=1", "b=x"] as {"a": 1, "b": "x"}."""
    return {name: decoded(value) for name, _, value in (text.partition("=") for text in texts)}


def decoded(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
