"""Sentences on a model that is worse than it might be, at the end of its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from elman._errors import quantity
from elman.metrics.saved import single_numbers
from elman.tasks.baseline import Baseline
from elman.training.batch_size import quicker
from elman.training.history import History
from elman.training.settings import Training
from elman.training.state import Progress

if TYPE_CHECKING:
    from elman.tasks.items import Overlap
    from elman.tasks.task import Metrics, Task

FEWEST = 3
"""The fewest evaluations from which a fall can be told."""

LATE, SHARE = 0.7, 0.005
"""The share of the steps after which a fall is late, and the share of the last value that is a fall. Of 36 runs of six
tasks with 10 to 3,200 steps, 27 were falling so: twice the steps made the best objective of 26 less, by 2% to 64%. Of
the nine others, four gained 2% or more."""

ALSO_TRAINED = 0.05
"""The share of the validation part that may be in the training part too without a word."""

BOUNDED = ("Elman", "GRU", "LSTM", "PeepholeLSTM", "ResetBeforeGRU")
"""Cells whose outputs cannot grow without bound; those of the user's own are not known."""

FEW = 100
"""The size of the validation part below which a sentence gives it: where 90 of 100 answers are right, 83% to 94% may be
right of all others (Wilson, 1927)."""


def verdicts(
    task: Task,
    metrics: Metrics,
    baselines: Sequence[Baseline],
    *,
    history: History,
    settings: Training,
    progress: Progress,
    overlap: Overlap,
) -> Iterator[str]:
    """Yields the verdicts that hold on a training: those of the task on its answers, then a model that is no better
    than a rule, a validation part that was trained on or is small, a warm-up that has not ended, and a training that
    diverged, a loss that is still falling or a training part that was not read to its end.

    Args:
        task, metrics: the task, and the measures of the best weights.
        baselines: the rules to compare them with.
        history, settings, progress: the training up to its end.
        overlap: the inputs of the validation part that are in the training part too.
    """
    yield from task.verdicts(metrics)
    compared = tuple(_compared(metrics, baselines))
    yield from compared
    if overlap.trained >= ALSO_TRAINED * overlap.total:
        about = "" if overlap.is_exact else "about "
        yield (
            f"{about}{overlap.trained:,} of {quantity(overlap.total, overlap.unit)} of the validation part are in the "
            "training part too: new ones are harder"
        )
    if overlap.total < FEW:
        yield f"measured on {quantity(overlap.total, overlap.unit)} only: with others the figures may differ much"
    if progress.warmth < 1:
        yield (
            f"warm-up unfinished: the learning rate came to {progress.warmth:.0%} of {settings.peak_rate:g} in "
            f"{quantity(progress.step, 'step')}; train for more, or with a smaller warmup_steps"
        )
    if rise := history.divergence:
        kept = f"the weights of step {progress.best_step:,} are kept"
        yield f"diverged: {rise}; {kept}. {_mends(task, settings)}"
        return
    unit = settings.budget.split()[-1].rstrip("s") + "s"
    smaller = f", and {_quicker(task, progress)} makes more steps in them" if compared and unit == "minutes" else ""
    if is_falling(history):
        yield f"still falling: more {unit} help{smaller}"
    elif compared and progress.passes < 1:
        yield f"the training part was read to {progress.passes:.0%} only: more {unit} help{smaller}"


def _quicker(task: Task, progress: Progress) -> str:
    """The change that makes more steps by the clock: smaller batches, or a smaller network."""
    option = quicker(task, progress.step - progress.first_step)
    return f"a smaller batch ({option})" if option else "a smaller network"


def _mends(task: Task, settings: Training) -> str:
    """The ways to keep a training from diverging, with the options and values to try first."""
    mends = [f"a smaller --learning-rate ({settings.peak_rate / 10:g})"]
    mends.append(f"--clip {settings.clip / 10:g}" if settings.clip else "clipped gradients (--clip 1)")
    if unbounded := [cell for cell in task.cells if cell not in BOUNDED]:
        mends.append(f"a cell whose output is bounded, such as GRU or LSTM in place of {unbounded[0]}")
    return f"Train with {', '.join(mends[:-1])} or {mends[-1]}"


def _compared(metrics: Metrics, baselines: Sequence[Baseline]) -> Iterator[str]:
    measures = single_numbers(metrics.to_builtins())
    words = {
        "no better": "no better than the baseline, {}",
        "unsure": "hardly better than the baseline, {}; that may be chance",
    }
    for verdict, sentence in words.items():
        rules = [one for one in baselines if one.compare(measures) == verdict]
        if rules:
            weakest = max(rules, key=lambda one: one.measures[one.measure] * (-1 if one.rising else 1))
            yield sentence.format(weakest.name)
            return
    if behind := [one for rule in baselines for one in rule.behind(measures)]:
        yield f"worse in its answers than a baseline: its {behind[0]}"


def is_falling(history: History) -> bool:
    """True where the last evaluation is the best, and the objective fell late too, though the learning rate had fallen
    by then."""
    if len(history) < FEWEST or history.best is not history[-1]:
        return False
    last = history[-1]
    before = [one for one in history if one.step <= LATE * last.step] or [history[0]]
    return before[-1].objective - last.objective > SHARE * abs(last.objective) > 0
