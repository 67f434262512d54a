"""Reports for TensorBoard, read back by TensorBoard itself: its accumulator and its server."""

import json
import subprocess
import sys
import time
from urllib.request import urlopen

import numpy as np
import pytest

import elman
from elman.inspection.tensorboard import TensorBoard, _Look
from tests.inspection.test_answers import softmax
from tests.inspection.test_inside import TEXT, lstm_logits, writer

STEPS, EVALUATIONS = 20, 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained model and its folder."""
    pytest.importorskip("tensorboardX")
    folder = tmp_path_factory.mktemp("board") / "run"
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, num_layers=1, batch_size=4)
    board = TensorBoard(folder)
    fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=STEPS, evaluations=EVALUATIONS, also=[board])
    return fitted, folder


def test_gates_and_gradients_are_those_of_a_look_inside():
    gates, slopes = _Look(writer(), TEXT)(writer().model)
    for cell in elman.inspection.record(writer(), TEXT):
        for name, values in cell.gates.items():
            np.testing.assert_allclose(gates[f"{cell.name}/{name}"], values)
    assert {*slopes} == {*elman.artefact.named_arrays(writer().model)}
    logits, targets = lstm_logits(writer(), TEXT)[0], writer().codec.encode(TEXT)[1:]
    right = np.eye(logits.shape[1])[targets]
    np.testing.assert_allclose(slopes["head.bias"], (softmax(logits) - right).mean(0), atol=1e-6)


@pytest.mark.slow
def test_tensorboard_reads_what_was_written(run):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fitted, folder = run
    events = accumulator.EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    assert {"training/loss_per_character", "training/gradient_norm", "training/learning_rate"} <= {*tags["scalars"]}
    measured = events.Scalars("validation/nats_per_token")
    assert [one.step for one in measured] == [one.step for one in fitted.history]
    expected = [one.measures["nats_per_token"] for one in fitted.history]
    assert [one.value for one in measured] == pytest.approx(expected, rel=1e-5)
    assert {f"gates/layers.cells.0/{gate}" for gate in "figo"} <= {*tags["histograms"]}
    assert "gradients/layers.cells.0.recurrent_kernel" in tags["histograms"]
    assert len(events.Histograms("gradients/head.kernel")) == EVALUATIONS
    gate = events.Histograms("gates/layers.cells.0/f")[0].histogram_value
    assert 0 <= gate.min <= gate.max <= 1
    assert "sample/text_summary" in tags["tensors"]
    settings = accumulator.EventAccumulator(str(folder / "settings"))
    settings.Reload()
    [best] = settings.Scalars("best/objective")
    assert best.value == pytest.approx(fitted.history.best.objective, rel=1e-5)
    assert "_hparams_/session_start_info" in settings.summary_metadata


@pytest.mark.slow
def test_the_server_of_tensorboard_shows_it(run):
    pytest.importorskip("tensorboard")
    _, folder = run
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder.parent), "--port", "0"]
    with subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True) as server:
        try:
            address = next(line.split()[3] for line in server.stderr or () if "http://" in line)

            def ask(what):
                with urlopen(f"{address}data/plugin/{what}", timeout=60) as answer:
                    return json.load(answer)

            def evaluations():  # of which TensorBoard reads one after the other
                known = "validation/nats_per_token" in ask("scalars/tags").get("run", ())
                return len(ask("scalars/scalars?run=run&tag=validation%2Fnats_per_token")) if known else 0

            deadline = time.monotonic() + 300
            while evaluations() < EVALUATIONS and time.monotonic() < deadline:
                time.sleep(0.5)
            assert evaluations() == EVALUATIONS
            assert "training/loss_per_character" in ask("scalars/tags")["run"]
            assert "gates/layers.cells.0/f" in ask("histograms/tags")["run"]
            assert "run" in ask("projector/runs")
            config = ask("projector/info?run=run")
            assert config["embeddings"][0]["tensorName"] == "words"
            assert any("sample" in tag for tag in ask("text/tags")["run"])
        finally:
            server.terminate()


def test_a_folder_that_is_a_file(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "board").write_text("")
    with pytest.raises(elman.DataError, match="board: cannot be written to"):
        TensorBoard(tmp_path / "board")
