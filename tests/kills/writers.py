"""Processes that write one artefact and are killed. A program of its own, without JAX, so that it may fork."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np

from elman import _folder, artefact
from elman._errors import ArtefactError

LONGEST = 0.03  # seconds until a process is killed that is killed by the clock: a few writes


class Trial:
    """An artefact whose number grows with each write, and what became of the processes that wrote it."""

    def __init__(self, folder: Path, seed: int):
        self.place, self.random, self.seen = folder / "m.elman", random.Random(seed), Counter()
        artefact.write(self.place, numbered(0))
        (self.place / "notes.txt").write_text("mine")

    def kill_at_an_operation(self):
        """Kills a writer before one of the operations on files that a write consists of."""
        operations = self.operations()
        number = self.random.randrange(len(operations))
        before = self.number()
        wait_for(forked(lambda: self.write(before + 1, kill_at=number)))
        assert self.number() in (before, before + 1)
        self.seen[operations[number]] += 1

    def kill_by_the_clock(self):
        acknowledged = self.run(writers=1, readers=0)
        assert self.number() <= max(acknowledged, default=self.number()) + 1

    def kill_one_of_two(self):
        """Kills one of two writers beside a reader, and then the other."""
        self.run(writers=2, readers=1)

    def run(self, *, writers, readers):
        receiving, sending = os.pipe()
        started = [forked(lambda: self.write_on(sending)) for _ in range(writers)]
        reading = [forked(self.read_on) for _ in range(readers)]
        for writer in started:
            time.sleep(self.random.uniform(0, LONGEST))
            os.kill(writer, signal.SIGKILL)
            assert wait_for(writer) == -signal.SIGKILL
            self.number()
        for reader in reading:
            os.kill(reader, signal.SIGTERM)
            assert wait_for(reader) in (0, -signal.SIGTERM)
        os.close(sending)
        with open(receiving) as lines:
            said = [line.split() for line in lines]
        acknowledged = [int(value) for what, value in said if what == "wrote"]
        assert len({*acknowledged}) == len(acknowledged), "two writers wrote the same number: one has undone the other"
        assert self.number() >= max(acknowledged, default=0)
        self.seen.update(what for what, _ in said)
        self.seen["by the clock"] += writers
        return acknowledged

    def settle(self):
        """Writes once more, after which nothing is left behind and nothing that is not elman's is lost."""
        artefact.write(self.place, numbered(self.number() + 1))
        assert (self.place / "notes.txt").read_text() == "mine"
        assert os.listdir(self.place.parent) == [self.place.name]

    def number(self):
        """The number in the artefact, which is whole."""
        saved = artefact.read(self.place, with_state=True)
        number, state = saved.model["number"], saved.state
        assert state is not None
        for found in (saved.weights["w"], state.arrays["w"], state.values["number"]):
            assert np.all(found == number)
        return number

    def operations(self):
        """The operations of one write, by their names."""
        receiving, sending = os.pipe()
        wait_for(forked(lambda: self.write(self.number(), report=sending)))
        os.close(sending)
        with open(receiving) as lines:
            return lines.read().split()

    def write(self, number, *, kill_at=-1, report=-1):
        place, contents, count = self.place, numbered(number), iter(range(10**9))

        def hook(event, arguments):
            if event.partition(".")[0] in ("open", "os", "fcntl"):
                if next(count) == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                if report >= 0:
                    os.write(report, f"{event}\n".encode())

        sys.addaudithook(hook)
        artefact.write(place, contents)

    def write_on(self, sending):
        while True:
            try:
                with artefact.claim(self.place):
                    number = self.number() + 1
                    artefact.write(self.place, numbered(number))
                os.write(sending, f"wrote {number}\n".encode())
            except ArtefactError as error:
                if "is being written by" not in str(error):
                    raise
                os.write(sending, b"refused 1\n")
                time.sleep(0.002)

    def read_on(self):
        going, last = [True], 0
        signal.signal(signal.SIGTERM, lambda *_: going.clear())
        while going:
            found = self.number()
            assert found >= last
            last = found


def numbered(number):
    arrays = {"w": np.full(5000, number)}
    state = artefact.SavedState({"number": number}, arrays)
    return artefact.Contents(model={"number": number}, codec={}, weights=arrays, state=state)


def forked(work):
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    finally:
        if code:
            with suppress(BaseException):
                sys.excepthook(*sys.exc_info())
        os._exit(code)


def wait_for(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(folder, seed, kills, moves):
    if moves == "two":  # as where folders cannot be exchanged: no Linux knows this flag
        mock.patch.object(_folder, "EXCHANGE", 1 << 30).start()
    trial = Trial(Path(folder), int(seed))
    ways = [trial.kill_at_an_operation] * 3 + [trial.kill_by_the_clock, trial.kill_one_of_two]
    while sum(trial.seen.values()) - trial.seen["wrote"] - trial.seen["refused"] < int(kills):
        trial.random.choice(ways)()
        if trial.random.random() < 0.3:
            trial.settle()
    trial.settle()
    print(json.dumps(trial.seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
