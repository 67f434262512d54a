from typing import Any

import msgspec
import pytest

import elman
from elman.inspection.report import report
from elman.tasks.baseline import Baseline, Compared
from elman.tasks.evaluation import MeanLoss
from elman.tasks.items import Overlap
from elman.training.history import Evaluation, History
from elman.training.settings import Training
from elman.training.state import Progress
from elman.training.verdicts import verdicts

TASK = elman.LanguageModelling()


def history(*objectives):
    return History(
        tuple(
            Evaluation(step=10 * n, seconds=1.0, training_loss=1.0, learning_rate=0.1, objective=one, measures={})
            for n, one in enumerate(objectives, start=1)
        )
    )


FLAT = history(2.0, 1.0, 1.0, 1.0)


NONE = Overlap(0, 400, 400, "text")


def said(
    *baselines, loss=1.0, curve=FLAT, settings=Training(steps=40), warmth=1.0, passes=2.0, overlap=NONE, task=TASK
):
    progress = Progress(step=40, warmth=warmth, passes=passes)
    metrics = MeanLoss(loss, 100, "line")
    run = {"history": curve, "settings": settings, "progress": progress, "overlap": overlap}
    return list(verdicts(task, metrics, baselines, **run))


def rule(name, loss, margin=0.0):
    return Baseline(name=name, measures={"loss_per_line": loss}, measure="loss_per_line", margin=margin)


def test_nothing_is_said_of_a_good_model():
    assert said(rule("a", 1.5)) == []


def test_the_weakest_rule_that_is_not_beaten_is_named():
    assert said(rule("a", 0.5), rule("b", 0.9), rule("c", 1.5)) == ["no better than the baseline, b"]
    assert said(rule("a", 1.0)) == ["no better than the baseline, a"]
    assert said(rule("a", 1.1, margin=0.2)) == ["hardly better than the baseline, a; that may be chance"]
    assert said(rule("a", 1.1, margin=0.2), rule("b", 0.9)) == ["no better than the baseline, b"]


def test_the_measure_that_chooses_the_weights_decides_and_others_only_where_it_is_the_same():
    """A translator of which no answer is right as a whole has 31% of characters right, a copy of the source 6%."""
    right = Compared.of("right", 50, rising=True)
    copy = {"exact": 0.0, "right": 0.06}
    rule = Baseline(name="a copy", measure="exact", measures=copy, rising=True, margin=0.05, others=(right,))
    verdict = {exact: rule.compare({"exact": exact, "right": 0.31}) for exact in (0.0, 0.01, 0.2)}
    assert {*verdict.values()} == {"better"}
    assert rule.compare({"exact": 0.0, "right": 0.06}) == "no better"
    assert rule.compare({"exact": 0.0, "right": 0.15}) == "unsure"
    assert rule.compare({"exact": 0.01, "right": 0.02}) == "unsure"
    assert (
        msgspec.structs.replace(rule, measures=copy | {"exact": 0.4}).compare({"exact": 0, "right": 1}) == "no better"
    )


def test_answers_worse_than_those_of_a_rule_are_told_though_the_loss_is_better():
    measures = {"loss_per_line": 1.5, "count": 120}
    worse = Baseline(
        name="always ham", measure="loss_per_line", measures=measures, others=(Compared(measure="count", rising=True),)
    )
    assert said(worse) == [
        "worse in its answers than a baseline: its count is 100, and that of the baseline, always ham, 120"
    ]


def test_a_validation_part_that_was_trained_on():
    assert said(overlap=Overlap(1, 399, 400, "text")) == []
    assert said(overlap=Overlap(1200, 0, 4000, "text")) == [
        "1,200 of 4,000 texts of the validation part are in the training part too: new ones are harder"
    ]
    task = elman.Classification(embedding_size=4, hidden_size=4)
    data = task.read_texts([("good film", "pos"), ("bad film", "neg")] * 20)
    assert "4 of 4 texts of the validation part are in the training part too: new ones are harder" in (
        elman.fit(task, data, steps=1).verdicts
    )


def test_a_validation_part_of_few_inputs_is_told():
    assert said(overlap=Overlap(0, 40, 40, "text")) == [
        "measured on 40 texts only: with others the figures may differ much"
    ]


def test_a_warm_up_that_has_not_ended():
    assert said(warmth=0.02, settings=Training(steps=1)) == [
        "warm-up unfinished: the learning rate came to 2% of 0.005 in 40 steps; train for more, or with a smaller "
        "warmup_steps"
    ]


@pytest.mark.parametrize(
    ("curve", "falling"),
    [
        (history(3.0, 2.5, 2.0, 1.5), True),
        (history(3.0, 2.0, 1.6, 1.5, 1.45, 1.42, 1.406, 1.405, 1.402, 1.40), False),
        (history(3.0, 2.5, 2.0, 2.1), False),  # the best is not the last
        (history(3.0, 1.0), False),  # too few to tell
        (history(1.0, 1.0, 1.0, 1.0), False),
    ],
)
def test_a_fall_that_has_not_ended(curve, falling):
    for settings, unit in (
        (Training(steps=40), "steps"),
        (Training(minutes=1), "minutes"),
        (Training(epochs=4), "epochs"),
    ):
        expected = [f"still falling: more {unit} help"] if falling else []
        assert said(curve=curve, settings=settings) == expected


def test_a_clock_too_short_for_the_network_names_smaller_batches_or_a_smaller_network():
    steep, slow = history(3.0, 2.5, 2.0, 1.5), rule("a", 0.5)
    for size, change in ((32, "a smaller batch (--batch-size 8)"), (8, "a smaller network")):
        task = elman.LanguageModelling(batch_size=size)
        sentence = f"still falling: more minutes help, and {change} makes more steps in them"
        assert said(slow, curve=steep, settings=Training(minutes=1), task=task)[1:] == [sentence]
    assert said(slow, curve=steep)[1:] == ["still falling: more steps help"]


def test_a_training_part_that_was_not_read_to_its_end():
    sentence = "the training part was read to 3% only: more steps help"
    assert said(rule("a", 0.5), passes=0.03)[1:] == [sentence]
    assert said(rule("a", 1.5), passes=0.03) == []
    assert said(rule("a", 0.5), passes=1.0)[1:] == []


def test_the_warm_up_of_a_run_is_noted(small_text):
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16)
    data = task.read_text(small_text)
    short = elman.fit(task, data, steps=2, warmup_steps=40)
    assert any(one.startswith("warm-up unfinished: the learning rate came to 5% of 0.005") for one in short.verdicts)
    assert short.measures["steps"] == 2
    assert short.history[-1].learning_rate == pytest.approx(0.005 * 2 / 40 * 0.625)  # held for a fifth, then falling
    whole = elman.fit(task, data, steps=2)
    assert not any("warm-up" in one for one in whole.verdicts)
    assert [one.measure for one in whole.baselines] == 3 * ["nats_per_token"]


def losses(*training, start=None):
    kept: dict[str, Any] = dict(seconds=1.0, learning_rate=0.1, measures={})
    every = (
        Evaluation(step=10 * n, training_loss=one, objective=-n, **kept) for n, one in enumerate(training, start=1)
    )
    return History(tuple(every), (), start)


@pytest.mark.parametrize(
    ("curve", "rise"),
    [
        (losses(255, 900, 3569), "from 255 (step 10) to 3,569 (step 30)"),
        (losses(3, 1.5, 2.8), "from 1.5 (step 20) to 2.8 (step 30)"),  # settled where it had been, not what it learned
        (losses(9, 450, 24, start=8), "from 8 (step 1) to 450 (step 20) and ended at 24"),
        (losses(450, 100, 24, start=1.2), "from 1.2 (step 1) to 450 (step 10) and ended at 24"),
        (losses(50, start=0.7), "from 0.7 (step 1) to 50 (step 10)"),
        (losses(3, 2, 1.5, 1.52, start=3.2), ""),
        (losses(0.01, 0.008, 0.012), ""),  # chance
        (losses(-1, -2, -2.1, -1.9, start=-0.5), ""),  # the logarithm of a density
        (losses(3, 20, 1), ""),  # recovered
        (losses(float("nan"), 0.5, 0.4), ""),  # measured before the first step
        (losses(), ""),
    ],
)
def test_a_training_that_diverged_is_told_with_what_mends_it(curve, rise):
    assert curve.divergence == (f"the training loss rose {rise}" if rise else "")
    assert ("diverged" in repr(curve)) == bool(rise)
    assert History.from_builtins(curve.to_builtins()).divergence == curve.divergence
    sentences = [one for one in said(curve=curve) if one.startswith("diverged")]
    kept = "; the weights of step 0 are kept. Train with a smaller --learning-rate (0.0005) or --clip 0.1"
    assert sentences == ([f"diverged: the training loss rose {rise}{kept}"] if rise else [])
    assert not rise or not any("help" in one for one in said(curve=curve))


def test_what_mends_a_divergence_depends_on_the_cell_and_the_clip():
    curve, settings = losses(1, 9), Training(steps=40, clip=0, learning_rate=3.0)
    progress = Progress(step=40, best_step=10)
    run = {"history": curve, "settings": settings, "progress": progress, "overlap": NONE}
    [sentence] = verdicts(elman.LanguageModelling(cell=elman.LRU), MeanLoss(1.0, 100, "line"), (), **run)
    assert sentence.endswith(
        "step 10 are kept. Train with a smaller --learning-rate (0.3), clipped gradients (--clip 1) or a cell whose "
        "output is bounded, such as GRU or LSTM in place of LRU"
    )


def test_a_run_keeps_the_loss_of_its_first_step_and_says_at_its_end_that_it_diverged(small_text):
    task = elman.LanguageModelling(cell=elman.LRU, hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16)
    fitted = elman.fit(task, task.read_text(small_text), steps=12, learning_rate=3.0, clip=0, evaluations=2)
    assert 1 < fitted.history.start < fitted.history[0].training_loss
    assert any(one.startswith("diverged: the training loss rose from") for one in fitted.verdicts)
    assert any(line.startswith("its training: diverged") for line in report(fitted, small_text[:40]))
