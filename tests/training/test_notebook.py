"""Training in a notebook: one line that is updated, the learning curve, and an interrupt that leaves a model."""

import re
from dataclasses import replace

import pytest

import elman
from elman.training import reporters
from elman.training.events import Evaluated, Started, Stepped
from elman.training.reporters import Notebook

SESSION = [
    """
import os, signal
import elman
from elman.training.events import Stepped
from elman.training.reporters import Notebook

class Stopped(Notebook):
    def __call__(self, event):
        super().__call__(event)
        if isinstance(event, Stepped) and event.step == 12:
            os.kill(os.getpid(), signal.SIGINT)

task = elman.LanguageModelling(hidden_size=4, embedding_size=4, batch_size=2, unroll_length=8)
data = task.read_text("the cat <b>sat</b> on a mat. " * 30)
""",
    'fitted = elman.fit(task, data, steps=20, evaluations=2, out="x.elman", report=Stopped())',
    "fitted",
    "fitted.evaluate(data.test)",
    'fitted = elman.fit(task, data, steps=20, evaluations=2, out="x.elman", resume=True)',
    "fitted",
]


def test_a_notebook_is_updated_twice_a_second_with_loss_speed_and_time_left(monkeypatch, capsys, small_text):
    clock, events, shown = [0.0], [], []

    class Shown:
        """A place of a notebook that keeps what it showed."""

        def __init__(self, **content):
            shown.append(content)

        def update(self, **content):
            shown.append(content)

    monkeypatch.setattr(reporters, "Display", Shown)
    monkeypatch.setattr(reporters.time, "monotonic", lambda: clock[0])
    notebook = Notebook()

    class Watch(reporters.Quiet):
        def __call__(self, event):
            events.append(event)

    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16)
    elman.fit(task, task.read_text(small_text), steps=7, evaluations=3, report=Watch())
    for event in events:
        if isinstance(event, Stepped):
            for part in range(5_000):
                clock[0] += 1e-3
                notebook(replace(event, spent=(event.step - 1 + part / 5_000) / 7))
        notebook(event)
    notebook.close()
    assert len(shown) <= 2 + 2 * 35 + 5  # 35 seconds, three evaluations, two compilations
    assert all(content["text"].isprintable() for content in shown)
    line = shown[-1]["text"]
    assert re.fullmatch(
        r"100%  step 7  epoch [\d.]+  [\d.]+ nats/char  [\d.]+ bits/char  [\d,]+ char/s  \d+:\d\d left", line
    )
    assert shown[-1]["html"].count("<polyline") == 2
    assert [event.step for event in events if isinstance(event, Evaluated)] == [one.step for one in notebook._history]
    assert f"{next(one for one in events if isinstance(one, Started)).parameters:,} weights" in capsys.readouterr().out


@pytest.mark.slow
def test_a_kernel_shows_a_training_and_an_interrupt_leaves_a_model_that_can_be_resumed(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in SESSION])
    updates = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, cell_index):
            updates.append(message["msg_type"] == "update_display_data")
            return super().process_message(message, cell, cell_index)

    Client(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [cell.outputs for cell in book.cells]
    texts = ["".join(one.get("text", one.get("data", {}).get("text/plain", "")) for one in cell) for cell in outputs]
    assert all(one.output_type != "error" for cell in outputs for one in cell)
    assert "\x1b" not in "".join(texts)
    assert 2 <= sum(updates) <= 40
    for cell in (outputs[1], outputs[4]):  # also after an interrupt
        assert [one.output_type for one in cell].count("display_data") == 1
    stopped, first, measured, resumed, second = texts[1:]
    assert "interrupted after step 12; fit returned the model so far; the same call with resume=True" in stopped
    assert "10 steps; validation" in first
    assert "LanguageMetrics" in measured
    assert "step 20" in resumed
    assert "<svg" in outputs[-1][0]["data"]["text/html"]
    assert "<polyline" in outputs[1][0]["data"]["text/html"]
    assert len(second.splitlines()) == 3
    assert elman.load(tmp_path / "x.elman").history[-1].step == 20
