"""A service that serves saved models, started as a user starts it, and the same application in this process."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import elman
from elman.serving.client import Client

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
TOKEN = "a-token-for-tests"
WAIT = 240  # seconds that a start or an end may take on a busy machine


class Served(NamedTuple):
    """A service in a process of its own."""

    address: str
    process: subprocess.Popen

    def client(self, **options):
        return Client(self.address, token=TOKEN, timeout=WAIT, **options)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            return self.process.communicate(timeout=WAIT)
        finally:
            self.process.kill()


def place(name):
    return ARTEFACTS / name / "model"


@contextmanager
def serving(folder, *models, **limits):
    """A service of artefacts, by their names."""
    places = [f"{name}={place(name)}" for name in models]
    options = [f"--{name.replace('_', '-')}={value}" for name, value in limits.items()]
    program = [sys.executable, "-c", "from elman.cli.main import main; main()"]
    command = [*program, "serve", *places, "--port=0", f"--folder={folder}", *options]
    environment = os.environ | {"ELMAN_SERVE_TOKEN": TOKEN}
    process = subprocess.Popen(
        command, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    served = Served(process.stdout.readline().strip(), process)
    try:
        assert served.address.startswith("http://127.0.0.1:"), served.end()
        yield served
    finally:
        if process.poll() is None:
            served.end()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A service of a language model and a tagger."""
    with serving(tmp_path_factory.mktemp("served"), "language-modelling", "tagging", body_kb=64) as served:
        yield served


@pytest.fixture(scope="session")
def client(served):
    with served.client() as client:
        yield client


@pytest.fixture(scope="session")
def model():
    """The language model that is served, in this process."""
    return elman.load(place("language-modelling"))
