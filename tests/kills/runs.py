"""Runs of elman's tasks in processes that are killed, each forked from one that has imported what they need, and images
of what a kill leaves on the disk.
"""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import scipy.linalg  # noqa: F401 - imported by JAX when it first draws an orthogonal matrix

from elman import artefact
from elman._errors import ArtefactError
from elman.training.fit import fit
from elman.training.loop import train  # noqa: F401 - imported by `fit` when it runs
from elman.training.reporters import Quiet
from elman.training.start import start_state  # noqa: F401 - imported when a run begins
from tests.tasks import cases

RUN: dict[str, Any] = dict(steps=6, evaluations=2, checkpoint_seconds=1e-9)

PHASES = ("reading", "building", "compiling", "stepped", "evaluated", "saving")

for make in cases.CASES:
    make()  # imports the modules of its task

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


class Mark(NamedTuple):
    """The start of a phase in a run."""

    phase: str
    """One of `PHASES`, or "refused" or "ended"."""
    at: float


class Images:
    """Copies of the folder of an artefact, at random moments of its writing: before operations on files, each as likely
    as another. A process that is killed at such a moment leaves the same on the disk."""

    def __init__(self, out: Path, folder: Path, count: int):
        out.parent.mkdir()
        self.out, self.step = out, 0
        self.places = [folder / str(number) for number in range(count)]
        """The copies; beside each, the last step that was saved in a file `saved`."""
        self._random, self._operations, self._is_writing = random.Random(out.name), 0, False
        sys.addaudithook(self._hook)

    def write(self, write: Callable[[], None], step: int) -> None:
        """Lets `write` write the artefact of a step."""
        self._is_writing = True
        write()
        self._is_writing, self.step = False, step

    def _hook(self, event: str, _: object) -> None:
        if not self._is_writing or event.partition(".")[0] not in ("open", "os", "fcntl"):
            return
        self._is_writing = False
        self._operations += 1
        slot = self._operations - 1
        if slot >= len(self.places):
            slot = self._random.randrange(self._operations)
        if slot < len(self.places):
            shutil.rmtree(self.places[slot], ignore_errors=True)
            shutil.copytree(self.out.parent, self.places[slot], symlinks=True)
            (self.places[slot] / "saved").write_text(str(self.step))
        self._is_writing = True


def run(name: str, folder: Path, out: Path, marks: Connection, resume: bool, images: int = 0) -> None:
    """Trains the task `name`, and sends a mark at the start of each phase. Then it resumes the run from as many images
    of its artefact."""

    def say(phase: str) -> None:
        marks.send(Mark(phase, time.monotonic()))

    def save(path: Path, saved: artefact.Contents) -> None:
        say("saving")
        if taken:
            taken.write(lambda: write(path, saved), saved_of(saved).step)
        else:
            write(path, saved)
        say("saved")

    class Marks(Quiet):
        def __call__(self, event):
            say(type(event).__name__.lower())

    taken = Images(out, out.parent.with_name("images"), images) if images else None
    say("reading")
    case, write = getattr(cases, name)(), artefact.write
    folder.mkdir(exist_ok=True)
    data = case.read(case.task, case.parts, folder)
    say("building")
    try:
        with mock.patch.object(artefact, "write", save):
            fit(case.task, data, out=out, resume=resume, force=not resume, report=Marks(), **RUN)
    except ArtefactError as error:
        if "is being written by process" not in str(error):
            raise
        say("refused")
    else:
        say("ended")
    for place in taken.places if taken else ():
        go_on(case, data, place / out.name, int((place / "saved").read_text()))


def go_on(case: Any, data: Any, out: Path, step: int) -> None:
    """Ends a run from an image of its artefact, after a check that no step that was saved, up to `step`, is lost, and
    before one that nothing else is left behind."""
    before = saved_at(out)
    assert before.step >= step
    if not before.is_complete:
        fit(case.task, data, out=out, resume=before.can_go_on, force=not before.can_go_on, report=Quiet(), **RUN)
        assert sorted(os.listdir(out.parent)) == [out.name, "saved"]


class Saved(NamedTuple):
    """The state of a run in its artefact."""

    step: int = 0
    is_complete: bool = False

    @property
    def can_go_on(self) -> bool:
        """True for a run that was stopped after its first save."""
        return self.step > 0 and not self.is_complete


def saved_at(out: Path) -> Saved:
    """The state in the artefact `out`, which is whole; step 0 if there is none."""
    if not artefact.exists(out):
        return Saved()
    return saved_of(artefact.read(out, with_state=True))


def saved_of(contents: artefact.Contents) -> Saved:
    """The state in an artefact of a run."""
    assert contents.state is not None
    return Saved(contents.state.values["progress"]["step"], contents.state.values["complete"])


class Running:
    """A run in a process of its own."""

    def __init__(self, name: str, folder: Path, out: Path, *, resume: bool, images: int = 0):
        self._marks, sending = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=run, args=(name, folder, out, sending, resume, images))
        self._process.start()
        sending.close()
        self.seen: list[Mark] = []

    def reaches(self, phase: str, times: int = 1) -> bool:
        """Waits until a phase has begun so many times; False if the run ends before."""
        while [mark.phase for mark in self.seen].count(phase) < times:
            try:
                self.seen.append(self._marks.recv())
            except EOFError:
                return False
        return True

    @contextmanager
    def halted(self) -> Generator[None]:
        """A block in which the process stands still."""
        pid = self._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        yield
        os.kill(pid, signal.SIGCONT)

    def kill(self) -> bool:
        """Kills the process; returns False if it had ended by itself."""
        self._process.kill()
        self._process.join()
        assert self._process.exitcode in (0, -signal.SIGKILL), self._process.exitcode
        return self._process.exitcode != 0

    def end(self) -> str:
        """The last phase of a run that nobody kills."""
        self.reaches("the end of its marks")
        self._process.join()
        assert self._process.exitcode == 0, self._process.exitcode
        return self.seen[-1].phase
