"""Processes that take turns: each library works in one of its own while the others wait, so that none disturbs another
and a change of the machine's mood meets all.

A script that uses them is started again for each, with the same options and `--worker LIBRARY`: it answers what it is
sent, a line of JSON for each line.
"""

import json
import subprocess
import sys


class Worker:
    """A process of this script for one library; `first` is what it says when it is ready."""

    def __init__(self, library, options):
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], *options.given, "--worker", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self._answer()

    def ask(self, what):
        """Sends a line to the process and returns its answer."""
        print(what, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.library}: its process ended with {self.process.wait()}; what it said stands above")
        return json.loads(line)


def serve(first, answer):
    """Runs the process: it reports that it is ready, then answers each line until the input ends."""
    print(json.dumps(first), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)


def forth_and_back(names, turns):
    """(turn, name): all names in each turn, every other time from the end."""
    for turn in range(turns):
        for name in list(names)[:: 1 if turn % 2 else -1]:
            yield turn, name
