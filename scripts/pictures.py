#!/usr/bin/env python3
"""Draws the pictures of the README and of docs/look-inside.md: `docs/memory.svg` and `docs/gates.png`.

    scripts/pictures.py [MODEL TEXT PROPERTY ...]

With a language model, a file of text and regular expressions, it draws into `docs/units.png` the best unit for each.
"""

import sys
from pathlib import Path

import jax

import elman
from elman.inspection import memory, record, units
from elman.inspection.pictures import draw_cell, draw_memory, draw_units

DOCS = Path(__file__).parents[1] / "docs"
PASSAGE = "The loop continues as long as the condition is true."


def draw_best(model, text, *properties):
    """Draws the unit that follows each property best over 10,000 characters, over the first hundred of them."""
    fitted, text = elman.load(model), Path(text).read_text()[:10_000]
    best = [units(fitted, text, one, count=1)[0] for one in properties]
    for one in best:
        print(one)
    cells = record(fitted, text)
    draw_units(cells[best[0].cell], [(one.state, one.number) for one in best], DOCS / "units.png")


def main():
    """Draws the pictures of models that it trains."""
    data = elman.LanguageModelling().read()
    print("three cells before training", flush=True)
    memories = {}
    for cell in (elman.Elman, elman.GRU, elman.LSTM):
        task = elman.LanguageModelling(cell=cell, hidden_size=128, num_layers=1).configure(data)
        model = task.build(data.codec, key=jax.random.key(0))
        [memories[cell.__name__]] = memory(task.fitted_class(task=task, codec=data.codec, model=model), data.test)
    draw_memory(memories, DOCS / "memory.svg")
    print("a trained LSTM", flush=True)
    fitted = elman.fit(elman.LanguageModelling(hidden_size=48, num_layers=1), data, steps=600, seed=0)
    draw_cell(record(fitted, PASSAGE).cells[0], DOCS / "gates.png", of=("c", "f"))


if __name__ == "__main__":
    draw_best(*sys.argv[1:]) if sys.argv[1:] else main()
