"""Every task recognises the inputs that it was trained on, and no others."""

import numpy as np
import pytest

import elman
from elman.tasks import items
from elman.tasks.items import ItemHashes, Items, Overlap
from elman.tasks.language_modelling.landmarks import LENGTH, SPAN, landmarks
from tests.tasks import cases


def hashed(make, folder):
    case = make()
    data = case.read(case.task, case.parts, folder)
    return case.task, data, ItemHashes.of(case.task, data)


UNITS = {"classification": "text", "several_labels": "text", "series_classification": "series", "tagging": "sentence",
         "seq2seq": "pair", "forecasting": "step", "ecg": "lead", "language_modelling": "character"}  # fmt: skip


@pytest.mark.parametrize("make", cases.CASES, ids=lambda make: make.__name__)
def test_the_parts_of_training_are_recognised(make, tmp_path):
    task, data, hashes = hashed(make, tmp_path)
    train, validation, test = (hashes.overlap(task.items(part)) for part in (data.train, data.validation, data.test))
    assert train.trained == train.total > 0
    assert validation.trained + validation.validated == validation.total > 0
    assert {one.unit for one in (train, validation, test)} == {UNITS[make.__name__]}
    if make in (cases.series_classification, cases.seq2seq, cases.forecasting, cases.ecg):  # no input is there twice
        assert (validation.trained, test.trained, test.validated) == (0, 0, 0)
    again = ItemHashes.from_arrays(hashes.to_arrays())
    assert again.key == hashes.key
    unseen = task.fitted_class(task=task, codec=data.codec, model=None, items=hashes).unseen(data.train)
    assert unseen is None if make in (cases.forecasting, cases.language_modelling) else len(unseen) == 0
    assert again.overlap(task.items(data.train)) == train


def test_the_label_does_not_count_and_a_text_read_alike_does(tmp_path):
    texts = [(f"text number {n} here", "ab"[n % 2]) for n in range(40)]
    task = elman.Classification(validation=8, test=8)
    data = task.read_texts(texts)
    (tmp_path / "all.csv").write_text("text,label\n" + "".join(f"{t.upper()},a\n" for t, _ in texts) + "new words,b\n")
    part = task.read_part(data.codec, tmp_path / "all.csv")
    overlap = ItemHashes.of(task, data).overlap(task.items(part))
    # Of texts with a number that is not in the training part, all look alike.
    assert (overlap.trained, overlap.total) == (24, 41)
    assert str(overlap).startswith("24 of 41 texts were trained on, and ")
    fitted = task.fitted_class(task=task, codec=data.codec, model=None, items=ItemHashes.of(task, data))
    seen = {one.pieces[0].tobytes() for each in (data.train, data.validation) for one in each.examples}
    expected = [n for n, one in enumerate(part.examples) if one.pieces[0].tobytes() not in seen]
    unseen = fitted.unseen(part)
    assert [record.text for record in unseen.records] == [part.records[n].text for n in expected]
    assert len(unseen) == overlap.total - overlap.trained - overlap.validated


def test_the_steps_of_a_series_are_told_by_their_stamps():
    stamps = np.arange("2024-01-01", "2024-04-10", dtype="datetime64[D]")
    table = {"ds": stamps, "y": np.random.default_rng(0).normal(size=100)}
    task = elman.Forecasting(horizon=3, window=6, validation=20, test=20)
    data = task.read_table(table)
    hashes = ItemHashes.of(task, data)
    whole = cases.replaced(task, validation=0.5, test=0)  # another split of the same steps
    part = whole.read_table(table).validation
    assert str(hashes.overlap(task.items(part))) == (
        "10 of 50 steps were trained on (2024-02-20 to 2024-02-29), and 20 chose the weights"
    )
    other = whole.read_table({**table, "y": table["y"] + 1}).validation
    assert hashes.overlap(task.items(other)).trained == 0


def test_a_passage_of_a_text_is_recognised_wherever_it_is():
    random = np.random.default_rng(0)
    text, other = random.integers(0, 60, 5000), random.integers(0, 60, 3000)
    ours = {*landmarks(text)}
    assert len({*landmarks(other)} & ours) == 0
    for start in range(0, 4000, 371):
        shared = text[start : start + LENGTH + SPAN - 1]
        assert {*landmarks(np.concatenate([other[:500], shared, other[500:1000]]))} & ours
    passages = [text[at : at + LENGTH] for at in range(len(text) - LENGTH + 1)]
    assert ours <= {passage.astype("<u4").tobytes() for passage in passages}


def test_landmarks_do_not_depend_on_how_a_text_is_read(monkeypatch):
    text = np.random.default_rng(1).integers(0, 9, 7000)
    whole = list(landmarks(text))
    monkeypatch.setattr("elman.tasks.language_modelling.landmarks.AT_ONCE", 500)
    assert list(landmarks(text)) == whole
    assert len(list(landmarks(np.zeros(7000, int)))) < 20  # the same passage again and again


def test_of_many_inputs_a_sample_is_kept(monkeypatch, tmp_path):
    texts = [(f"t{n} x", "ab"[n % 2]) for n in range(2000)]
    task = elman.Classification(validation=100, test=400)
    data = task.read_texts(texts)
    monkeypatch.setattr(items, "AT_MOST", 400)
    hashes = ItemHashes.of(task, data)
    assert hashes.divisor == 4
    assert len(hashes.train) + len(hashes.validation) <= 400
    overlap = hashes.overlap(task.items(data.train))
    assert (overlap.trained, overlap.total, overlap.is_exact) == (1500, 1500, False)
    assert str(overlap) == "about 1,500 of 1,500 texts were trained on"


def test_what_the_trainings_before_had_is_recognised_too():
    task = elman.Classification(validation=4, test=0)
    parts = [task.read_texts([(f"word{n} of {name}", "ab"[n % 2]) for n in range(20)]) for name in ("one", "two")]
    first, then = parts[0], parts[1].encoded_by(parts[0].codec)
    before = ItemHashes.of(task, first)
    both = ItemHashes.of(task, then, before=before)
    assert both.key == before.key
    assert both.overlap(task.items(first.train)).trained == both.overlap(task.items(then.train)).trained == 16
    assert ItemHashes.of(task, first, before=both).overlap(task.items(then.train)).trained == 16


def test_what_is_said_of_an_overlap():
    assert str(Overlap(0, 0, 5, "text")) == "none of 5 texts were trained on"
    assert str(Overlap(0, 3, 5, "text")) == "3 of 5 texts chose the weights"
    assert str(Overlap(2, 3, 5, "text", is_exact=False)) == (
        "about 2 of 5 texts were trained on, and about 3 chose the weights"
    )


def test_hashes_depend_on_the_key_and_tell_values_apart():
    values = ["a", "b", ("a", "b"), np.arange(2), b"ab"]
    data = [ItemHashes(bytes([n]) * 16, 1, *2 * [np.zeros(0, np.uint64)]) for n in (1, 2)]
    one, other = (items._hashes(values, hashes.key) for hashes in data)
    assert len({*one.tolist(), *other.tolist()}) == 10
    assert data[0].overlap(Items(values, "text", 5)) == Overlap(0, 0, 5, "text")


@pytest.mark.parametrize(
    ("name", "array"),
    [("train", np.zeros(2, np.int64)), ("key", np.zeros(3, np.uint8)), ("divisor", np.zeros(1, np.uint64))],
)
def test_arrays_that_are_no_hashes_are_refused(name, array):
    arrays = {
        "key": np.zeros(16, np.uint8),
        "divisor": np.ones(1, np.uint64),
        "train": np.zeros(2, np.uint64),
        "validation": np.zeros(0, np.uint64),
    }
    assert ItemHashes.from_arrays(arrays).divisor == 1
    with pytest.raises(ValueError, match="expected"):
        ItemHashes.from_arrays(arrays | {name: array})
    with pytest.raises(ValueError, match=f"expected {name}"):
        ItemHashes.from_arrays({kind: one for kind, one in arrays.items() if kind != name})
