"""The baselines of every task against loops, and the verdicts on answers that nobody wants."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import elman
from elman.tasks.baseline import Baseline
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.ecg.baseline import frequent_kind
from elman.tasks.ecg.beat_scores import BeatScores
from elman.tasks.ecg.delineation import Delineation
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.strip import Beat, Strip, Wave
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.tagging.metrics import TaggingMetrics
from tests.tasks import cases


def baselines(make, folder, **settings):
    case = make()
    task = cases.replaced(case.task, **settings)
    data = case.read(task, case.parts, folder)
    return case.parts, data, list(task.configure(data).baselines(data))


@pytest.mark.parametrize("make", [cases.classification, cases.series_classification], ids=lambda make: make.__name__)
def test_the_majority_class(make, tmp_path):
    parts, data, [one] = baselines(make, tmp_path)
    counts = Counter(label for _, label in parts["train"])
    total = counts.total() + len(counts)
    nats = [-np.log((counts[label] + 1) / total) for _, label in parts["validation"]]
    label = min(counts, key=lambda label: (-counts[label], label))
    assert one.name == f"always {label}"
    right = sum(other == label for _, other in parts["validation"])
    assert one.measures["accuracy"] == pytest.approx(right / 6)
    assert one.measures[one.measure] == one.measures[f"nats_per_{data.unit}"] == pytest.approx(np.mean(nats))
    assert one.margin == pytest.approx(5 / 6)


def test_the_nats_of_classes_that_training_balances_are_not_compared(tmp_path):
    _, _, [one] = baselines(cases.classification, tmp_path, balance=1.0)
    assert one.compare({"nats_per_text": 99.0}) == "better"


def test_the_most_frequent_labels(tmp_path):
    parts, data, [one] = baselines(cases.several_labels, tmp_path)
    labels = data.codec.labels
    has = {name: [[label in own for label in labels] for _, own in part] for name, part in parts.items()}
    counts = np.sum(has["train"], axis=0)
    subsets = [[0], [1], [0, 1]]
    f1 = [2 * counts[chosen].sum() / (len(chosen) * 30 + counts.sum()) for chosen in subsets]
    chosen = subsets[int(np.argmax(f1))]
    assert one.name == "always " + " and ".join(labels[place] for place in chosen)
    shares = (counts + 1) / 32
    nats = -np.log(np.where(has["validation"], shares, 1 - shares)).sum(axis=1).mean()
    assert one.measures["nats_per_text"] == pytest.approx(nats)
    validated = np.sum(has["validation"], axis=0)
    micro = 2 * validated[chosen].sum() / (len(chosen) * 6 + validated.sum())
    assert one.measures["micro_f1"] == pytest.approx(micro)


def test_the_most_frequent_tag_of_each_word():
    train = [(("a", "can", "Can"), ("X", "Y", "Z")), (("can", "a"), ("Y", "X")), (("to", "a"), ("X", "X"))]
    validation = [(("can", "a", "new"), ("Z", "X", "X")), (("to",), ("W",))]
    task = elman.Tagging(validation=2, test=0)
    data = task.read_sentences(train + validation)
    sentences = [[(one.words, one.tags) for one in part.examples] for part in (data.train, data.validation)]
    [one] = task.configure(data).baselines(data)
    of_word, of_all = {}, Counter()
    for words, tags in sentences[0]:
        for word, tag in zip(words, tags, strict=True):
            of_word.setdefault(word.lower(), Counter())[tag] += 1
            of_all[tag] += 1
    right, count, nats = 0, 0, []
    for words, tags in sentences[1]:
        for word, tag in zip(words, tags, strict=True):
            own = of_word.get(word.lower(), Counter())
            best = min(own or of_all, key=lambda tag: (-(own or of_all)[tag], tag))
            right, count = right + (best == tag), count + 1
            if tag in of_all:
                share = (of_all[tag] + 1) / (of_all.total() + len(of_all))
                nats.append(-np.log((own[tag] + share) / (own.total() + 1)))
    assert one.measures["accuracy"] == pytest.approx(right / count)
    assert one.measures["nats_per_word"] == pytest.approx(np.mean(nats))
    assert (one.measure, one.margin) == ("accuracy", 5 / count)


def test_spans_are_compared_by_their_f1():
    sentence = (("Ann", "met", "Bob", "Lee"), ("B-PER", "O", "B-PER", "I-PER"))
    task = elman.Tagging(validation=2, test=0)
    data = task.read_sentences([sentence] * 6)
    [one] = task.configure(data).baselines(data)
    assert (one.measure, one.measures["f1"], one.margin) == ("f1", 1.0, 5 / 4)


def test_copies_and_the_most_frequent_answer():
    pairs = [("ab", "ab"), ("cd", "xy"), ("ef", "xy"), ("gh", "gh"), ("ij", "q"), ("kl", "xy"), ("mn", "mn")]
    task = elman.Seq2Seq(validation=3, test=0)
    data = task.read_pairs(pairs)
    train, validation = (
        [(one.source, one.targets[0]) for one in part.examples] for part in (data.train, data.validation)
    )
    copy, frequent = task.configure(data).baselines(data)
    targets = [target for _, target in train]
    best = min(targets, key=lambda one: (-targets.count(one), one))
    assert frequent.name == f"always {best!r}"
    assert copy.measures["exact_accuracy"] == pytest.approx(sum(one == other for one, other in validation) / 3)
    assert frequent.measures["exact_accuracy"] == pytest.approx(sum(best == other for _, other in validation) / 3)
    assert "nats_per_token" not in copy.measures


@pytest.mark.parametrize("reverse", [False, True])
def test_counts_of_groups_of_tokens(reverse):
    text = "abra cadabra. " * 30 + "a bad cab. " * 12 + "drab arc"
    task = elman.LanguageModelling(validation=60, test=0, unroll_length=8, reverse=reverse)
    data = task.read_text(text)
    ones = task.configure(data).baselines(data)
    train, validation = text[:-60], text[-60:]
    if reverse:
        train, validation = train[::-1], validation[::-1]
    size = len({*text}) + 1  # with padding

    def chance(group):
        """The probability of the last token of a group after the others, by Witten and Bell."""
        if len(group) == 1:
            return (train.count(group) + 1) / (len(train) + size)
        places = range(len(train) - len(group) + 1)
        after = [train[at + len(group) - 1] for at in places if train[at : at + len(group) - 1] == group[:-1]]
        if not after:
            return chance(group[1:])
        new = len({*after})
        return (after.count(group[-1]) + new * chance(group[1:])) / (len(after) + new)

    for order, one in enumerate(ones, start=1):
        nats = [-np.log(chance(validation[max(0, at - order + 1) : at + 1])) for at in range(1, 60)]
        assert one.measures["nats_per_token"] == pytest.approx(np.mean(nats), rel=1e-9), one.name
    assert [one.name for one in ones] == [
        "frequencies of characters",
        "frequencies of pairs of characters",
        "frequencies of triples of characters",
    ]


@pytest.mark.parametrize("scaling", ["standard", "root", "mean"])
def test_naive_forecasts(scaling):
    random = np.random.default_rng(0)
    values = np.abs(np.tile([1.0, 5.0, 3.0, 8.0], 30) + random.normal(size=120)) + 1
    values[[97, 100, 101]] = np.nan
    table = {"ds": range(120), "y": values}
    task = elman.Forecasting(horizon=3, window=6, season=4, validation=24, test=12, scaling=scaling)
    data = task.read_table(table)
    last, season = task.configure(data).baselines(data)
    [scaler] = data.codec.scalers
    mean = data.codec.real(np.zeros(1), np.array(scaler.mean), np.array(scaler.std))[0]  # where nothing is known
    for one, back in ((last, 1), (season, 4)):
        errors = []
        for origin in range(84, 108 - 3 + 1):
            window = list(values[origin - 6 : origin])
            for at in range(back, 6):
                if np.isnan(window[at]):
                    window[at] = window[at - back]
            for step in range(3):
                point, truth = window[6 - back + step % back], values[origin + step]
                if np.isnan(truth):
                    continue
                errors.append(abs(truth - (mean if np.isnan(point) else point)))
        assert one.measures["measures.mae"] == pytest.approx(np.mean(errors), rel=1e-5), one.name
    assert (last.name, season.name) == ("the last value", "the value a season before")
    denominator = np.nanmean(np.abs(values[4:84] - values[:80]))  # of MASE: by the training part, not the one measured
    if scaling != "root":  # whose errors are those of the roots
        expected = season.measures["measures.mae"] / denominator
        assert season.measures["measures.mase"] == pytest.approx(expected, rel=1e-5)
    assert last.measure == "measures.scaled_mae"


def test_a_squared_error_is_compared_as_such(tmp_path):
    _, _, ones = baselines(cases.forecasting, tmp_path)
    assert {one.measure for one in ones} == {"measures.scaled_mse"}


def beats(kinds, known):
    mask = np.arange(100 * len(kinds)) < 100 * known
    symbols = tuple(Beat(100 * place + 50, kind, kind) for place, kind in enumerate(kinds))
    none = np.zeros(len(mask), bool)
    return Strip(np.zeros(len(mask), np.float32), 250.0, "r", "II", "p", (), symbols, none, mask)


def test_the_most_frequent_kind_of_beat_where_beats_are_known():
    part = lambda *strips: SimpleNamespace(examples=strips)
    data: Any = SimpleNamespace(
        train=part(beats("NNVSSSS", known=4)), validation=part(beats("NVN", 3), beats("VVVN", 1))
    )
    [one] = frequent_kind(data)
    assert (one.name, one.measures, one.measure) == ("every beat N", {"beats.accuracy": 2 / 4}, "beats.accuracy")
    empty: Any = SimpleNamespace(train=part(), validation=part())
    assert frequent_kind(empty) == []


def verdicts(task, metrics):
    return list(task.verdicts(metrics))


def test_one_class_or_the_same_labels_for_everything():
    task = elman.Classification()

    def measured(*predicted, truth=(0, 0, 1)):
        logits = np.eye(2)[list(predicted)]
        return ClassificationMetrics.of(logits, np.array(truth), labels=("ham", "spam"), unit="text")

    assert verdicts(task, measured(0, 0, 0)) == ["predicts one class only: ham for every text"]
    assert verdicts(task, measured(1, 1, 1)) == ["predicts one class only: spam for every text"]
    assert verdicts(task, measured(0, 1, 0)) == []
    assert verdicts(task, measured(0, 0, 0, truth=(0, 0, 0))) == []
    assert verdicts(elman.SeriesClassification(), measured(0, 0, 0))

    def labelled(predicted):
        logits, truth = 8.0 * np.array(predicted) - 4, np.array([[1, 0], [1, 1], [0, 0]]) > 0
        return LabelMetrics.of(logits, truth, labels=("a", "b"), unit="text", thresholds=(0.5, 0.5))

    assert verdicts(task, labelled([[1, 0]] * 3)) == ["predicts the same labels for every text"]
    assert verdicts(task, labelled([[0, 0]] * 3)) == ["predicts the same labels for every text"]
    assert verdicts(task, labelled([[1, 0], [1, 1], [1, 0]])) == []


def test_one_tag_no_span_one_answer():
    task = elman.Tagging(validation=0, test=0)
    plain = task.read_sentences([(("a", "b"), ("X", "Y"))] * 2)
    spans = task.read_sentences([(("Ann", "sat"), ("B-PER", "O"))] * 2)

    def measured(data, tags):
        examples = data.train.examples
        return TaggingMetrics.of([tags] * len(examples), examples, data.codec, nats_per_word=1.0)

    assert verdicts(task, measured(plain, ("X", "X"))) == ["predicts one tag only, for every word"]
    assert verdicts(task, measured(plain, ("Y", "X"))) == []
    assert verdicts(task, measured(spans, ("O", "O"))) == ["marks no span"]
    assert verdicts(task, measured(spans, ("B-PER", "O"))) == []
    pairs = elman.Seq2Seq()
    answered = lambda *answers: Seq2SeqMetrics.of(answers, [["1"], ["2"]], nats=1.0, unit="character")
    assert verdicts(pairs, answered("1", "1")) == ["gives the same answer to every source"]
    assert verdicts(pairs, answered("1", "3")) == []


def test_waves_and_beats_that_are_not_found():
    truth = [Wave("P", 10, 12, 14), Wave("QRS", 40, 45, 50)]
    kinds = [Beat(45, "N", "N"), Beat(145, "V", "V"), Beat(245, "N", "N")]

    def measured(waves, found):
        delineation = Delineation.of(truth, waves, rate=250)
        return EcgMetrics(delineation, BeatScores.of(kinds, found, rate=250), leads=1)

    task = elman.Ecg()
    assert verdicts(task, measured([], [])) == ["finds no P wave", "finds no QRS complex", "finds no beat"]
    alike = [beat._replace(kind="N") for beat in kinds]
    assert verdicts(task, measured(truth, alike)) == ["predicts one kind only: N for every beat"]
    assert verdicts(task, measured(truth, kinds)) == []


def test_a_rule_is_compared_by_its_own_measure():
    rule = Baseline(name="r", measures={"loss": 1.0}, measure="loss", margin=0.1)
    assert [rule.compare({"loss": loss}) for loss in (0.8, 0.95, 1.0, 1.2)] == [
        "better",
        "unsure",
        "no better",
        "no better",
    ]
    assert rule.compare({}) == "better"
