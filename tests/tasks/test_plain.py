"""Answers as plain values, which are those of `predict`."""

import json
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.formats.wfdb.record import read_record

ARTEFACTS = Path(__file__).parents[1] / "artefacts"


def answered(name, inputs, **options):
    fitted = elman.load(ARTEFACTS / name / "model")
    answers = fitted.answers(inputs, options=type(fitted.task).options(**options))
    assert len(answers) == len(inputs)
    return fitted, json.loads(json.dumps(answers, allow_nan=False))


def test_texts_have_labels():
    fitted, [one] = answered("classification", ["free prize now"])
    best = fitted.predict("free prize now")
    assert one == {"label": best.label, "labels": [best.label], "probabilities": best.probabilities}
    assert answered("classification", ["free prize now"], threshold=1)[1][0]["labels"] == []


@pytest.mark.slow
def test_series_have_labels():
    series = np.sin(np.arange(20)[:, None] + np.arange(2))
    fitted, [one] = answered("series-classification", [series.tolist()])
    assert one["probabilities"] == fitted.predict(series).probabilities
    with pytest.raises(elman.DataError, match="series 1: expected numbers, in lists of one length; got list"):
        fitted.answers([[[1], [1, 2]]], options=type(fitted.task).options())


@pytest.mark.slow
def test_words_have_tags_and_other_ways_to_tag_them():
    fitted, [one, other] = answered("tagging", ["the bank", ["the", "bank"]], n_best=2)
    first, second = fitted.n_best("the bank", 2)
    assert one == other
    assert (one["tags"], one["probability"]) == (list(first.tags), first.probability)
    assert [each["tags"] for each in one["others"]] == [list(second.tags)]
    with pytest.raises(elman.DataError, match="expected a text or words"):
        fitted.answers([[1, 2]], options=type(fitted.task).options())


@pytest.mark.slow
def test_spans_are_named():
    fitted, [one] = answered("tagging-bilou", ["Anna met Ben in Rome"])
    assert [span["label"] for span in one["spans"]] == [span.label for span in fitted.predict(one["words"]).spans]


@pytest.mark.slow
def test_texts_are_translated():
    fitted, [one] = answered("seq2seq", ["1+2"], beam=2, n_best=2)
    best, other = fitted.n_best("1+2", 2)
    assert (one["text"], one["score"], one["others"][0]["text"]) == (best.text, best.score, other.text)


@pytest.mark.slow
def test_series_go_on():
    days = np.datetime_as_string(np.arange("2024-01-01", 40, dtype="datetime64[D]")).tolist()
    fitted, [one, new] = answered("forecasting", [None, {"ds": days, "y": list(range(40))}], level="80")
    table = fitted.predict(level=80)
    assert one["elman"] == table["elman"].tolist()
    assert one["elman-lo-80"] == table["elman-lo-80"].tolist()
    assert one["ds"][0] == str(table["ds"][0])
    assert len(new["elman"]) == fitted.horizon
    with pytest.raises(elman.DataError, match="input 1: expected a table as columns"):
        fitted.answers([[1, 2]], options=type(fitted.task).options())


@pytest.mark.slow
def test_beats_are_found():
    record = read_record(ARTEFACTS / "ecg" / "strip")
    leads = dict(zip(record.leads, record.signals.T.tolist(), strict=True))
    fitted, [one] = answered("ecg", [leads], rate=record.rate)
    found = fitted.predict(record).beats
    assert [beat["sample"] for beat in one["beats"]] == [beat.sample for beat in found]
    assert one["beats"][0]["waves"] == [wave._asdict() for wave in found[0].waves]
