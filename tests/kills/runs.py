"""Runs of elman's tasks in processes that are killed, each forked from one that has imported what they need."""

import multiprocessing
import os
import signal
import time
from collections.abc import Generator
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
from tests.tasks import cases

RUN: dict[str, Any] = dict(steps=6, evaluations=2, checkpoint_seconds=1e-9)

PHASES = ("reading", "building", "compiling", "stepped", "evaluated", "saving")

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


class Mark(NamedTuple):
    """The start of a phase in a run."""

    phase: str
    """One of `PHASES`, or "refused" or "ended"."""
    at: float


def run(name: str, folder: Path, out: Path, marks: Connection, resume: bool) -> None:
    """Trains the task `name`, and sends a mark at the start of each phase."""

    def say(phase: str) -> None:
        marks.send(Mark(phase, time.monotonic()))

    def save(path: Path, saved: artefact.Contents) -> None:
        say("saving")
        write(path, saved)
        say("saved")

    class Marks(Quiet):
        def __call__(self, event):
            say(type(event).__name__.lower())

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


class Running:
    """A run in a process of its own."""

    def __init__(self, name: str, folder: Path, out: Path, *, resume: bool):
        self._marks, sending = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=run, args=(name, folder, out, sending, resume))
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
