"""Interrupts of a command: none is lost, and none ends in a crash."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN = 0.02
"""The seconds after which an interrupt that was lost is raised again."""


@contextmanager
def heeded(end: Callable[[], None]) -> Generator[None]:
    """A block that Ctrl-C leaves by a `KeyboardInterrupt`, wherever it comes.

    Where it comes in a callback, as JAX has one in each garbage collection, Python drops the exception; it is raised
    again. While a module is imported, `end` is called instead: modules of C and C++ crash of exceptions or turn them
    into others. An interrupt that is ignored, as in a job that a shell runs in the background, stays so.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            end()
        raise KeyboardInterrupt

    def raise_again(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            return show(lost)
        timer = threading.Timer(AGAIN, os.kill, (os.getpid(), getattr(lost.exc_value, "number", signal.SIGINT)))
        timer.daemon = True
        timer.start()

    before, show = signal.signal(signal.SIGINT, interrupt), sys.unraisablehook
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = show


def _imports(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
