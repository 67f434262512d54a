"""Tries readers on any number of mutations: `python -m tests.fuzz conllu pairs --count 1000000`."""

import argparse
import gc
import sys
import time
from collections import Counter

from tests.fuzz.harness import faults, mutation
from tests.fuzz.readers import READERS


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"by default all: {', '.join(READERS)}")
    parser.add_argument("--count", type=int, default=2000, help="mutations a reader (2000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation (0)")
    parser.add_argument("--show", action="store_true", help="print the file of the first mutation, and read none")
    options = parser.parse_args()
    if unknown := {*options.readers} - {*READERS}:
        parser.error(f"no reader {', '.join(unknown)}; there are {', '.join(READERS)}")
    gc.freeze()  # what was imported is not searched for garbage again and again
    total = 0
    for name in options.readers or READERS:
        if options.show:
            sys.stdout.buffer.write(next(iter(mutation(name, options.first).values())))
            continue
        start, kinds = time.process_time(), Counter()
        for fault in faults(name, range(options.first, options.first + options.count)):
            kinds[fault.kind] += 1
            if kinds[fault.kind] == 1:
                print(f"{name} {fault.number}: {fault.kind}: {fault.message!r}", flush=True)
        seconds, total = time.process_time() - start, total + kinds.total()
        print(
            f"{name}: {options.count:,} mutations, {kinds.total()} faults of {len(kinds)} kinds, {seconds:.0f} s",
            flush=True,
        )
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
