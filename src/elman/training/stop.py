"""Requests to stop a training: Ctrl-C, SIGTERM, and SIGHUP, which comes when a terminal is closed.

A request is heeded at the end of the step, when the state is saved, or at once where nothing would be lost. At once, an
exception is raised; but a process of the command's own is ended, since a module that is being imported may crash of an
exception, and a callback may lose it. Python runs the handler of a signal when a call into C ends, and such a call may
compile a program for minutes. So a second thread ends that process, if its main thread has not come to it in time.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from elman._errors import Interrupted

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

PATIENCE = 1.0
"""The seconds that the main thread has to heed a signal where it stops at once."""

End = Callable[[int, str], None]
"""A function that ends the process on a signal, with a message."""


class Stop:
    """The request to stop: the signal `number` that made it, or the `failure` of the report; None without one."""

    number: int | None = None
    failure: OSError | None = None
    at_once: bool = True
    """True where nothing would be lost."""
    message: str = "interrupted before training began"
    """The sentence on what was saved."""

    def __init__(self, end: End | None = None):
        self.end = end

    def requested(self) -> bool:
        """True once the training shall stop."""
        return self.number is not None or self.failure is not None

    def request(self, number: int, frame: Any = None) -> None:
        """The handler of the signals; the second Ctrl-C stops at once.

        Raises:
            Interrupted: the training shall stop at once.
        """
        again = self.number is not None and number == signal.SIGINT
        self.number = self.number or number
        if self.at_once and self.end is not None:
            self.end(self.number, self.message)
        if self.at_once or again:
            raise Interrupted(self.message, number=self.number)

    @contextmanager
    def unwinding(self) -> Generator[None]:
        """A block that a request leaves by an exception, so that it tidies up."""
        end, self.end = self.end, None
        try:
            yield
        finally:
            self.end = end


_current: list[Stop] = []
"""The request whose handlers are in place, as the only element."""


@contextmanager
def stop_requests(*, end: End | None = None) -> Generator[Stop]:
    """A `Stop` that signals make; in a block inside it, the same one.

    Outside the main thread none is made, since signals cannot be caught there. A signal that is ignored, as SIGHUP is
    under `nohup`, stays so.

    Args:
        end: ends the process, if that is the command's own, where nothing would be lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    if _current:
        yield _current[0]
        return
    stop = Stop(end)
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.request) for number in heeded}
    _current.append(stop)
    try:
        with _watched(stop):
            yield stop
    finally:
        _current.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(stop: Stop) -> Generator[None]:
    if stop.end is None:
        yield
        return
    numbers, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)  # written to when the signal comes, not when heeded
    over = threading.Event()

    def watch() -> None:
        while number := os.read(numbers, 1):
            if number[0] in SIGNALS and not over.wait(PATIENCE) and stop.at_once and stop.end is not None:
                stop.end(number[0], stop.message)
        os.close(numbers)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        over.set()
        os.close(wake)
