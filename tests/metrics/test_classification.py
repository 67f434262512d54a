import msgspec
import numpy as np
import pytest
from sklearn import metrics

from elman import DataError, ShapeError
from elman.metrics.classification import Confusion, accuracy, negative_log_likelihood


@pytest.fixture
def guesses():
    """500 examples of 6 classes, of which 4 is never true and 5 never predicted."""
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 2, 3, 5], 500, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    predicted = np.where(random.random(500) < 0.6, truth, random.choice([0, 1, 2, 3, 4], 500))
    return np.where(predicted == 5, 0, predicted), truth


LABELS = ("a", "b", "c", "d", "e", "f")


def test_values_are_those_of_scikit_learn(guesses):
    predicted, truth = guesses
    confusion = Confusion.of(predicted, truth, labels=LABELS)
    np.testing.assert_array_equal(confusion.counts, metrics.confusion_matrix(truth, predicted, labels=range(6)))
    expected = metrics.precision_recall_fscore_support(truth, predicted, labels=range(6), zero_division=0)
    for result, right in zip((confusion.precision, confusion.recall, confusion.f1), expected, strict=False):
        np.testing.assert_allclose(result, right, atol=1e-12)
    assert confusion.accuracy == accuracy(predicted, truth) == metrics.accuracy_score(truth, predicted)
    assert confusion.macro_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="macro", zero_division=0))


def test_classes_that_do_not_occur_leave_the_macro_f1_alone():
    predicted, truth = np.array([0, 1, 1]), np.array([0, 1, 0])
    three, many = (Confusion.of(predicted, truth, labels=LABELS[:size]).macro_f1 for size in (2, 6))
    assert three == many == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))


def test_a_confusion_is_a_value_that_goes_through_json(guesses):
    confusion = Confusion.of(*guesses, labels=LABELS)
    again = msgspec.json.decode(msgspec.json.encode(confusion), type=Confusion)
    assert again == confusion
    assert hash(again) == hash(confusion)


def test_the_table_lines_up_whatever_the_labels():
    truth = np.array([0] * 12_345 + [1, 2])
    text = str(Confusion.of(truth, truth, labels=("ham", "é", "a label that is long")))
    assert text == (
        "                      predicted\n"
        "true                     ham  é  a label tha…   precision  recall      F1  support\n"
        "ham                   12,345  0             0      100.0%  100.0%  100.0%   12,345\n"
        "é                          0  1             0      100.0%  100.0%  100.0%        1\n"
        "a label that is long       0  0             1      100.0%  100.0%  100.0%        1"
    )


def test_negative_log_likelihood_is_that_of_scikit_learn_and_safe_for_large_logits():
    random = np.random.default_rng(0)
    logits, truth = random.normal(0, 3, (50, 4)), random.integers(0, 4, 50)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert negative_log_likelihood(logits, truth) == pytest.approx(
        metrics.log_loss(truth, probabilities, labels=range(4))
    )
    assert negative_log_likelihood(np.array([[1e4, 0.0]], np.float32), np.array([1])) == 1e4


def test_what_does_not_fit_is_refused(unchecked):
    with pytest.raises(ShapeError, match="as many predictions as true classes; got 2 and 3"):
        accuracy(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(DataError, match="no example to measure"):
        accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(DataError, match="predicted: expected classes 0 to 1, one for each label; got 2"):
        Confusion.of(np.array([2]), np.array([0]), labels=("a", "b"))
    with pytest.raises(DataError, match="truth: expected classes 0 to 1, one for each label; got -1"):
        Confusion.of(np.array([1]), np.array([-1]), labels=("a", "b"))
