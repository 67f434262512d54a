"""Runs: trainings and lessons in processes of their own, which outlive the page and the studio.

All that is known of a run lies in its folder below `.elman-studio/runs`: its command, the events that it writes, and
its errors. A run holds a lock on a file there as long as it lives, so that a studio that is started later finds it
again, and no other process is taken for it that has got its number since.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

import msgspec

from elman._errors import ConfigError, DataError
from elman.studio.log import Log

State = Literal["running", "paused", "stopping", "stopped", "done", "failed"]

COMMAND = "from elman.cli.main import main; main()"

_ABOUT, _EVENTS, _ERRORS, _LOCK = "run.json", "events.jsonl", "errors.txt", "alive"
_PAUSED, _STOPPING = "paused", "stopping"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a run that is kept."""

    kind: Literal["train", "lesson"]
    title: str
    arguments: tuple[str, ...]
    """The arguments of `elman`."""
    place: str = ""
    """The path of the model that a training saves, in the studio's folder."""
    files: tuple[str, ...] = ()
    """The paths of the data, in the studio's folder."""
    options: dict[str, str] = {}
    """The options that were chosen, as they are typed."""
    process: int = 0
    began: float = 0.0
    """The time of its start, since 1970."""


class Run:
    """A run and its folder."""

    def __init__(self, folder: Path):
        self.folder, self.name, self.log = folder, folder.name, Log(folder / _EVENTS)
        self.about = _read(folder / _ABOUT)
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    @classmethod
    def create(cls, folder: Path, about: About) -> Run:
        """Makes the folder of a run, which is then to be launched."""
        folder.mkdir(parents=True)
        _write(folder / _ABOUT, about)
        return cls(folder)

    def launch(self, arguments: Sequence[str], *, folder: Path) -> None:
        """Starts `elman` in a process of its own, which goes on when this one ends.

        Raises:
            ConfigError: the run is alive.
        """
        with self._starting:
            self._launch(arguments, folder)

    def _launch(self, arguments: Sequence[str], folder: Path) -> None:
        if self.alive:
            raise ConfigError(f"{self.name}: is running already")
        for mark in (_PAUSED, _STOPPING):
            (self.folder / mark).unlink(missing_ok=True)
        self.log.update()
        self.log.begin()
        with (
            (self.folder / _LOCK).open("wb") as lock,
            (self.folder / _EVENTS).open("ab") as events,
            (self.folder / _ERRORS).open("wb") as errors,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)  # waits for others that just look whether it is taken
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-c", COMMAND, *arguments],  # of no module beside the data
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=events,
                stderr=errors,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
        self.about = msgspec.structs.replace(self.about, process=self._child.pid, began=time.time())
        _write(self.folder / _ABOUT, self.about)

    @property
    def alive(self) -> bool:
        """True while the process lives: it holds the lock."""
        if self._child is not None:
            self._child.poll()  # takes notice of its end, so that no dead process is left
        try:
            with (self.folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    @property
    def state(self) -> State:
        """The state of the run, which follows from its process and from the events that it has written."""
        if self.alive:
            marks = {"paused": _PAUSED, "stopping": _STOPPING}
            return next((name for name, mark in marks.items() if (self.folder / mark).exists()), "running")  # ty: ignore
        self.log.update()
        if self.about.kind == "lesson":
            return self._lesson_state()
        if self.log.reason in ("done", "early"):
            return "done"
        return "stopped" if self.log.reason or (self.folder / _STOPPING).exists() else "failed"

    @property
    def errors(self) -> str:
        """All that the process has written to standard error."""
        try:
            return (self.folder / _ERRORS).read_text(errors="replace")
        except OSError:
            return ""

    @property
    def by_the_clock(self) -> bool:
        """True for a budget in minutes, which a pause would spend."""
        return "minutes" in self.about.options

    def pause(self) -> None:
        """Halts the process where it is; it keeps its memory.

        Raises:
            ConfigError: a run that is not running, or one whose budget goes by the clock.
        """
        if self.by_the_clock:
            raise ConfigError("a budget in minutes goes on by the clock; stop the run and resume it instead")
        self._need("running", to="pause")
        (self.folder / _PAUSED).touch()
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets a paused process go on.

        Raises:
            ConfigError: a run that is not paused.
        """
        self._need("paused", to="go on")
        self._signal(signal.SIGCONT)
        (self.folder / _PAUSED).unlink(missing_ok=True)

    def stop(self) -> None:
        """Asks the process to save its state and to end; it can be resumed. A second time, it ends at once.

        Raises:
            ConfigError: a run that has ended.
        """
        self._need("running", "paused", "stopping", to="stop")
        (self.folder / _STOPPING).touch()
        self._signal(signal.SIGINT)
        if (self.folder / _PAUSED).exists():
            (self.folder / _PAUSED).unlink(missing_ok=True)
            self._signal(signal.SIGCONT)

    def values(self, *, curve: bool = False) -> dict[str, Any]:
        """The run as plain values, with its curve if that is asked for."""
        self.log.update()
        state, known = self.state, self.log.values()
        if not curve:
            for name in ("curve", "evaluations", "lines"):
                del known[name]
        failed = self.errors if state == "failed" else ""
        if state == "failed" and not failed.strip():
            failed = "the process ended without a word: the machine may have run out of memory, or it was killed"
        about = msgspec.to_builtins(self.about)
        return about | known | {"name": self.name, "state": state, "error": failed, "pausable": not self.by_the_clock}

    def _lesson_state(self) -> State:
        """A lesson writes no events: its exit code tells how it ended, or what it has said to an earlier studio."""
        if (self.folder / _STOPPING).exists():
            return "stopped"
        if self._child is not None:
            return "failed" if self._child.returncode else "done"
        return "failed" if re.search(r"^(Traceback|elman lesson:)", self.errors, re.MULTILINE) else "done"

    def _need(self, *states: State, to: str) -> None:
        if (state := self.state) not in states:
            raise ConfigError(f"{self.name}: is {state}; expected it to be {' or '.join(states)} to {to}")

    def _signal(self, number: int) -> None:
        self.about = _read(self.folder / _ABOUT)  # another studio may have started it again, as another process
        try:
            os.killpg(self.about.process, number)
        except ProcessLookupError:
            raise ConfigError(f"{self.name}: has ended just now") from None


class Runs:
    """The runs of a studio's folder."""

    def __init__(self, folder: Path):
        self._folder, self._known, self._lock = folder, dict[str, Run](), threading.Lock()

    def all(self) -> list[Run]:
        """All runs, the latest first, those of earlier studios included; what cannot be read is no run."""
        with self._lock:
            there = {place.parent.name for place in self._folder.glob(f"*/{_ABOUT}")}
            for name in self._known.keys() - there:
                del self._known[name]
            for name in there - self._known.keys():
                with suppress(OSError, msgspec.MsgspecError):
                    self._known[name] = Run(self._folder / name)
            return sorted(self._known.values(), key=lambda run: -run.about.began)

    def __getitem__(self, name: str) -> Run:
        """The run of a name.

        Raises:
            DataError: no such run.
        """
        for run in self.all():
            if run.name == name:
                return run
        raise DataError(f"no run {name!r}; it may have been removed in another tab")

    def create(self, stem: str, about: About) -> Run:
        """Makes a run with a new name that begins with `stem`."""
        stem = re.sub(r"[^\w.-]+", "-", stem).strip(".-") or "run"
        with self._lock:
            number = next(n for n in count(1) if not (self._folder / f"{stem}-{n}").exists())
            run = Run.create(self._folder / f"{stem}-{number}", about)
            self._known[run.name] = run
            return run

    def remove(self, name: str) -> None:
        """Removes the log of a run that has ended; its model stays.

        Raises:
            ConfigError: the run is alive.
        """
        run = self[name]
        if run.alive:
            raise ConfigError(f"{name}: is {run.state}; stop it first")
        shutil.rmtree(run.folder)


def _read(place: Path) -> About:
    return msgspec.json.decode(place.read_bytes(), type=About)


def _write(place: Path, about: About) -> None:
    """Writes a description as a whole, so that nobody reads half of it."""
    beside = place.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(about))
    beside.replace(place)
