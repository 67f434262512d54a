"""Logs of runs: means of steps, and what is known after a run was resumed."""

import json

import pytest

from elman.studio.log import POINTS, Curve, Log


def stepped(step, loss=0.0):
    values = {"loss": loss, "gradient_norm": 1.0, "learning_rate": 0.1, "speed": 100.0}
    return {"step": step, "seconds": step / 10, "epoch": 1.0, "spent": 0.5, **values}


@pytest.mark.parametrize("count", [1, POINTS - 1, POINTS, 10 * POINTS + 3])
def test_a_curve_has_the_means_of_equally_many_steps(count):
    curve = Curve()
    for step in range(1, count + 1):
        curve.add(stepped(step, loss=step))
    assert len(curve.steps) < POINTS
    assert curve.steps == list(range(curve.stride, count + 1, curve.stride))
    middles = [last - (curve.stride - 1) / 2 for last in curve.steps]
    assert curve.means["loss"] == pytest.approx(middles)


def test_a_run_that_is_resumed_forgets_the_steps_after_its_state(tmp_path):
    file = tmp_path / "events.jsonl"
    log = Log(file)
    log.update()
    assert log.values()["work"] == "reading the data"

    def write(*events, end="\n"):
        with file.open("a") as lines:
            lines.write("\n".join(json.dumps({"event": name, **values}) for name, values in events) + end)

    write(("started", {"budget": "9 steps"}), *(("stepped", stepped(step)) for step in range(1, 8)))
    write(("evaluated", {"step": 7, "loss": 1.0}), ("finished", {"reason": "interrupted"}))
    log.update()
    assert (log.reason, log.curve.steps[-1], len(log.evaluations)) == ("interrupted", 7, 1)
    write(("started", {"budget": "9 steps"}), ("stepped", stepped(5)), end="")
    log.update()
    assert log.curve.steps[-1] == 7  # a line that is not whole yet
    write(end="\nno event\n")
    log.update()
    assert (log.curve.steps[-3:], log.evaluations, log.reason) == ([3, 4, 5], [], "")
    assert log.values()["lines"] == ["no event"]
