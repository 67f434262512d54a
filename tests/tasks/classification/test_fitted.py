"""A trained classifier in use: answers, abstaining, lines, files, and the command line."""

import io
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest

import elman
from elman.cli.main import run
from elman.tasks.classification.reading import read_labelled
from elman.tasks.classification.settings import TextPrediction
from elman.training.reporters import Quiet

TEXTS = [
    ("good film", "pos"),
    ("so good", "pos"),
    ("bad film", "neg"),
    ("so bad", "neg"),
    ("very bad plot", "neg"),
] * 12


@pytest.fixture(scope="module")
def fitted():
    task = elman.Classification(embedding_size=8, hidden_size=8, input_dropout=0.1, dropout=0.0)
    return elman.fit(task, task.read_texts(TEXTS), steps=120, learning_rate=0.02, report=Quiet())


@pytest.fixture
def saved(fitted, tmp_path):
    fitted.save(tmp_path / "m.elman")
    return str(tmp_path / "m.elman")


def test_answers_are_the_softmax_at_the_temperature(fitted):
    from elman.tasks.classification.codec import EncodedText
    from elman.tasks.classification.logits import all_logits

    answer = fitted.predict("a good plot")
    logits = all_logits(fitted.model, [EncodedText(fitted.codec.encode("a good plot"), 0)], fitted.codec)[0]
    probabilities = np.exp(logits.astype(float) / fitted.temperature)
    expected = dict(zip(fitted.codec.labels, probabilities / probabilities.sum(), strict=True))
    assert answer.label == max(expected, key=lambda label: expected[label]) == "pos"
    assert answer.probability == pytest.approx(expected["pos"])
    assert answer.probabilities == pytest.approx(expected)
    assert list(answer.probabilities) == ["pos", "neg"]


def test_answers_do_not_depend_on_what_else_is_asked(fitted):
    asked = [" ".join(["so", "good", "bad", "film"][: n % 4 + 1] * (n % 7 + 1)) for n in range(70)]
    together = fitted.predict_all(asked)
    for text, answer in zip(asked, together, strict=True):
        alone = fitted.predict(text)
        assert alone.label == answer.label
        assert alone.probability == pytest.approx(answer.probability, abs=1e-6)


def test_it_abstains_below_the_threshold(fitted):
    sure = fitted.predict("so good").probability
    assert fitted.predict("so good", threshold=sure).label == "pos"
    abstains = fitted.predict("so good", threshold=min(1.0, sure + 1e-4))
    assert abstains.label is None
    assert abstains.probability == sure
    with pytest.raises(elman.ConfigError, match="threshold"):
        fitted.predict("so good", threshold=1.1)


def test_empty_texts_are_named(fitted):
    with pytest.raises(elman.DataError, match="text 2: the text is empty"):
        fitted.predict_all(["a", " "])


def test_texts_of_unknown_words_get_an_answer(fitted):
    assert sum(fitted.predict("zebra").probabilities.values()) == pytest.approx(1)
    assert fitted.predict_all([]) == []


def test_lines_are_answered_in_order(fitted, tmp_path):
    (tmp_path / "asked.txt").write_text("so good\nbad film\n")
    lines = list(fitted.output(str(tmp_path / "asked.txt"), options=TextPrediction()))
    answers = fitted.predict_all(["so good", "bad film"])
    assert lines == [f"{answer.label}\t{np.float32(answer.probability)!s}" for answer in answers]
    lines = list(fitted.output(str(tmp_path / "asked.txt"), options=TextPrediction(probabilities=True, threshold=1.0)))
    assert lines[1] == "\t" + "\t".join(
        f"{name}={np.float32(probability)!s}" for name, probability in answers[1].probabilities.items()
    )


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "txt"])
@pytest.mark.parametrize("labels", [("a\tb", "c\r\nd"), ("e f", '"g"')])
def test_labels_are_read_back_from_answers_whatever_they_hold(fitted, tmp_path, form, labels):
    odd = replace(fitted, codec=msgspec.structs.replace(fitted.codec, labels=labels))
    asked = {
        "csv": "text,id\nso good,1\nbad film,2\n",
        "tsv": "text\tid\nso good\t1\nbad film\t2\n",
        "jsonl": '{"text": "so good"}\n{"text": "bad film"}\n',
        "txt": "so good\nbad film\n",
    }
    (tmp_path / f"asked.{form}").write_text(asked[form])
    for each in (False, True):
        options = TextPrediction(with_input=True, probabilities=each)
        written = list(odd.output(str(tmp_path / f"asked.{form}"), options=options))
        place = tmp_path / f"answers.{form}"
        place.write_bytes("".join(f"{line}\n" for line in written).encode())
        again = read_labelled(place, label_column="elman").train
        assert [one.text.rpartition("\t")[2] for one in again] == ["so good", "bad film"]
        assert [odd.codec.form.labels(one.label) for one in again] == [(labels[1],), (labels[0],)]


def test_the_command_line_predicts_and_evaluates(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"so good\nbad film\n")))
    assert run(["predict", saved, "-", "--probabilities"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("pos\tpos=0.")
    assert second.startswith("neg\tneg=0.")
    (tmp_path / "new.tsv").write_text("text\tlabel\nso good\tpos\nso bad\tneg\ngood film\tneg\n")
    assert run(["evaluate", saved, str(tmp_path / "new.tsv")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("accuracy 66.67%, macro-F1 66.67%")
    assert "over 3 texts" in out
    assert out.splitlines()[-2:] == [
        "neg     1    1      100.0%   50.0%   66.7%        2",
        "pos     0    1       50.0%  100.0%   66.7%        1",
    ]
    for more, advice in (("a new one\tpos\n", "only the others say"), ("", "measure it on new ones")):
        (tmp_path / "trained.tsv").write_text(f"text\tlabel\nso good\tpos\nso bad\tneg\n{more}")
        assert run(["evaluate", saved, str(tmp_path / "trained.tsv")]) == 0
        assert advice in capsys.readouterr().err
    (tmp_path / "odd.tsv").write_text("text\tlabel\nso good\tmixed\n")
    assert run(["evaluate", saved, str(tmp_path / "odd.tsv")]) == 2
    assert "odd.tsv, line 2: label 'mixed' is not among those of training: neg, pos" in capsys.readouterr().err


def test_of_files_that_are_parts_the_test_part_is_measured(fitted, tmp_path):
    for part, count in (("train", 3), ("dev", 2), ("test", 1)):
        (tmp_path / f"films.{part}").write_text("pos\tso good\n" * count)
    assert [len(fitted.read(tmp_path / f"films.{part}")) for part in ("train", "dev", "test")] == [3, 2, 1]
    assert len(fitted.read(tmp_path)) == 1
    (tmp_path / "films.test").unlink()
    assert len(fitted.read(tmp_path)) == 2


def test_an_empty_line_has_no_label_and_leaves_the_others_theirs(saved, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"so good\n\nbad film\n \t")))
    assert run(["predict", saved, "-"]) == 0
    first, *rest = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [first[0], rest[0], rest[1][0], rest[2]] == ["pos", [""], "neg", [""]]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    assert run(["predict", saved, "-", "--probabilities"]) == 0
    assert capsys.readouterr().out == "\n"


def test_training_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part, repeat in (("train", 12), ("dev", 2), ("test", 2)):
        (tmp_path / f"films.{part}").write_text("".join(f"{label} {text}\n" for text, label in TEXTS[:5] * repeat))
    arguments = ["--embedding-size", "8", "--hidden-size", "8", "--steps", "60", "--learning-rate", "0.02", "--lines"]
    assert run(["train", *[f"films.{part}" for part in ("train", "dev", "test")], "--out", "m.elman", *arguments]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    fitted = elman.load("m.elman")
    assert fitted.predict("so good").label == "pos"
    assert run(["info", "m.elman"]) == 0
    assert "8 words and 2 classes" in capsys.readouterr().out
