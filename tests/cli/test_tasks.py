"""Labels, tags and pairs on the command line: real pipes, the data that elman makes itself."""

import csv
import io
import json
import re
import select
import signal
import subprocess
from functools import partial

import numpy as np
import pytest

from elman import artefact
from tests.cli.commands import ELMAN, run

SMALL = ["--hidden-size", "24", "--embedding-size", "12", "--learning-rate", "0.01", "--evaluations", "2"]
TASKS = {"classification": "sms", "tagging": "grammar", "seq2seq": "sums"}


@pytest.fixture(scope="module")
def trained(once):
    """`trained(task)`: a folder with a small model of that task; that of classification also has its texts."""
    return lambda task: once(f"model-of-{task}", partial(train, task))


def train(task, folder):
    if task == "classification":
        write_texts(folder)
    digits = ["--digits", "1"] if task == "seq2seq" else []
    run(folder, "train", TASKS[task], *digits, *SMALL, "--steps", "150", "--out", f"{task}.elman")


def write_texts(folder):
    draw = np.random.default_rng(0)
    words = {"ham": ["home", "dinner", "late", "see", "you", "soon"], "spam": ["win", "prize", "cash", "free", "now"]}
    lines = [f"{label}\t{' '.join(draw.choice(words[label], 4))}\n" for label in ["ham", "spam"] * 200]
    (folder / "sms").write_text("".join(lines))
    (folder / "other").write_text("ham\tsee you\neggs\tsee you\n")


@pytest.mark.parametrize("task", ["classification", "seq2seq", pytest.param("tagging", marks=pytest.mark.slow)])
def test_a_saved_model_is_whole_and_says_what_it_is(trained, task):
    model, folder = f"{task}.elman", trained(task)
    assert "files whole" in run(folder, "verify", model).stdout
    shown = run(folder, "info", model).stdout
    assert json.loads((folder / model / "model.json").read_text())["task"]["type"].lower() == task
    assert "knows" in shown
    assert "engine" in shown
    assert f"{model}: {task}, with --" in shown
    assert "serve --resume; a copy without: python -c" in shown


def test_labels_come_with_their_probability(trained):
    answers = run(
        trained("classification"), "predict", "classification.elman", "-", stdin="see you home\nwin cash now\n"
    ).stdout
    rows = [line.split("\t") for line in answers.splitlines()]
    assert [row[0] for row in rows] == ["ham", "spam"]
    assert all(0.5 < float(row[1]) <= 1 for row in rows)
    measured = json.loads(run(trained("classification"), "evaluate", "classification.elman", "sms", "--json").stdout)
    assert measured["accuracy"] > 0.95


@pytest.mark.slow
def test_raw_text_becomes_conllu(trained):
    result = run(trained("tagging"), "predict", "tagging.elman", stdin="the cat sees a dog\n").stdout
    rows = [line.split("\t") for line in result.splitlines() if line and not line.startswith("#")]
    assert [row[:2] for row in rows] == [[str(i), w] for i, w in enumerate(["the", "cat", "sees", "a", "dog"], start=1)]
    assert all(len(row) == 10 for row in rows)


def test_a_table_is_answered_row_by_row_and_joined(trained):
    folder = trained("classification")
    rows = [["7", "see you, home"], ["8", ""], ["9", "win\ncash"]]
    with open(folder / "asked.csv", "w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *rows])
    answers = run(folder, "predict", "classification.elman", "asked.csv").stdout.splitlines()
    assert [line.split("\t")[0] for line in answers] == ["ham", "", "spam"]
    joined = run(folder, "predict", "classification.elman", "asked.csv", "--with-input").stdout
    head, *answered = csv.reader(io.StringIO(joined, newline=""))
    assert head == ["id", "text", "elman", "elman-probability"]
    assert [row[:2] for row in answered] == rows
    assert [row[2] for row in answered] == ["ham", "", "spam"]
    labelled = run(folder, "predict", "classification.elman", "sms", "--with-input")
    assert all(line.split("\t")[0] == line.split("\t")[2] for line in labelled.stdout.splitlines())
    assert "lines have labels, as in training" in labelled.stderr


def test_a_bad_byte_loses_no_answer(trained):
    folder = trained("classification")
    (folder / "bad.txt").write_bytes(b"see you\n" * 1000 + b"\xff\n" + b"win cash\n")
    failed = run(folder, "predict", "classification.elman", "bad.txt", code=2)
    assert failed.stdout.count("ham\t") == 1000
    assert "bad.txt, line 1001: not text (byte 0xff)" in failed.stderr
    blank = run(folder, "predict", "classification.elman", "bad.txt", "--on-error", "blank")
    assert [line.split("\t")[0] for line in blank.stdout.splitlines()[999:]] == ["ham", "", "spam"]
    skip = run(folder, "predict", "classification.elman", "bad.txt", "--on-error", "skip")
    assert len(skip.stdout.splitlines()) == 1001
    assert blank.stderr.count("line 1001") == skip.stderr.count("line 1001") == 1


def test_sums_have_candidates_that_match_an_expression(trained):
    shown = run(
        trained("seq2seq"), "predict", "seq2seq.elman", "-", "--beam", "5", "--n-best", "3", stdin="1+2\n"
    ).stdout
    rows = [line.split("\t") for line in shown.splitlines()]
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    even = run(
        trained("seq2seq"), "predict", "seq2seq.elman", "-", "--pattern", "[02468]", stdin="1+2\n4+4\n"
    ).stdout.splitlines()
    assert len(even) == 2
    assert all(re.fullmatch("[02468]", line) for line in even)


@pytest.mark.parametrize("task", ["classification", "seq2seq"])
def test_a_pipe_that_waits_has_its_answer_before_the_next_line(trained, task):
    process = subprocess.Popen(
        [*ELMAN, "predict", f"{task}.elman"],
        cwd=trained(task),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin
        assert process.stdout
        for line in (b"1+2\n", b"3+4\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 120)[0], "no answer while the pipe is open"
            assert process.stdout.readline().strip()
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "task", ["classification", *(pytest.param(task, marks=pytest.mark.slow) for task in ("tagging", "seq2seq"))]
)
def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, task):
    data = TASKS[task]
    if task == "classification":
        write_texts(tmp_path)
    digits = ["--digits", "1"] if task == "seq2seq" else []
    options = [data, *digits, *SMALL, "--steps", "60"]
    run(tmp_path, "train", *options, "--out", "whole.elman")
    killed = [*ELMAN, "train", *options, "--out", "parts.elman", "--json", "--checkpoint-seconds", "0.001"]
    with subprocess.Popen(killed, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "checkpoint" and event["step"] >= 20:
                process.send_signal(signal.SIGKILL)
                break
    run(tmp_path, "train", "--resume", "--out", "parts.elman")
    whole, parts = (artefact.read(tmp_path / name) for name in ("whole.elman", "parts.elman"))
    for name in whole.weights:
        np.testing.assert_array_equal(whole.weights[name], parts.weights[name])


BAD_INPUT = {
    "a model that writes": (
        ["generate", "classification.elman"],
        "no language model, so it generates no text; run elman predict",
    ),
    "characters to skip": (
        ["evaluate", "classification.elman", "sms", "--unknown", "skip"],
        "belongs to models that read characters of texts or pairs",
    ),
    "another task": (["train", "sms", "--task", "taging"], "did you mean 'tagging'"),
    "a label it does not know": (["evaluate", "classification.elman", "other"], "line 2: label 'eggs'"),
    "no such expression": (["predict", "seq2seq.elman", "-", "--pattern", "[a-f]+"], "pattern"),
    "no model": (["predict", "nothing.elman", "-"], "nothing.elman: no such artefact"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_a_clear_error(trained, case):
    arguments, message = BAD_INPUT[case]
    model = next((task for task in TASKS if f"{task}.elman" in arguments), "classification")
    done = run(trained(model), *arguments, stdin="1+2\n", code=2)
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_an_evaluation_leaves_out_the_lines_that_cannot_be_read(trained):
    folder = trained("seq2seq")
    (folder / "odd.tsv").write_text("1+2\t3\nno tab\n1*2\t2\n")
    refused = run(folder, "evaluate", "seq2seq.elman", "odd.tsv", code=2)
    assert "odd.tsv, line 2: expected source<TAB>target" in refused.stderr
    skipped = run(folder, "evaluate", "seq2seq.elman", "odd.tsv", "--on-error", "skip", "--json")
    assert json.loads(skipped.stdout)["answers"] == 1
    assert "odd.tsv, line 3: the source '1*2': the model knows no '*' (U+002A); left out" in skipped.stderr
    assert "2 of 3 lines left out" in skipped.stderr
    kept = run(folder, "evaluate", "seq2seq.elman", "odd.tsv", "--on-error", "skip", "--unknown", "skip", "--json")
    assert json.loads(kept.stdout)["answers"] == 2
