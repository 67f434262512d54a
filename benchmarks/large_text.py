"""A text larger than memory should be: trains on a generated file and prints the resident memory beyond the libraries'.

    python benchmarks/large_text.py [--gigabytes 1] [--steps 30]

Two processes train the same small model for the same steps, one on a small text, one on the large. The difference
of their peak resident memory is what the size of the text costs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from options import runs
from results import Table

SMOKE = ("--gigabytes 0.002 --megabytes 0.2 --steps 2",)
PROGRAM = """
import resource, sys
import elman
from elman.training.reporters import Quiet
task = elman.LanguageModelling(hidden_size=64, num_layers=1)
fitted = elman.fit(task, task.read(sys.argv[1]), steps=int(sys.argv[2]), report=Quiet())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_megabytes(path, steps, cache):
    begun = time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path, str(steps)], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout), time.perf_counter() - begun


def write(path, size):
    line = "The quick brown fox jumps over the lazy dog, {}.\n"
    with open(path, "w") as file:
        while file.tell() < size:
            file.write("".join(line.format(file.tell() + n) for n in range(2_000)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of the large text")
    parser.add_argument("--megabytes", type=float, default=10.0, help="of the small text")
    parser.add_argument("--steps", type=int, default=30)
    columns = {"text": "", "MB of text": ",.0f", "peak, MB": ",.0f", "seconds": ".1f"}
    for options in runs(parser, SMOKE):
        with tempfile.TemporaryDirectory() as folder, Table("large-text", columns, options) as table:
            small, large = Path(folder) / "small.txt", Path(folder) / "large.txt"
            write(small, options.megabytes * 1e6)
            write(large, options.gigabytes * 1e9)
            for name, path in (("small", small), ("large", large), ("large, from the cache", large)):
                megabytes, seconds = peak_megabytes(path, options.steps, Path(folder) / "cache")
                table.add(name, path.stat().st_size / 1e6, megabytes, seconds)


if __name__ == "__main__":
    main()
