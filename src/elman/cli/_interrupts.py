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

PATIENCE = 1.0
"""The seconds that a command has to end after an interrupt, before it is interrupted again."""


@contextmanager
def heeded(end: Callable[[], None]) -> Generator[None]:
    """A block that Ctrl-C leaves by a `KeyboardInterrupt`, wherever it comes.

    Where it comes in a callback, as JAX has one in each garbage collection, Python drops the exception, and some code
    in C++ does so between two calls; it is raised again. While a module is imported, `end` is called instead: modules
    of C and C++ crash of exceptions or turn them into others. An interrupt that is ignored, as in a job that a shell
    runs in the background, stays so.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    left = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            end()
        threading.Thread(target=again, args=(number,), daemon=True).start()
        raise KeyboardInterrupt

    def again(number: int) -> None:
        if not left.wait(PATIENCE):
            os.kill(os.getpid(), number)

    def show(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            shown_before(lost)

    before, shown_before = signal.signal(signal.SIGINT, interrupt), sys.unraisablehook
    sys.unraisablehook = show
    try:
        yield
    finally:
        left.set()
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = shown_before


def _imports(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
