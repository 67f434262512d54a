"""Runs as processes of their own, which a later studio finds again."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec
import pytest

from elman._errors import ConfigError, DataError
from elman.studio.folder import OWN
from elman.studio.runs import About, Runs
from elman.studio.server import open_studio
from tests.studio.conftest import keep

TRAINING = "--steps 100000 --hidden-size 4 --embedding-size 4 --num-layers 1 --batch-size 4 --unroll-length 16"

BROWSER = """
import os, stat, sys
from pathlib import Path
from urllib.parse import unquote, urlparse

page = Path(unquote(urlparse(sys.argv[1]).path))
said = "\\n".join([sys.argv[1], oct(stat.S_IMODE(page.stat().st_mode)), page.read_text()])
beside = Path(__file__).with_name("said")
beside.write_text(said)
beside.rename(beside.with_name("argument"))
"""
"""A browser that keeps what it was called with, and the page that it was to open."""


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def training(tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the mat. " * 100)
    command = ("train", "a.txt", "--out", "a.elman", "--json", *TRAINING.split())
    runs = Runs(tmp_path / "runs")
    with keep(tmp_path / "runs"):
        about = About(kind="train", title="a.elman", arguments=command, place="a.elman")
        run = runs.create("a", about)
        run.launch(command, folder=tmp_path)
        yield run
    wait_for(lambda: not run.alive)


@pytest.mark.slow
def test_a_training_is_found_again_paused_and_stopped(training, tmp_path):
    with pytest.raises(ConfigError, match="is running; expected it to be paused"):
        training.go_on()
    wait_for(lambda: training.values()["last"].get("step", 0) > 3)
    later = Runs(tmp_path / "runs")[training.name]  # as another studio sees it
    assert later.state == "running"
    later.pause()
    assert training.state == "paused"
    first = training.values()["last"]["step"]
    time.sleep(0.3)
    assert training.values()["last"]["step"] <= first + 1
    training.go_on()
    wait_for(lambda: training.values()["last"]["step"] > first + 1)
    with pytest.raises(ConfigError, match="running already"):
        later.launch(["train"], folder=tmp_path)
    with pytest.raises(ConfigError, match="stop it first"):
        Runs(tmp_path / "runs").remove(training.name)
    training.pause()
    later.stop()
    wait_for(lambda: not training.alive)
    assert (training.state, later.state, training.values()["error"]) == ("stopped", "stopped", "")
    assert (tmp_path / "a.elman" / "training").is_dir()
    runs = Runs(tmp_path / "runs")
    runs.remove(training.name)
    with pytest.raises(DataError, match="no run 'a-1'"):
        runs[training.name]


def test_a_run_that_is_killed_has_failed(training):
    os.killpg(training.about.process, signal.SIGKILL)
    wait_for(lambda: not training.alive)
    assert training.state == "failed"
    assert "it was killed" in training.values()["error"]


@pytest.mark.slow
def test_the_errors_of_a_run_are_whole(tmp_path):
    command = ("train", "missing.txt", "--json")
    run = Runs(tmp_path / "runs").create("m", About(kind="train", title="m", arguments=command))
    run.launch(command, folder=tmp_path)
    wait_for(lambda: not run.alive)
    assert run.state == "failed"
    assert run.values()["error"].startswith("elman train: missing.txt: no such file")


def test_a_run_imports_no_file_of_its_data(tmp_path):
    (tmp_path / "elman.py").write_text("raise SystemExit('a file of the data was run')")
    run = Runs(tmp_path / "runs").create("m", About(kind="train", title="m", arguments=()))
    run.launch(["--version"], folder=tmp_path)
    wait_for(lambda: not run.alive)
    assert (run.values(curve=True)["lines"], run.errors) == ([f"elman {version('elman')}"], "")


def test_a_signal_goes_to_the_process_that_another_studio_has_started(tmp_path):
    run = Runs(tmp_path).create("m", About(kind="train", title="m", arguments=()))
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        later = msgspec.structs.replace(run.about, process=process.pid)
        (run.folder / "run.json").write_bytes(msgspec.json.encode(later))
        run._signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_what_goes_on_is_said_when_the_studio_ends(tmp_path):
    run = Runs(tmp_path / OWN / "runs").create("m", About(kind="train", title="m", arguments=()))
    program = "from elman.cli.main import main; main()"
    command = [sys.executable, "-c", program, "studio", str(tmp_path), "--port", "0", "--browser"]
    (tmp_path / "browser.py").write_text(BROWSER)
    environment = {**os.environ, "BROWSER": f"{sys.executable} {tmp_path / 'browser.py'} %s"}
    with (run.folder / "alive").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout
            address = process.stdout.readline().strip()
            wait_for((tmp_path / "argument").exists)
            with suppress(HTTPError):  # any answer says that it serves
                urlopen(address, timeout=300).close()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "Still at work: m-1. Start the studio again to see them." in said
    opened, mode, page = (tmp_path / "argument").read_text().split("\n", 2)
    assert (opened.startswith("file:///"), address.partition("=")[2] in opened, mode) == (True, False, "0o600")
    assert f"0; url={address}" in page
    assert not [*(tmp_path / OWN).glob("*.html")]


def test_a_budget_in_minutes_is_not_paused(tmp_path):
    about = About(kind="train", title="m", arguments=(), options={"minutes": "3"})
    run = Runs(tmp_path).create("m", about)
    with pytest.raises(ConfigError, match="stop the run and resume it instead"):
        run.pause()
    assert run.values()["pausable"] is False


def test_a_port_that_is_taken_is_left_for_the_next_free_one(tmp_path):
    opened = partial(open_studio, host="127.0.0.1", token="t", largest=1)
    first = opened(tmp_path, port=0)
    second = opened(tmp_path, port=first.port)
    try:
        assert first.port < second.port < first.port + 50
        assert second.address == f"http://127.0.0.1:{second.port}/?token=t"
    finally:
        first.socket.close()
        second.socket.close()
    with pytest.raises(ConfigError, match="expected letters, digits and"):
        open_studio(tmp_path, host="127.0.0.1", port=0, token="a b&c", largest=1)
    with pytest.raises(ConfigError, match="expected a folder"):
        opened(tmp_path / "none", port=0)
    with pytest.raises(ConfigError, match="cannot be listened on"):
        opened(tmp_path, port=0, host="192.0.2.1")
