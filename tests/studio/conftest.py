"""A studio that serves saved models of every task, started as a user starts it, and a real browser."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from elman.studio.folder import OWN

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
TOKEN = "a-token-for-tests"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 240_000  # milliseconds that a training or a compilation may take on a busy machine

KEEPER = """
import os, signal, subprocess, sys
from pathlib import Path
from elman.studio.runs import Runs

runs, *command = sys.argv[1:]
process = subprocess.Popen(command, stdin=subprocess.DEVNULL) if command else None
os.close(1)  # which ends for the tests when it ends for the process
sys.stdin.read()
if process is not None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
for run in Runs(Path(runs)).all():
    if run.alive:
        os.killpg(run.about.process, signal.SIGKILL)
"""
"""A process that runs a command and, when its standard input ends, ends the command and the runs of a studio. Runs are
made to outlive those who start them; so they end however the tests do, also when these are killed."""


class Served(NamedTuple):
    """A studio that is being served."""

    address: str
    folder: Path
    keeper: subprocess.Popen


def keep(runs, *command, **options):
    """A keeper of the runs in a folder."""
    program = [sys.executable, "-c", KEEPER, str(runs), *command]
    return subprocess.Popen(program, stdin=subprocess.PIPE, text=True, start_new_session=True, **options)


def fill_folder(folder):
    for name in (
        "language-modelling",
        "classification",
        "tagging",
        "seq2seq",
        "forecasting",
        "ecg",
        "series-classification",
    ):
        for place in (ARTEFACTS / name).iterdir():
            if place.is_dir():
                shutil.copytree(place, folder / f"{name}.elman")
            elif place.name != "session.txt":
                shutil.copy(place, folder / (f"{name}-{place.name}" if place.stem == "input" else place.name))


def serve(folder, *options, token=TOKEN):
    command = [sys.executable, "-c", "from elman.cli.main import main; main()", "studio", str(folder), *options]
    environment = {**os.environ, "ELMAN_STUDIO_TOKEN": token}
    keeper = keep(folder / OWN / "runs", *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    address = keeper.stdout.readline().strip().partition("/?")[0]
    served = Served(address, folder, keeper)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address), end(served)
    return served


def end(served):
    return served.keeper.communicate(timeout=120)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A studio of a folder with a saved model and the data of each task."""
    folder = tmp_path_factory.mktemp("studio")
    fill_folder(folder)
    served = serve(folder, "--port", "0")
    try:
        yield served
    finally:
        end(served)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. While it is there an event loop runs, in which other tests could not start theirs."""
    from playwright import sync_api  # of the second tier, whose tests have it or are left out

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(served, browser):
    """A page that has come in with the token. Errors in its console, and requests to anywhere else, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(WAIT)
    page, faults, own = context.new_page(), [], (served.address, "blob:", "data:")
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith(own) else None)
    page.goto(f"{served.address}/?token={TOKEN}")
    page.faults = faults
    yield page
    context.close()
    assert not faults
