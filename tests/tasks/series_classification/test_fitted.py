"""A trained classifier of series in use: answers, files, standard input, and the command line."""

import io
import json
import sys

import numpy as np
import pytest

import elman
from elman.cli.main import run
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.series_classification.codec import EncodedSeries
from elman.training.reporters import Quiet

UP, DOWN = np.array([[1.0, 9.0], [2.0, 8.0], [3.0, 7.0]]), np.array([[3.0, 7.0], [2.0, 8.0], [1.0, 9.0]])


@pytest.fixture(scope="module")
def fitted():
    task = elman.SeriesClassification(embedding_size=8, hidden_size=8)
    data = task.read_series([(UP, "up"), (DOWN, "down")] * 20, channels=("x", "y"))
    return elman.fit(task, data, steps=60, learning_rate=0.02, report=Quiet())


def rows(*series):
    return "".join(f"{n},{x},{y}\n" for n, values in enumerate(series) for x, y in values)


def test_answers_are_the_softmax_at_the_temperature(fitted):
    answer = fitted.predict(UP)
    logits = all_logits(fitted.model, [EncodedSeries(fitted.codec.encode(UP), 0)], fitted.codec)[0]
    probabilities = np.exp(logits.astype(float) / fitted.temperature)
    assert answer.label == "up"
    assert answer.probabilities == pytest.approx(
        dict(zip(("down", "up"), probabilities / probabilities.sum(), strict=True))
    )
    assert fitted.predict(UP, threshold=1.0).label is None


def test_answers_do_not_depend_on_what_else_is_asked(fitted):
    asked = [np.concatenate([UP] * (n % 9 + 1))[: n % 20 + 1] for n in range(40)]
    for one, answer in zip(asked, fitted.predict_all(asked), strict=True):
        assert fitted.predict(one).probability == pytest.approx(answer.probability, abs=1e-6)
    assert fitted.predict_all([]) == []
    whole_numbers = UP.astype(int)
    assert fitted.predict(whole_numbers) == fitted.predict(whole_numbers.tolist()) == fitted.predict(UP)


def test_of_files_that_are_parts_the_test_part_is_measured(fitted, tmp_path):
    for part, count in (("TRAIN", 3), ("TEST", 2)):
        lines = [f"{n},{x},{y},up\n" for n in range(count) for x, y in UP]
        (tmp_path / f"a_{part}.csv").write_text("series,x,y,label\n" + "".join(lines))
    assert len(fitted.read(tmp_path / "a_TRAIN.csv")) == 3
    assert len(fitted.read(tmp_path)) == 2


def test_series_of_other_channels_are_refused(fitted):
    with pytest.raises(elman.DataError, match=r"series 2: expected values of shape \(steps, 2\)"):
        fitted.predict_all([UP, UP[:, :1]])


def test_files_are_answered_with_classes_or_without_and_whatever_the_order_of_columns(fitted, tmp_path):
    (tmp_path / "a.csv").write_text("series,x,y\n" + rows(UP, DOWN))
    (tmp_path / "b.csv").write_text(
        "y,label,series,x,note\n" + "".join(f"{y},?,{n},{x},-\n" for n, one in enumerate((UP, DOWN)) for x, y in one)
    )
    first, second = (
        list(fitted.output(str(tmp_path / name), options=ClassPrediction())) for name in ("a.csv", "b.csv")
    )
    assert first == second
    assert [line.split("\t")[0] for line in first] == ["up", "down"]


def test_series_are_answered_in_the_order_of_the_files_and_with_their_names(fitted, tmp_path):
    for part, labels in (("TRAIN", ("down", "up")), ("TEST", ("up", "down"))):
        series = [(n, label, row) for n, label in enumerate(labels) for row in (UP if label == "up" else DOWN)]
        text = "".join(f"s {n},{x},{y},{label}\n" for n, label, (x, y) in series)
        (tmp_path / f"a_{part}.csv").write_text("series,x,y,label\n" + text)
    result = list(fitted.output(str(tmp_path), options=ClassPrediction(with_input=True)))
    assert result[0] == "series,elman,elman-probability"
    assert [line.split(",")[:2] for line in result[1:]] == [
        ["s 0", "up"],
        ["s 1", "down"],
        ["s 0", "down"],
        ["s 1", "up"],
    ]


def test_a_series_that_cannot_be_read_is_passed_over(fitted, tmp_path):
    text = rows(UP, DOWN) + "c,1,?\n" + "".join(f"d,{x},{y}\n" for x, y in UP)
    objects = [dict(zip(("series", "x", "y"), line.split(","), strict=True)) for line in text.split("\n")[:-1]]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in objects))
    options = ClassPrediction(on_error="blank", with_input=True)
    (*answers,) = fitted.output(str(tmp_path / "a.jsonl"), options=options)
    [note] = [one.text for one in answers if not isinstance(one, str)]
    assert "y: the value of step 1 is missing" in note
    result = [json.loads(one) for one in answers if isinstance(one, str)]
    assert [(one["series"], one["elman"]) for one in result] == [("0", "up"), ("1", "down"), ("c", None), ("d", "up")]
    result = fitted.output(str(tmp_path / "a.jsonl"), options=ClassPrediction())
    assert [next(result).split("\t")[0] for _ in range(2)] == ["up", "down"]
    with pytest.raises(elman.DataError, match="the value of step 1 is missing"):
        next(result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,x\n1,2\n", r"no column 'y'.*; there are series, x"),
        ("series,x,y\n1,2,\n", "line 2, y: the value of step 1 is missing"),
    ],
)
def test_files_that_do_not_fit_are_named(fitted, tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(elman.DataError, match=rf"a\.csv.*{message}"):
        list(fitted.output(str(tmp_path / "a.csv"), options=ClassPrediction()))


def test_channels_without_the_names_of_training_are_refused(fitted, tmp_path):
    (tmp_path / "a.ts").write_text("@classLabel false\n@data\n1,2:3,4\n")
    with pytest.raises(elman.DataError, match=r"a\.ts: expected the channels of the model, x, y; got 1, 2"):
        list(fitted.output(str(tmp_path / "a.ts"), options=ClassPrediction()))


def test_the_command_line_trains_evaluates_and_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ts = "@dimensions 2\n@classLabel true up down\n@data\n"
    for values, label in ((UP, "up"), (DOWN, "down")):
        ts += (":".join(",".join(map(str, channel)) for channel in values.T) + f":{label}\n") * 10
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"w_{part}.ts").write_text(ts)
    small = ["--steps", "60", "--learning-rate", "0.02", "--hidden-size", "8", "--embedding-size", "8", "--lines"]
    assert run(["train", "w_TRAIN.ts", "w_TEST.ts", "--out", "w.elman", *small]) == 0
    assert run(["evaluate", "w.elman", "w_TEST.ts"]) == 0
    assert "accuracy 100.00%" in capsys.readouterr().out
    bare = ts.replace("@classLabel true up down", "@classLabel false").replace(":up\n", "\n").replace(":down\n", "\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bare.encode())))
    assert run(["predict", "w.elman", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["up"] * 10 + ["down"] * 10
