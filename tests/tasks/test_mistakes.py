"""Mistakes and scores as tables: against counts made in another way; models are saved beside the tests."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

import elman
from elman import ConfigError
from elman.formats.results import WIDTH, text_width
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.labels import LabelForm
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.mistakes import class_mistakes, label_mistakes
from elman.tasks.data import Part
from elman.tasks.ecg.beat_scores import KINDS
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.strip import at_rate
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.metrics import TaggingMetrics
from elman.tasks.tagging.mistakes import AnsweredSpan, span_mistakes, tag_mistakes
from elman.tasks.tagging.reading import TaggedWords
from elman.tasks.tagging.span_scores import SpanScores
from elman.tasks.tagging.spans import Scheme
from tests.cli.commands import run

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
LABELS = ("a", "b", "c", "d")


def model(name):
    return elman.load(ARTEFACTS / name / "model")


def test_scores_of_classes_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    logits, truth = random.normal(size=(200, 4)), random.integers(0, 3, 200)
    metrics = ClassificationMetrics.of(logits, truth, labels=LABELS, unit="text")
    frame = metrics.to_pandas()
    expected = precision_recall_fscore_support(truth, logits.argmax(axis=1), labels=range(4), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(frame[name], values)
    assert frame["class"].tolist() == [*LABELS]
    several = LabelMetrics.of(logits, logits > 1, labels=LABELS, unit="text", thresholds=(0.5,) * 4)
    expected = precision_recall_fscore_support(logits > 1, logits >= 0, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(several.scores()[name].tolist(), values)


def test_many_classes_are_shown_in_the_width_of_a_page():
    truth = np.arange(60) % 30
    labels = tuple(f"class {n:02} with a long name" for n in range(30))
    metrics = ClassificationMetrics.of(np.eye(30)[truth], truth, labels=labels, unit="text", unknown_words=0.125)
    assert max(map(text_width, metrics.report().split("\n"))) <= WIDTH
    assert "unknown words: 12.5%\nclass " in metrics.report()
    assert metrics == ClassificationMetrics.from_builtins(json.loads(json.dumps(metrics.to_builtins())))


def test_wrong_classes_surest_first():
    random = np.random.default_rng(1)
    shares, truth = random.dirichlet(np.ones(4), 50), random.integers(0, 4, 50)
    table = class_mistakes({"text": [f"text {n}" for n in range(50)]}, shares, truth, labels=LABELS)
    expected = [
        (f"text {n}", LABELS[right], LABELS[max(range(4), key=row.__getitem__)], max(row), row[right])
        for n, (row, right) in enumerate(zip(shares.tolist(), truth, strict=True))
        if row[right] < max(row)
    ]
    assert [*table] == sorted(expected, key=lambda row: -row[3])


def test_labels_missed_and_added():
    shares = np.array([[0.9, 0.2], [0.6, 0.7], [0.1, 0.4]])
    truth = np.array([[True, False], [True, False], [True, True]])
    written = ["a", "a|never seen", "a|b"]
    form = LabelForm(several=True, separator="|")
    options: dict[str, Any] = {"written": written, "labels": ("a", "b"), "thresholds": (0.5, 0.5), "form": form}
    table = label_mistakes({"text": ["one", "two", "three"]}, shares, truth, **options)
    nats = [-np.log(0.1) - np.log(0.4), -np.log(0.6) - np.log(0.3)]
    assert [row[:5] for row in table] == [
        ("three", "a|b", "", "a|b", ""),
        ("two", "a|never seen", "a|b", "never seen", "b"),
    ]
    np.testing.assert_allclose(table["nats"], nats)


def test_wrong_tags_and_unknown_words():
    known = [TaggedWords(("The", "cat", "sat"), ("D", "N", "V"), "line 1")]
    codec = TagCodec.of(known)
    sentences = [*known, TaggedWords(("the", "dog"), ("D", "X"), "line 5")]
    answers = [("D", "V", "V"), ("N", "N")]
    shares = [
        np.array([[0.9, 0.1, 0.0], [0.0, 0.3, 0.7], [0.0, 0.2, 0.8]]),
        np.array([[0.4, 0.6, 0.0], [0.1, 0.8, 0.1]]),
    ]
    assert [*tag_mistakes(sentences, answers, shares, codec)] == [
        ("line 5", "the dog", 2, "dog", "unknown", "X", "N", 0.8, 0.0),
        ("line 1", "The cat sat", 2, "cat", "known", "N", "V", 0.7, 0.3),
        ("line 5", "the dog", 1, "the", "known", "D", "N", 0.6, 0.4),
    ]
    metrics = TaggingMetrics.of(answers, sentences, codec, nats_per_word=0.5)
    assert (metrics.unknown, metrics.unknown_right) == (1, 0)
    assert "unknown words: 20.0%, of which 0.0% have the right tag" in metrics.report()
    truth, own = ([tag for tags in each for tag in tags] for each in ([one.tags for one in sentences], answers))
    names = sorted({*truth, *own})
    expected = precision_recall_fscore_support(truth, own, labels=names, zero_division=0)
    table = metrics.scores()
    assert table["name"].tolist() == names
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(table[name], values)


TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=8)


@given(TAGS, st.data())
def test_wrong_spans_are_as_many_as_conlleval_counts(tags, data):
    own = data.draw(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"]), min_size=len(tags), max_size=len(tags)))
    scheme = Scheme("IOB2")
    codec = TagCodec((), (), (), scheme="IOB2")
    spans = [AnsweredSpan(span, 0.5) for span in scheme.spans(own)]
    sentence = TaggedWords(tuple(f"w{n}" for n in range(len(tags))), tuple(tags), "line 1")
    kinds = span_mistakes([sentence], [spans], codec)["mistake"].tolist()
    scores = SpanScores.of([own], [tags])
    added, missed = kinds.count("added"), kinds.count("missed")
    assert len(kinds) - added == sum(scores.truth) - sum(scores.correct)
    assert len(kinds) - missed == sum(scores.found) - sum(scores.correct)


def test_spans_with_another_label_and_other_bounds():
    codec = TagCodec((), (), (), scheme="IOB2")
    tags, own = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-ORG"], ["B-PER", "O", "O", "B-ORG", "B-LOC", "O"]
    sentence = TaggedWords(("Ann", "Lee", "in", "Rome", "at", "Acme"), tuple(tags), "a.iob, line 3")
    spans = [AnsweredSpan(span, 0.1 * n) for n, span in enumerate(Scheme("IOB2").spans(own), start=7)]
    table = span_mistakes([sentence], [spans], codec)
    assert [row[2:7] for row in table] == [
        ("added", None, None, "at", "LOC"),
        ("label", "Rome", "LOC", "Rome", "ORG"),
        ("bounds", "Ann Lee", "PER", "Ann", "PER"),
        ("missed", "Acme", "ORG", None, None),
    ]
    np.testing.assert_allclose(table["elman-probability"], [0.9, 0.8, 0.7, np.nan])


def test_texts_with_their_files_and_lines(tmp_path, capsys):
    fitted, file = model("classification"), ARTEFACTS / "classification" / "sms.txt"
    table = fitted.mistakes(fitted.read(file))
    rows = [line.split("\t") for line in file.read_text().splitlines()]
    wrong = {
        f"{file}, line {n}": (text, label, answer.label)
        for n, (label, text) in enumerate(rows, start=1)
        if (answer := fitted.predict(text)).label != label
    }
    assert {row[0]: row[1:4] for row in table} == wrong
    assert len(wrong) == 3
    frame = pandas.DataFrame(rows, columns=["label", "text"])
    assert fitted.mistakes(frame)["text"].tolist() == table["text"].tolist()
    named = replace(fitted, task=msgspec.structs.replace(fitted.task, text_column="body", label_column="topic"))
    renamed = named.mistakes(frame.rename(columns={"text": "body", "label": "topic"}))
    assert renamed.columns == ("place", "body", "topic", "elman", "elman-probability", "topic-probability")
    sure = [(label, one.label) for label, text in rows if (one := fitted.predict(text)).probability >= 0.9]
    metrics = fitted.evaluate(frame, threshold=0.9)
    assert (metrics.answered, metrics.answered_right) == (len(sure), sum(right == own for right, own in sure))
    assert f"at threshold 0.9: {len(sure) / len(rows):.2%} answered" in metrics.report()
    arguments = "evaluate", str(ARTEFACTS / "classification" / "model"), str(file)
    printed = run(tmp_path, *arguments, "--mistakes", "--scores").stdout
    assert all(text in printed for text in table["text"].tolist())  # no terminal shortens them
    assert "\nscores:\nclass " in printed
    assert "\nmistakes:\nplace " in printed
    run(tmp_path, *arguments, "--mistakes", "wrong.csv", "--scores", "scores.jsonl")
    with open(tmp_path / "wrong.csv", newline="", encoding="utf-8") as written:
        head, *read = csv.reader(written)
    assert tuple(head) == table.columns
    assert [(*row[:4], *map(float, row[4:])) for row in read] == [*table]
    scores = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [tuple(one.values()) for one in scores] == [*fitted.evaluate(frame).scores()]
    again = run(tmp_path, *arguments, "--mistakes", "wrong.csv", code=2)
    assert "wrong.csv: is there already; name another file to write, or overwrite it with --force" in again.stderr
    assert "belongs to models of pairs" in run(tmp_path, *arguments, "--corpus-scores", code=2).stderr


def test_pairs_with_their_edits(tmp_path):
    fitted = model("seq2seq")
    pairs = pandas.DataFrame({"source": ["1+2", "7+6", "9+9", "2+2"], "target": ["3", "113", "8", "4"]})
    table = fitted.mistakes(pairs)
    answers = dict(zip(pairs["source"], fitted.predict(pairs)["elman"], strict=True))
    right = dict(pairs.itertuples(index=False))

    def edits(one, other):
        if not one or not other:
            return len(one) + len(other)
        return min(
            edits(one[1:], other) + 1, edits(one, other[1:]) + 1, edits(one[1:], other[1:]) + (one[0] != other[0])
        )

    assert {row[0]: row[1:5] for row in table} == {
        source: (right[source], own, edits(own, right[source]), len(right[source]))
        for source, own in answers.items()
        if own != right[source]
    }
    assert table["edits"].tolist() == sorted(table["edits"], reverse=True)
    (tmp_path / "pairs.tsv").write_text("1+2\t3\n9+9\t18\n")
    pytest.importorskip("sacrebleu")
    printed = run(tmp_path, "evaluate", str(ARTEFACTS / "seq2seq" / "model"), "pairs.tsv", "--corpus-scores").stdout
    assert "BLEU" in printed
    assert "chrF" in printed


def test_windows_are_those_of_a_backtest():
    fitted, file = model("forecasting"), ARTEFACTS / "forecasting" / "shops.csv"
    part = fitted.read(file)
    table = fitted.mistakes(part).to_pandas().set_index(["unique_id", "ds"]).sort_index()
    (begin, _), *_ = part.spans
    back = fitted.backtest(file, first=begin, step=1).to_pandas()
    off = back["elman"] - back["y"]
    windows = back.assign(off=off, size=off.abs()).groupby(["unique_id", "cutoff"])
    expected = windows.agg(ds=("ds", "first"), mae=("size", "mean"), bias=("off", "mean"), steps=("y", "count"))
    expected = expected.reset_index().set_index(["unique_id", "ds"]).sort_index()
    assert table.index.equals(expected.index)
    for name in ("mae", "bias", "steps"):
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-3)
    worst = back.loc[windows["size"].idxmax()]
    assert sorted(table["worst-ds"]) == sorted(worst["ds"])
    assert fitted.mistakes(part)["scaled-mae"].tolist() == sorted(table["scaled-mae"], reverse=True)


def test_beats_are_as_many_as_the_table_of_kinds_counts():
    fitted = model("ecg")
    strips = [at_rate(one.strip, fitted.codec.rate) for one in generate_patients(6, seconds=6)]
    strips[0] = strips[0]._replace(beats=tuple(beat._replace(kind="V") for beat in strips[0].beats))
    part = Part("beats", tuple(strips), fitted.codec)
    table, counts = fitted.mistakes(part), np.array(fitted.evaluate(part).beats.counts)
    kinds = table["mistake"].tolist()
    none = len(KINDS)
    matched = np.delete(counts[:none], none, axis=1)
    assert kinds.count("missed") == counts[:none, none].sum()
    assert kinds.count("added") == counts[-1].sum()
    assert kinds.count("kind") == matched.sum() - np.trace(matched) > 0
    for record, _, seconds, mistake, kind, *_ in table:
        (strip,) = (one for one in strips if one.record == record)
        at = [beat.kind for beat in strip.beats if abs(beat.sample / strip.rate - seconds) < 1e-6]
        assert at == ([] if mistake == "added" else [kind])
    scores = fitted.evaluate(part).scores().to_pandas().set_index("event")
    assert scores.loc["beats V", "support"] == len(strips[0].beats) + sum(
        beat.kind == "V" for one in strips[1:] for beat in one.beats
    )


def test_lines_have_the_nats_of_their_characters():
    fitted, file = model("language-modelling"), ARTEFACTS / "language-modelling" / "cats.txt"
    part, text = fitted.read(file), file.read_text()
    table, metrics = fitted.mistakes(part), fitted.evaluate(part)
    assert table["nats"].sum() == pytest.approx(metrics.nats_per_token * metrics.tokens, rel=1e-5)
    first = text.index("\n") + 1
    nexts = fitted.nexts(text[:first])
    nats = -sum(np.log(after[character]) for after, character in zip(nexts, text[1:first], strict=False))
    by_line = {row[0]: row for row in table}
    assert by_line[1][1:3] == (text[: first - 1], first)
    assert by_line[1][3] == pytest.approx(nats, rel=1e-2)  # of those, padding has no part
    assert [*by_line] != sorted(by_line)


def test_a_task_of_ones_own_names_no_mistakes():
    class Bare(type(model("seq2seq"))):
        mistakes_of = elman.Fitted.mistakes_of

    fitted = model("seq2seq")
    with pytest.raises(ConfigError, match="mistakes: Seq2Seq names none"):
        Bare(fitted.task, fitted.codec, fitted.model).mistakes(pandas.DataFrame({"a": ["1+2"], "b": ["3"]}))
