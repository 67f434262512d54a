"""Saved models of every task that go on with new data."""

import math

import jax
import numpy as np
import pytest

import elman
from elman.tasks.ecg.generator import generate_patients
from elman.training.begin import Origin, begin_from
from elman.words.vocabulary import Subwords
from tests.tasks.cases import replaced


def untrained(task, data, *, seed=0):
    """A model with random weights."""
    task = task.configure(data)
    return task.fitted_class(task=task, codec=data.codec, model=task.build(data.codec, key=jax.random.key(seed)))


def language_model(**settings):
    return elman.LanguageModelling(**dict(hidden_size=8, embedding_size=4, num_layers=1, batch_size=2) | settings)


def texts(*pairs):
    return [(f"the {word} film", label) for word, label in pairs] * 10


def sentences(*pairs):
    return [tuple(zip(*(("the", "O"), *pairs), strict=True))] * 10


def series(channels=2, *labels):
    random = np.random.default_rng(0)
    return [(random.normal(size=(5, channels)), label) for label in labels] * 6


def table(*names, length=40):
    rows = [(name, step, math.sin(step) + len(names)) for name in names for step in range(length)]
    return dict(zip(("unique_id", "ds", "y"), zip(*rows, strict=True), strict=True))


CLASSES = elman.Classification(hidden_size=4, embedding_size=4)
TAGS = elman.Tagging(hidden_size=4, embedding_size=4, letter_hidden_size=4, num_layers=1, validation=2, test=1)
PAIRS = elman.Seq2Seq(hidden_size=4, embedding_size=4, source_vocabulary="words", validation=2, test=1)
SERIES = elman.SeriesClassification(hidden_size=4, embedding_size=4)
STEPS = elman.Forecasting(horizon=2, window=4, hidden_size=4, validation=8, test=8)

STAYS = "it stays, but fades unless some of its data are added"

GROWN = {
    "characters": (language_model(), "read_text", "abcd" * 200, "abxd" * 200, ["1 character is new"]),
    "words": (
        language_model(vocabulary="words"), "read_text", "a cat sat " * 200, "a dog sat " * 200, ["1 word is new"],
    ),
    "labels": (
        CLASSES, "read_texts", texts(("good", "+"), ("bad", "-")), texts(("odd", "?"), ("good", "+")),
        ["1 label is new: ?", f"1 label is not in these data: -; {STAYS}", "1 word is new"],
    ),
    "tags": (
        TAGS, "read_sentences", sentences(("Ann", "B-PER")), sentences(("Oslo", "B-LOC")),
        ["1 tag is new: B-LOC", f"1 tag is not in these data: B-PER; {STAYS}", "1 word is new"],
    ),
    "pairs": (
        PAIRS, "read_pairs", [(f"a {n} {m}", "xx") for n in "123" for m in "123"],
        [(f"a {n} {m}", "xy") for n in "145" for m in "145"],
        ["2 input words are new", "1 answer character is new"],
    ),
    "series": (
        SERIES, "read_series", series(2, "a", "b"), series(2, "b", "c"),
        ["1 label is new: c", f"1 label is not in these data: a; {STAYS}"],
    ),
    "forecasts": (
        STEPS, "read_table", table("a", "b"), table("b", "c"),
        ["1 series is new: c", f"1 series is not in these data: a; {STAYS}"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GROWN)
def test_a_model_grows_and_keeps_its_weights(case):
    task, read, before, after, notes = GROWN[case]
    fitted = untrained(task, getattr(task, read)(before))
    begun = begin_from(task, getattr(task, read)(after), {}, Origin(fitted, "m"))
    assert list(begun.notes) == [f"m: {note}" for note in notes]
    old, new = (elman.artefact.named_arrays(one) for one in (fitted.model, begun.model))
    grown = [name for name in old if old[name].shape != new[name].shape]
    assert grown
    for name, array in old.items():
        np.testing.assert_array_equal(new[name][tuple(map(slice, array.shape))], array)
    part = begun.data.validation
    assert np.isfinite(begun.task.evaluate(begun.model, part, begun.data.codec).objective)
    again = begun.task.grow(begun.data.codec, getattr(task, read)(after)).codec
    assert again == begun.data.codec  # so that a run on grown data is resumed


SAME = {
    "words": (CLASSES, "read_texts", texts(("good", "+"), ("bad", "-")), texts(("odd", "-"), ("fine", "+"))),
    "tags": (TAGS, "read_sentences", sentences(("Ann", "B-PER")), sentences(("Zoë", "B-PER"))),
    "pairs": (PAIRS, "read_pairs", [(f"a {n}", "xy") for n in range(9)], [(f"b {n}", "yx") for n in range(9, 18)]),
    "series": (SERIES, "read_series", series(2, "a", "b"), [(3 + x, y) for x, y in series(2, "b", "a")]),
    "forecasts": (STEPS, "read_table", table("a", "b"), table("b", "a", length=50)),
}


@pytest.mark.parametrize("case", SAME)
def test_a_grown_model_measures_what_the_model_measures(case):
    task, read, before, after = SAME[case]
    fitted = untrained(task, getattr(task, read)(before), seed=1)
    data = getattr(task, read)(after)
    begun = begin_from(task, data, {}, Origin(fitted, "m"))
    own = fitted.task.evaluate(fitted.model, data.encoded_by(fitted.codec).validation, fitted.codec)
    ours = begun.task.evaluate(begun.model, begun.data.validation, begun.data.codec)
    assert ours.objective == pytest.approx(own.objective, rel=1e-5)


def test_what_can_spell_any_text_stays_as_it_is():
    task = language_model(vocabulary="bytes")
    fitted = untrained(task, task.read_text("abcd" * 200))
    begun = begin_from(task, task.read_text("é€x" * 300), {}, Origin(fitted, "m"))
    assert (begun.data.codec, begun.notes) == (fitted.codec, ())
    subwords = Subwords.of(["low lower lowest\nslow slower slowest\n" * 9], size=300)
    assert subwords.grown(Subwords.of(["another text\n" * 99], size=300)) == subwords


def test_new_tokens_read_as_the_unknown_one_and_new_outputs_are_means():
    task, read, before, after, _ = GROWN["words"]
    fitted = untrained(task, getattr(task, read)(before))
    model = begin_from(task, getattr(task, read)(after), {}, Origin(fitted, "m")).model
    np.testing.assert_array_equal(model.embedding.table[-1], fitted.model.embedding.table[1])
    np.testing.assert_allclose(model.head.kernel[:, -1], np.mean(fitted.model.head.kernel, axis=1), rtol=1e-5)
    tied = replaced(task, tied=True)
    fitted = untrained(tied, getattr(tied, read)(before))
    model = begin_from(tied, getattr(tied, read)(after), {}, Origin(fitted, "m")).model
    np.testing.assert_allclose(model.embedding.table[-1], np.mean(fitted.model.embedding.table, axis=0), rtol=1e-5)


REFUSED = {
    "channels": (SERIES, "read_series", series(2, "a", "b"), series(3, "a", "b"), "expected the channels .* 1, 2; got"),
    "steps": (
        STEPS, "read_table", {"ds": [f"2024-01-{n:02}" for n in range(1, 31)], "y": range(30)},
        {"ds": [f"2024-01-01 {n:02}:00" for n in range(24)], "y": range(24)}, "steps of 1h; the model knows steps",
    ),
    "several labels": (
        CLASSES, "read_texts", texts(("good", "+"), ("bad", "-")), texts(("odd", ["+", "-"]), ("good", "+")),
        "several labels, and the model predicts one",
    ),
    "scheme": (
        TAGS, "read_sentences", sentences(("Ann", "B-PER")), sentences(("Oslo", "U-LOC")), "mark spans in BILOU",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_data_that_the_model_cannot_go_on_with_are_refused(case):
    task, read, before, after, message = REFUSED[case]
    fitted = untrained(task, getattr(task, read)(before))
    with pytest.raises(elman.DataError, match=message):
        begin_from(task, getattr(task, read)(after), {}, Origin(fitted, "m"))


OTHERS = [
    (language_model(), "read_text", "abcd" * 200, {"hidden_size": 9}, "hidden_size: m has 8 .* with 9"),
    (language_model(), "read_text", "abcd" * 200, {"cell": "GRU"}, "cell: m has 'LSTM' .* 'GRU'"),
    (language_model(), "read_text", "abcd" * 200, {"reverse": True}, "reverse: m has False"),
    (CLASSES, "read_texts", texts(("good", "+"), ("bad", "-")), {"pooling": "mean"}, "pooling: m has 'max'"),
    (CLASSES, "read_texts", texts(("good", "+"), ("bad", "-")), {"lower": False}, "lower: m has True"),
    (TAGS, "read_sentences", sentences(("Ann", "B-PER")), {"scheme": "plain"}, "scheme: m has 'IOB2'"),
    (STEPS, "read_table", table("a"), {"horizon": 3}, "horizon: m has 2 and cannot go on with 3; leave it out"),
]


@pytest.mark.parametrize(("task", "read", "content", "other", "message"), OTHERS)
def test_settings_of_another_model_are_refused(task, read, content, other, message):
    fitted = untrained(task, getattr(task, read)(content))
    changed = replaced(task, **other)
    with pytest.raises(elman.ConfigError, match=message):
        begin_from(changed, getattr(changed, read)(content), {}, Origin(fitted, "m"))
    free = replaced(task, dropout=0.4)
    begun = begin_from(free, getattr(free, read)(content), {}, Origin(fitted, "m"))
    assert begun.task.to_builtins()["dropout"] == 0.4


def test_an_ecg_reader_learns_new_kinds_of_beats_in_any_number_of_leads():
    task = elman.Ecg(channels=2, hidden_size=4, num_layers=1, seconds=2)
    strips = [patient.strip for patient in generate_patients(9, seconds=3)]
    plain = [strip._replace(beats=tuple(beat._replace(kind="N") for beat in strip.beats)) for strip in strips]
    fitted = untrained(task, task.read_strips(plain))
    data = task.read_strips([one for strip in strips for one in (strip, strip._replace(lead="V9"))])
    begun = begin_from(task, data, {}, Origin(fitted, "m"))
    assert fitted.codec.kinds == ("N",)
    assert {*begun.data.codec.kinds} == {"N", *data.codec.kinds}
    assert all(note.startswith("m: ") and "beat kind" in note for note in begun.notes)


def test_a_model_goes_on_without_the_files_of_its_own_training(tmp_path):
    vectors = tmp_path / "v.vec"
    vectors.write_text("good 1 2 3 4\nbad 4 3 2 1\nodd 1 1 1 1\n")
    task = replaced(CLASSES, vectors=str(vectors), vectors_train="frozen")
    fitted = untrained(task, task.read_texts(texts(("good", "+"), ("bad", "-"))))
    vectors.unlink()
    task = fitted.task.for_new_data(fitted.codec)
    begun = begin_from(task, task.read_texts(texts(("fine", "+"), ("bad", "-"))), {}, Origin(fitted, "m"))
    assert begun.task.rates(begun.model, 0) == {}
    settings = begun.task.to_builtins()
    assert (settings["vectors"], settings["embedding_size"]) == ("", 4)
