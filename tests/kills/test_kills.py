"""Nothing is lost when processes are killed: docs/safety.md. `ELMAN_KILLS=200` kills that many runs.

To kill a run takes 0.6 s of processor time, since each is a process that compiles; to go on from an image of what a
kill leaves on the disk, in one process for all of a task, 0.2 s.
"""

import json
import math
import os
import random
import subprocess
import sys
import time

import pytest

from elman import artefact
from tests.kills.runs import PHASES, Running, saved_at, saved_of
from tests.tasks.cases import CASES

KILLS = math.ceil(int(os.environ.get("ELMAN_KILLS", "24")) / len(CASES))
"""The kills of each task, in the second tier."""

IMAGES = 17
"""The images of each task."""

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
    trial.compare_images()
    while (killed := sum(trial.killed.values())) < KILLS:
        trial.kill(second=killed % 3 == 1)
    trial.complete()


class Trial:
    """Runs of a task at one place, killed at moments that a fixed seed draws from the phases of a whole one."""

    def __init__(self, name, folder):
        self.name, self.folder, self.out = name, folder / "data", folder / "m.elman"
        self.random, self.killed = random.Random(name), dict.fromkeys(PHASES, 0)
        whole = Running(name, self.folder, folder / "whole" / "m.elman", resume=False, images=IMAGES)
        assert whole.end() == "ended"
        self.whole, self.marks = artefact.read(folder / "whole" / "m.elman"), whole.seen
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
        running = self.start(self.out, resume=saved_at(self.out).can_go_on)
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

    def check(self):
        """The artefact is whole, and no step that was saved is lost."""
        saved = saved_at(self.out)
        if saved.is_complete:
            self.compare()
        else:
            assert saved.step >= self.step
            self.step = saved.step

    def complete(self):
        assert self.start(self.out, resume=saved_at(self.out).can_go_on).end() == "ended"
        self.compare()
        assert sorted(os.listdir(self.out.parent)) == ["data", "images", "m.elman", "whole"]

    def compare_images(self):
        """The run ended with the same bits from each image."""
        images = [*(self.folder.parent / "images").iterdir()]
        assert len(images) == IMAGES
        for image in images:
            self.compare(image / "m.elman")

    def compare(self, out=None):
        saved = artefact.read(out or self.out, with_state=True)
        assert saved_of(saved).is_complete
        ours, theirs = ({n: a.tobytes() for n, a in one.weights.items()} for one in (saved, self.whole))
        assert ours == theirs
        for name in ("validation", "step"):
            assert saved.model["measures"][name] == self.whole.model["measures"][name]
        self.step = 0
