"""The cost of the studio while a model is trained there.

    python benchmarks/studio.py [--rounds 8] [--seconds 20] [--size 256]

A language model with the defaults of `elman train`, on 1,000,000 characters, is trained by a studio. In turns nobody
looks on, and its page is open in a headless Chromium (with `--watcher stream`, a script reads what the page would):
shown are the training's steps per second, by its own clock, the share that watching takes, and the processor time of
the studio itself. Then, while the training goes on, what a page asks for is asked for a number of times: milliseconds
from the request to the end of the answer, after the first one, which compiles. Looks are at a model with random weights
of one layer. Medians with half the range between the quartiles.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from inspection import model, text_of
from options import runs
from results import Table, middle

SMOKE = ("--rounds 1 --seconds 1 --size 4 --characters 5000 --calls 2 --watcher stream",)
ELMAN = [sys.executable, "-c", "from elman.cli.main import main; main()"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Client:
    """A studio of a folder, and requests to it."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [*ELMAN, "studio", str(folder), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "ELMAN_STUDIO_TOKEN": "benchmark"},
        )
        self.entrance = self._process.stdout.readline().strip()
        self.address = self.entrance.partition("/?")[0]

    def ask(self, path, body=None):
        """The answer to a request."""
        with self.open(path, body) as answer:
            return json.load(answer)

    def open(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": "Bearer benchmark", "content-type": "application/json"}
        return urlopen(Request(self.address + path, data, headers), timeout=600)

    def processor_seconds(self):
        """The processor time that the studio has taken; its trainings are processes of their own."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self._process.terminate()
        self._process.wait()


class Training:
    """A training in the studio, and the steps that it has made."""

    def __init__(self, client, folder, options):
        order = {"files": ["text.txt"], "task": "language-modelling", "place": "trained.elman"}
        size = {"hidden_size": str(options.size), "steps": "100000000", "evaluations": "10"}
        self.name = client.ask("/api/runs", order | {"options": size})["name"]
        self._client, self._events = client, folder / ".elman-studio" / "runs" / self.name / "events.jsonl"
        while not self._last():
            time.sleep(0.2)

    def rate(self, seconds):
        """The steps per second over some seconds, by the training's own clock."""
        first = self._last()
        time.sleep(seconds)
        last = self._last()
        return (last["step"] - first["step"]) / max(last["seconds"] - first["seconds"], 1e-9)

    def _last(self):
        """The last step that was made."""
        lines = self._events.read_bytes().splitlines()[::-1] if self._events.exists() else []
        steps = (json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}"))
        return next((step for step in steps if step["event"] == "stepped"), None)

    def end(self):
        self._client.ask(f"/api/runs/{self.name}/stop", {})
        while self._client.ask("/api/contents")["runs"][0]["state"] in ("running", "stopping"):
            time.sleep(0.2)


@contextmanager
def page_opener(client, training):
    """A function that opens and closes the page of the training."""
    from playwright import sync_api

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(client.entrance)

        @contextmanager
        def opened():
            page.goto(f"{client.address}/#/run/{training.name}")
            page.locator(".chart canvas").first.wait_for()
            yield
            page.goto("about:blank")

        yield opened
        browser.close()


@contextmanager
def stream_opener(client, training):
    """A function that reads the stream of news of the training, as its page does."""

    @contextmanager
    def opened():
        over = threading.Event()

        def read():
            with client.open(f"/api/events?watch={training.name}") as news:
                while not over.is_set() and news.readline():
                    pass

        thread = threading.Thread(target=read)
        thread.start()
        yield
        over.set()
        thread.join()

    yield opened


def watching(client, training, options, table):
    """Adds the rows of a training that nobody looks at, and that is watched."""
    opener = {"page": page_opener, "stream": stream_opener}[options.watcher]
    alone, watched, shares = [], [], []
    with opener(client, training) as opened:
        for number in range(options.rounds):
            for looked_at in (False, True) if number % 2 else (True, False):
                if looked_at:
                    with opened():
                        begun = client.processor_seconds()
                        watched.append(training.rate(options.seconds))
                        shares.append(100 * (client.processor_seconds() - begun) / options.seconds)
                else:
                    alone.append(training.rate(options.seconds))
    pairs = [100 * (1 - one / other) for one, other in zip(watched, alone, strict=True)]
    table.add("training, nobody looks on: steps per second", middle(alone))
    table.add(f"training, watched by a {options.watcher}: steps per second", middle(watched))
    table.add("watching takes, % of the training", middle(pairs))
    table.add("the studio's processor time while it is watched, % of a core", middle(shares))
    table.sum_up("of the medians, % of the training", 100 * (1 - statistics.median(watched) / statistics.median(alone)))


def actions(text):
    """The requests of a page, by name: a path, and the body of a request that has one."""
    looks = {"text": text[:100]}
    return {
        "the folder": ("/api/contents", None),
        "a file": ("/api/look", {"files": ["text.txt"]}),
        "a model": ("/api/about/model.elman", None),
        "gates over 100 characters": ("/api/see/gates/model.elman", looks),
        "the gradient through 100 characters": ("/api/see/gradient/model.elman", looks),
        "100 characters are written": ("/api/write/model.elman", {"prime": text[:20], "length": 100}),
        "a stretch is matched": (
            "/api/see/alike/model.elman",
            {"files": ["text.txt"], "part": text[:8], "threshold": 0.0},
        ),
    }


def answering(client, text, options, table):
    """Adds a row for each action of a page."""
    for name, (path, body) in actions(text).items():
        milliseconds = []
        for _ in range(1 + options.calls):
            begun = time.perf_counter()
            with client.open(path, body) as answer:
                answer.read()
            milliseconds.append(1e3 * (time.perf_counter() - begun))
        table.add(f"{name}: ms", middle(milliseconds[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--watcher", choices=("page", "stream"), default="page")
    for options in runs(parser, SMOKE):
        text = text_of(options.characters)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "text.txt").write_text(text)
            model(options.size, 1, text).save(folder / "model.elman")
            client = Client(folder)
            try:
                training = Training(client, folder, options)
                with Table("studio", {"what": "", "value": ".3g"}, options) as table:
                    watching(client, training, options, table)
                    answering(client, text, options, table)
                training.end()
            finally:
                client.end()


if __name__ == "__main__":
    main()
