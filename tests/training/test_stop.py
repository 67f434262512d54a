"""A training that is asked to stop, at each moment, and by whatever asks."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

import elman
from elman import artefact
from elman.training.events import Compiling, Stepped
from elman.training.reporters import Quiet
from elman.training.stop import SIGNALS, stop_requests
from tests.cli.commands import ELMAN

RUN: dict[str, Any] = dict(steps=6, evaluations=2)


@pytest.fixture
def task():
    return elman.LanguageModelling(hidden_size=12, embedding_size=6, batch_size=4, unroll_length=16)


class StopAt(Quiet):
    """A reporter that stops the run at an event."""

    def __init__(self, stops, how=lambda: os.kill(os.getpid(), signal.SIGTERM)):
        self.stops, self.how = stops, how

    def __call__(self, event):
        if self.stops(event):
            self.how()


def test_a_stop_while_the_first_program_is_compiled_is_heeded_at_once(task, small_text, tmp_path):
    stop = StopAt(lambda event: isinstance(event, Compiling))
    with pytest.raises(elman.Interrupted, match="before the first step; nothing was saved") as stopped:
        elman.fit(task, task.read_text(small_text), out=tmp_path / "m", report=stop, **RUN)
    assert (stopped.value.exit_code, stopped.value.fitted) == (143, None)
    assert os.listdir(tmp_path) == []


def test_a_stop_before_an_evaluation_is_compiled_loses_no_step_and_no_evaluation(task, small_text, tmp_path):
    data, out = task.read_text(small_text), tmp_path / "m"
    whole = elman.fit(task, data, report=Quiet(), **RUN)
    stop = StopAt(lambda event: isinstance(event, Compiling) and event.what == "the evaluation")
    with pytest.raises(elman.Interrupted, match="after step 3; resume with --resume --out"):
        elman.fit(task, data, out=out, report=stop, **RUN)
    steps = []
    seen = StopAt(lambda event: isinstance(event, Stepped), lambda: steps.append(1))
    again = elman.fit(task, data, out=out, resume=True, report=seen, **RUN)
    assert len(steps) == 3
    ours, theirs = (artefact.named_arrays(fitted.model) for fitted in (again, whole))
    assert {name: array.tobytes() for name, array in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}
    assert again.measures["validation"] == whole.measures["validation"]


def test_a_report_that_cannot_be_written_stops_the_run_which_is_saved(task, small_text, tmp_path):
    def fail():
        raise BrokenPipeError

    stop = StopAt(lambda event: isinstance(event, Stepped) and event.step == 2, fail)
    with pytest.raises(BrokenPipeError):
        elman.fit(task, task.read_text(small_text), out=tmp_path / "m", report=stop, **RUN)
    state = artefact.read(tmp_path / "m", with_state=True).state
    assert state is not None
    assert state.values["progress"]["step"] == 2


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stop_requests() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_are_handled_as_before_afterwards(number):
    before = signal.getsignal(number)
    with stop_requests() as stop, stop_requests() as inner:
        assert inner is stop
        with pytest.raises(elman.Interrupted) as stopped:
            os.kill(os.getpid(), number)
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


SLOW_TO_COMPILE = """
import hashlib, sys
from elman.training import loop

def compile_for_minutes(*arguments):
    print("compiling", flush=True)
    hashlib.pbkdf2_hmac("sha512", b"", b"", 2**31 - 1)  # a call into C, which no handler of a signal interrupts

compile_for_minutes.lower = compile_for_minutes
loop.make_step = lambda *arguments: compile_for_minutes
from elman.cli.main import main
main()
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", SIGNALS)
def test_the_command_ends_while_a_call_into_c_compiles(small_text, tmp_path, number):
    (tmp_path / "a.txt").write_text(small_text)
    command = [sys.executable, "-c", SLOW_TO_COMPILE, "train", "a.txt", "--hidden-size", "6"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "compiling\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == "elman train: interrupted before the first step; nothing was saved"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["elman.training.stop", "numpy", "jax"])
def test_the_command_ends_while_it_imports(small_text, tmp_path, number, module):
    """The signal comes when the module is imported; the first of them is imported when handlers are put in place."""
    (tmp_path / "a.txt").write_text(small_text)
    program = (
        "import os, signal, sys\n"
        f"sys.addaudithook(lambda event, values: event == 'import' and values[0] == {module!r}\n"
        f"                 and os.kill(os.getpid(), {int(number)}))\n"
        f"{ELMAN[-1]}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "a.txt"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in ((128 + number,) if module != "elman.training.stop" else (128 + number, -number))
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["a.txt"]
