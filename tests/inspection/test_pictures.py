"""Pictures and comparisons of models."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import elman
from elman.inspection import answers, calibration, gradients, memory, record, saliency
from elman.inspection.attention import Attention
from elman.inspection.compare import compare
from elman.inspection.pictures import (
    draw_answers,
    draw_attention,
    draw_calibration,
    draw_cell,
    draw_gradients,
    draw_histories,
    draw_memory,
    draw_saliency,
    draw_units,
)
from elman.tasks.drawing import INK, PAGE, dark_pictures
from elman.training.history import Evaluation, History
from tests.inspection.test_inside import LONG, TEXT, writer


def texts(path):
    return [text for node in ElementTree.parse(path).iter() if (text := (node.text or "").strip())]


def evaluation(number, objective):
    return Evaluation(
        step=10 * number, seconds=60.0 * number, training_loss=1.0, learning_rate=0.1, objective=objective, measures={}
    )


def history(*objectives):
    return History(tuple(evaluation(number, objective) for number, objective in enumerate(objectives, start=1)))


def test_a_cell_is_drawn_with_its_states_gates_and_steps(tmp_path):
    draw_cell(record(writer(), TEXT).cells[0], tmp_path / "cell.svg", of=("c", "f"))
    drawn = texts(tmp_path / "cell.svg")
    assert {"units of c", "units of f", "layers.cells.0 (LSTM)", "step", "h", "␣"} <= {*drawn}
    draw_cell(record(writer(), TEXT * 10).cells[0], tmp_path / "long.svg", of=("c",))
    assert "step, counted from 0" in texts(tmp_path / "long.svg")
    with pytest.raises(elman.ConfigError, match="no state or gate 'x'; the cell has c, h, f"):
        draw_cell(record(writer(), TEXT).cells[0], tmp_path / "x.svg", of=("x",))


def test_memories_are_drawn_by_their_names(tmp_path):
    draw_memory({"a $ cell": memory(writer(), TEXT)[0]}, tmp_path / "memory.svg")
    assert {"a $ cell", "lag (steps)", "vanishing below"} <= {*texts(tmp_path / "memory.svg")}
    with pytest.raises(elman.ConfigError, match="one or more"):
        draw_memory({}, tmp_path / "none.svg")


def test_single_units_are_drawn_over_their_steps(tmp_path):
    cell = record(writer(), TEXT).cells[1]
    draw_units(cell, [("c", 2), ("f", 0)], tmp_path / "units.svg", first=2, count=5)
    drawn = texts(tmp_path / "units.svg")
    assert {"c[2]", "f[0]", "layers.cells.1 (LSTM)"} <= {*drawn}
    assert [text for text in drawn if len(text) == 1 and text.isalpha()] == list("llow")
    draw_cell(record(writer(), "he").cells[1], tmp_path / "one.svg", of=["h"])
    assert "−0.4" not in texts(tmp_path / "one.svg")
    for units, message in {
        (("x", 0),): "no state or gate 'x'; the cell has c, h, f",
        (("c", 6),): "unit 6: expected 0 to 5, the units of c in layers.cells.1",
        (): "expected some units and steps to draw; got 0",
    }.items():
        with pytest.raises(elman.ElmanError, match=re.escape(message)):
            draw_units(cell, units, tmp_path / "none.svg")


def test_gradients_saliency_answers_calibration_and_attention_are_drawn(tmp_path):
    place = tmp_path / "one.svg"
    draw_gradients(gradients(writer(), TEXT), place)
    assert {"layers.cells.0", "layers.cells.1", "step", "norm of dL/ds (nats per character)"} <= {*texts(place)}
    draw_saliency(saliency(writer(), TEXT), place)
    assert {"without it", "to first order", "change of the loss (nats)", "w"} <= {*texts(place)}
    [seen] = answers(writer(), TEXT)
    draw_answers(seen, place)
    assert {"loss of the right answer", "entropy of the answer", "right answer", "w"} <= {*texts(place)}
    [measured] = calibration(writer(), LONG)
    draw_calibration(measured, place)
    assert f"character: error {measured.error:.3f} over {measured.count}" in texts(place)
    draw_attention(Attention("attention", ("a", ""), ("x", "y"), np.full((2, 2, 2), 0.5)), place)
    assert {"attention", "a", "end", "x", "y", "weight"} <= {*texts(place)}


def test_pictures_for_a_dark_page_are_dark(tmp_path):
    for name, dark in (("dark", True), ("light", False)):
        with dark_pictures(dark):
            draw_histories({"a": history(3.0, 2.0)}, tmp_path / f"{name}.svg")
    dark, light = ((tmp_path / f"{name}.svg").read_text() for name in ("dark", "light"))
    assert PAGE in dark
    assert INK in dark
    assert "fill: #ffffff" not in dark
    assert PAGE not in light


def test_histories_are_drawn_by_step_and_by_time(tmp_path):
    draw_histories({"a": history(3.0, 2.0, 2.5), "b": history(1.0)}, tmp_path / "curves.svg", unit="nats_per_word")
    assert {"a", "b", "minutes of training", "nats per word (less is better)"} <= {*texts(tmp_path / "curves.svg")}
    with pytest.raises(elman.ConfigError, match="none has an evaluation"):
        draw_histories({"a": History()}, tmp_path / "none.svg")


def test_models_are_compared_by_what_differs():
    models = {"lstm": writer(), "gru": writer(elman.GRU, 1)}
    lines = list(compare(models))
    assert "cell: LSTM in lstm; GRU in gru" in lines
    assert "num_layers: 2 in lstm; 1 in gru" in lines
    assert not any(line.startswith("hidden_size") for line in lines)
    assert list(compare({"a": writer(), "b": writer()}))[-1] == "no setting differs"
    with pytest.raises(elman.ConfigError, match="one or more models"):
        next(compare({}))
