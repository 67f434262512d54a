import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elman.formats.files import File
from elman.formats.rows import field_text, write_row
from elman.formats.table import read_table
from elman.tasks.classification.labels import LabelForm, single_label
from elman.tasks.classification.predictor import Prediction
from elman.tasks.classification.settings import ClassPrediction

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
LABELS = st.text(CHARACTERS, min_size=1).map(str.strip).filter(lambda text: text and not text.startswith("["))
CHANCES = st.dictionaries(LABELS, st.floats(0, 1, width=32), min_size=2)


@given(CHANCES, st.booleans(), st.booleans())
def test_an_answer_reads_back_from_a_line_and_from_a_table(probabilities, sure, each):
    ordered = dict(sorted(probabilities.items(), key=lambda item: -item[1]))
    best = next(iter(ordered))
    label = best if sure else None
    prediction = Prediction(label, ordered[best], ordered, (best,) if sure else ())
    answer = prediction.answer(ClassPrediction(probabilities=each))
    first, *shown = "\t".join(answer.fields).split("\t")
    assert (single_label(first) or None) == label
    assert "\n" not in "".join(answer.fields)
    if each:
        pairs = [one.rpartition("=") for one in shown]
        assert {single_label(name): np.float32(number) for name, _, number in pairs} == ordered
    else:
        assert [np.float32(number) for number in shown] == [ordered[best]]
    names, values = ([field_text(one, ".csv") for one in some] for some in (answer.columns, answer.columns.values()))
    head, row = write_row(names), write_row(values)
    [again] = read_table(File("a.csv", ("a.csv",), f"{head}\n{row}\n".encode()), columns=names)
    assert (single_label(again.values.pop("elman")) or None) == label
    every = {field_text(f"elman-{name}", ".csv"): probability for name, probability in probabilities.items()}
    expected = every if each else {"elman-probability": ordered[best]}
    assert {name: np.float32(number) for name, number in again.values.items()} == expected


def test_a_class_that_is_a_dash_is_not_an_answer_that_is_not_sure():
    probabilities = {"-": 0.5, "a": 0.25}
    options = ClassPrediction()
    assert Prediction("-", 0.5, probabilities, ("-",)).answer(options).fields == ("-", "0.5")
    assert Prediction(None, 0.5, probabilities, ()).answer(options).fields == ("", "0.5")


def test_probabilities_of_several_labels_are_one_field():
    form, probabilities = LabelForm(True, "\n"), {"a": 0.75, "b": 0.5, "c": 0.25}
    answer = Prediction("a", 0.75, probabilities, ("a", "b")).answer(ClassPrediction(), form)
    assert answer.fields == ('["a","b"]', "0.75|0.5")
