import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from elman import DataError
from elman.formats.rows import field_text
from elman.tasks.classification.labels import LabelForm, list_text, marked_labels, single_label


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("__label__a", ["__label__a"]),
        ("__label__a __label__b c", None),  # text follows: not labels alone
        ("__label__a,  __label__b", ["__label__a", "__label__b"]),
        ("__label__a__label__b", ["__label__a", "__label__b"]),
        ('["a", "b c"]', ["a", "b c"]),
        ("['a', \"b's\", 'c\\'d']", ["a", "b's", "c'd"]),
        ("[1, 2.5, true]", ["1", "2.5", "true"]),
        ("[]", []),
        ("['a',]", ["a"]),
        ("[spam]", None),
        ("a|b", None),
        ("", None),
    ],
)
def test_labels_that_are_marked_as_several(written, labels):
    assert marked_labels(written) == labels


@pytest.mark.parametrize("written", ["['a' 'b']", '["a", ["b"]]', '["a", null]', "['a', b]"])
def test_what_is_nearly_a_list_is_no_label(written):
    with pytest.raises(DataError, match=r"a\.csv, line 2: the label .* is no list; expected one such as"):
        marked_labels(written, "a.csv, line 2")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["ham", "spam"], (False, "")),
        (["DESC:manner", "DESC:def"], (False, "")),
        (["a|b", "a", "b"], (True, "|")),
        (["a;b", "b; c", "a; b;c", "c"], (True, ";")),
        (["a, b", "a", "b"], (True, ",")),
        (["MM\nPR", "MM", "PR"], (True, "\n")),
        (["a\tb", "a", "b\ta", "b"], (True, "\t")),
        (["a\tb", "c\nd"], (False, "")),
        (["a, b", "a", "c"], (False, "")),  # as many labels as texts
        (["a|b,c", "b,c", "a"], (True, "|")),
        ([f"{size}, {colour}" for size in "SML" for colour in "rgb"], (False, "")),  # always a pair: one label
        (["__label__a __label__b", "__label__b"], (True, " ")),
        (["__label__a", "__label__b"], (False, "")),
        (['["a"]', '["b"]'], (False, "")),
        (['["a|b"]', '["b", "c"]', "[]"], (True, ";")),
        (['["a|b", ";,"]', '["c"]'], (True, "||")),
        (["a", "", "b"], (False, "")),  # an error of its own, no sign of several
    ],
)
def test_the_form_is_recognised(written, expected):
    form, _ = LabelForm.recognise(written)
    assert (form.several, form.separator) == expected
    for one in filter(None, written):
        labels = form.labels(one)
        assert form.labels(form.write(labels)) == labels


def test_what_is_recognised_is_said():
    _, notes = LabelForm.recognise(["a|b", "a", "b"])
    assert notes == [
        "texts have up to 2 labels, separated by '|'; each label is predicted by itself (--labels one takes what is "
        "written as one label)"
    ]
    _, notes = LabelForm.recognise(["__label__a __label__b", "__label__a"])
    assert notes[0].startswith("texts have up to 2 labels, as they are marked;")
    _, notes = LabelForm.recognise(["food, drink", "travel"])
    assert notes == ["labels such as 'food, drink' are taken as one each; --label-separator ',' takes them apart"]
    _, notes = LabelForm.recognise(["line\nend", "b"])
    assert notes == [r"labels such as 'line\nend' are taken as one each; --label-separator '\n' takes them apart"]
    assert LabelForm.recognise(["a", "b"]) == (LabelForm(), [])


def test_the_form_can_be_chosen():
    assert LabelForm.recognise(["a|b", "a", "b"], chosen="one")[0] == LabelForm()
    assert LabelForm.recognise(["a", "b"], chosen="several")[0].several
    form, _ = LabelForm.recognise(["x, y", "z"], separator=",")
    assert form.labels("x, y, x") == ("x", "y")
    assert LabelForm.recognise(["x\ty", "z"], separator=r"\t")[0].labels("x\ty") == ("x", "y")


def test_one_label_is_asked_for():
    one = LabelForm()
    assert one.labels("a|b") == ("a|b",)
    assert one.labels('["a"]') == ("a",)
    with pytest.raises(DataError, match=r"line 3: expected one label; got 2 \(a, b\). Train with --labels several"):
        one.labels('["a", "b"]', "line 3")
    for nothing in ("", "[]"):
        with pytest.raises(
            DataError, match="line 3: the label is empty; write one, or delete the text; --labels several"
        ):
            one.labels(nothing, "line 3")
    assert LabelForm(True, "|").labels("") == LabelForm(True, "|").labels("[]") == ()


LABEL = some.text(some.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


@given(some.lists(some.lists(LABEL, max_size=4, unique=True), min_size=1))
def test_labels_are_read_back_as_they_were_written(lists):
    form, _ = LabelForm.recognise([list_text(labels) for labels in lists], chosen="several")
    for labels in [*lists, [form.separator.strip() or "x", '["a"]']]:  # labels that are not those of training, too
        assert form.labels(list_text(labels)) == tuple(labels)
        assert form.labels(form.write(labels)) == tuple(labels)
        assert form.write(labels) == field_text(form.write(labels))


@given(LABEL)
@example('["a"]')
@example("__label__a __label__b")
@example("['a'b]")
@example("a\tb")
def test_one_label_is_read_back_as_it_was_written(label):
    written = LabelForm().write([label])
    assert LabelForm().labels(written) == LabelForm().labels(field_text(written)) == (label,)
    assert single_label(field_text(written)) == label
