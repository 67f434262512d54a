"""Nothing is lost when processes are killed: docs/safety.md. `ELMAN_KILLS=200` kills that many runs."""

import json
import math
import os
import random
import subprocess
import sys
import time

import pytest

from elman import artefact
from tests.kills.runs import PHASES, Running
from tests.tasks.cases import CASES

KILLS = math.ceil(int(os.environ.get("ELMAN_KILLS", "48")) / len(CASES))
"""The kills of each task, in the second tier."""

WRITERS = "from tests.kills.writers import main; import sys; main(*sys.argv[1:])"


@pytest.mark.parametrize("moves", ["one", "two"])
@pytest.mark.parametrize("kills", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_writers_that_are_killed_leave_a_whole_artefact(tmp_path, moves, kills):
    """A killed one at each moment of a write, two at a time, beside a reader; with one move and with two."""
    done = subprocess.run(
        [sys.executable, "-c", WRITERS, tmp_path, "0", str(kills), moves], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_run_that_is_killed_again_and_again_ends_with_the_bits_of_one_that_is_not(make, tmp_path):
    trial = Trial(make.__name__, tmp_path)
    while (killed := sum(trial.killed.values())) < KILLS:
        trial.kill(second=killed % 3 == 1)
    trial.complete()


class Trial:
    """Runs of a task at one place, killed at moments that a fixed seed draws from the phases of a whole one."""

    def __init__(self, name, folder):
        self.name, self.folder, self.out = name, folder / "data", folder / "m.elman"
        self.random, self.killed = random.Random(name), dict.fromkeys(PHASES, 0)
        whole = self.start(folder / "whole.elman")
        assert whole.end() == "ended"
        self.whole, self.marks = artefact.read(folder / "whole.elman"), whole.seen
        self.step, self.phases = 0, []

    def start(self, out, *, resume=False):
        return Running(self.name, self.folder, out, resume=resume)

    def kill(self, *, second):
        """Kills a run, once a second one into the same place was refused; a run that ends first is compared."""
        if not self.phases:
            self.phases = self.random.sample(PHASES, len(PHASES))
        phase = self.phases.pop()
        begun = [number for number, mark in enumerate(self.marks) if mark.phase == phase]
        times = self.random.randint(1, len(begun))
        at = begun[times - 1]
        wait = self.random.uniform(0, self.marks[at + 1].at - self.marks[at].at)
        running = self.start(self.out, resume=self.unfinished())
        if second and running.reaches("compiling"):
            with running.halted():
                assert self.start(self.out).end() == "refused"
        if running.reaches(phase, times):
            time.sleep(wait)
            if running.kill():
                self.killed[phase] += 1
                self.check()
                return
        assert running.end() == "ended"
        self.compare()

    def unfinished(self):
        return artefact.exists(self.out) and artefact.read(self.out, with_state=True).state is not None

    def check(self):
        """The artefact is whole, and no step that was saved is lost."""
        if self.unfinished():
            state = artefact.read(self.out, with_state=True).state
            assert state is not None
            step = state.values["progress"]["step"]
            assert step >= self.step
            self.step = step
        elif artefact.exists(self.out):
            self.compare()

    def complete(self):
        assert self.start(self.out, resume=self.unfinished()).end() == "ended"
        self.compare()
        assert sorted(os.listdir(self.out.parent)) == ["data", "m.elman", "whole.elman"]

    def compare(self):
        saved = artefact.read(self.out, with_state=True)
        assert saved.state is None
        ours, theirs = ({n: a.tobytes() for n, a in one.weights.items()} for one in (saved, self.whole))
        assert ours == theirs
        for name in ("validation", "step"):
            assert saved.model["measures"][name] == self.whole.model["measures"][name]
        self.step = 0
