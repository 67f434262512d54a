"""Interrupts that come where an exception would be lost or would crash the process."""

import signal
import subprocess
import sys
from importlib import import_module

import pytest

from elman.cli._interrupts import heeded

PROGRAM = """
import gc, os, signal, sys, time
from elman.cli import info
from elman.cli.main import main

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(10): pass  # where Python calls the handler

def collected(phase, about):
    if phase == "start":
        gc.callbacks.remove(collected)
        interrupt()

def in_a_collection():
    gc.callbacks.append(collected)
    gc.collect()

def dropped():
    try:
        interrupt()
    except KeyboardInterrupt:
        pass

def run(arguments):
    print("begun")
    globals()[arguments[0]]()
    time.sleep(60)

info.run = run
main(["info", *sys.argv[1:]])
"""


@pytest.mark.parametrize("where", ["in_a_collection", "dropped"])
def test_an_interrupt_that_is_lost_comes_again(where):
    ended = subprocess.run([sys.executable, "-c", PROGRAM, where], capture_output=True, text=True, timeout=50)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "begun\n", "elman info: interrupted\n")


def test_an_interrupt_while_a_module_is_imported_ends_the_process(tmp_path, monkeypatch):
    class Ended(BaseException):
        pass

    def end():
        raise Ended

    lines = "import os, signal", "os.kill(os.getpid(), signal.SIGINT)", "for _ in range(10): pass"
    (tmp_path / "interrupted_module.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with pytest.raises(Ended), heeded(end):
        import_module("interrupted_module")
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def test_other_exceptions_of_callbacks_are_shown_as_before(monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    with heeded(lambda: None):
        one = type("One", (), {"__del__": lambda self: 1 / 0})()
        del one
    assert [lost.exc_type for lost in shown] == [ZeroDivisionError]


def test_an_interrupt_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heeded(lambda: None):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
