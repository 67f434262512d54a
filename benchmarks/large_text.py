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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.txt", Path(folder) / "large.txt"
        line = "The quick brown fox jumps over the lazy dog, {}.\n"
        small.write_text("".join(line.format(n) for n in range(200_000)))
        with open(large, "w") as file:
            while file.tell() < options.gigabytes * 1e9:
                file.write("".join(line.format(file.tell() + n) for n in range(20_000)))
        for name, path in (("small", small), ("large", large), ("large, cached", large)):
            megabytes, seconds = peak_megabytes(path, options.steps, Path(folder) / "cache")
            print(f"{name}: {path.stat().st_size / 1e6:,.0f} MB of text, peak {megabytes:,.0f} MB, {seconds:.1f} s")


if __name__ == "__main__":
    main()
