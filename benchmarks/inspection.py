"""The time of looking into a language model: a report on a page, and matching over a corpus.

    python benchmarks/inspection.py [--rounds 3] [--report-size 512] [--match-size 256]

The report is `elman inspect MODEL FILE --report PAGE` of two LSTM layers over 10,000 characters, a process of its own
from its start to its end. Matching is of a model of one and of two layers over 1,000,000 characters: the corpus is read
once, compilation included, then a stretch of 8 characters is marked and matched. The weights are random: they take as
long as others. Shown are seconds, the median with half the range between the quartiles.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.random as jr

import elman
from elman.inspection import unit_states
from options import runs
from results import Table, middle

SMOKE = ("--rounds 1 --report-size 4 --match-size 4 --characters 300 --corpus 5000",)
ELMAN = [sys.executable, "-c", "from elman.cli.main import main; main()"]
WORDS = ("the", "king", "and", "his", "daughter", "went", "to", "an", "old", "house", "by", "the", "sea,", "where")


def text_of(length):
    """Random words."""
    places = jr.randint(jr.key(0), (length // 3,), 0, len(WORDS)).tolist()
    return " ".join(WORDS[place] for place in places)[:length]


def model(size, layers, text):
    """A language model with random weights."""
    task = elman.LanguageModelling(hidden_size=size, num_layers=layers)
    data = task.read_text(text)
    task = task.configure(data)
    return task.fitted_class(task=task, codec=data.codec, model=task.build(data.codec, key=jr.key(0)))


def report_seconds(options, folder):
    """The seconds of a report, from the start of its process."""
    text = text_of(options.characters)
    (folder / "text.txt").write_text(text)
    model(options.report_size, 2, text).save(folder / "model.elman")
    seconds = []
    for number in range(options.rounds):
        begun = time.perf_counter()
        page = folder / f"{number}.html"
        command = [*ELMAN, "inspect", "model.elman", "text.txt", "--report", page]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begun)
    return seconds


def match_seconds(options, layers):
    """The seconds of reading a corpus and of matching a stretch in it."""
    text, read, matched = text_of(options.corpus), [], []
    fitted = model(options.match_size, layers, text)
    for _ in range(options.rounds):
        jax.clear_caches()
        begun = time.perf_counter()
        states = unit_states(fitted, text, threshold=0.01)
        read.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        start, stop = states.stretch(text[len(text) // 2 :][:8])
        states.matches(states.units_over(start, stop) or (0,), stop - start)
        matched.append(time.perf_counter() - begun)
    return read, matched


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--report-size", type=int, default=512)
    parser.add_argument("--match-size", type=int, default=256)
    parser.add_argument("--characters", type=int, default=10_000)
    parser.add_argument("--corpus", type=int, default=1_000_000)
    for options in runs(parser, SMOKE):
        with Table("inspection", {"what": "", "characters": "", "seconds": ".3g"}, options) as table:
            for layers in (1, 2):
                read, matched = match_seconds(options, layers)
                name = f"{layers} x {options.match_size}"
                table.add(f"{name}: the corpus is read", f"{options.corpus:,}", middle(read))
                table.add(f"{name}: a stretch is matched", f"{options.corpus:,}", middle(matched))
            with tempfile.TemporaryDirectory() as folder:
                seconds = report_seconds(options, Path(folder))
            table.add(f"2 x {options.report_size}: a page", f"{options.characters:,}", middle(seconds))


if __name__ == "__main__":
    main()
