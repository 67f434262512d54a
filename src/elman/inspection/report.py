"""The report on a trained model over an input: its parts, answers, gates, memory, gradients and inputs, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from elman._errors import ConfigError, quantity
from elman.inspection.answers import answers, calibration, is_part
from elman.inspection.gradients import gradients, saliency
from elman.inspection.layers import layers
from elman.inspection.memory import memory
from elman.inspection.record import record
from elman.inspection.sections import (
    Section,
    answers_section,
    calibration_section,
    gates_section,
    gradients_section,
    memory_section,
    parts_section,
    saliency_section,
)
from elman.tasks.fitted import Fitted

CALIBRATED = 20_000
"""The items after which the report reads no more batches to measure calibration."""


def report(fitted: Fitted[Any], inputs: Any, *, timed: bool = True) -> Iterator[str]:
    """Yields the lines of a report: the parts of the model, its answers, and of every cell the gates, the memory, the
    gradients, and the inputs that matter most.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        timed: compile and time each part of the model.

    Raises:
        DataError: inputs that the model does not take, or of fewer than two steps.
    """
    seen = record(fitted, inputs)
    steps = int(max(cell.valid.sum() for cell in seen))
    yield f"loss {seen.loss:.4f} per {seen.unit}; the longest cell reads {quantity(steps, 'step')}"
    yield from (f"its training: {one}" for one in fitted.verdicts)
    yield from section_lines(parts_section(layers(fitted, inputs, timed=timed)))
    yield from _answered(fitted, inputs)
    yield from section_lines(gates_section(seen))
    yield from section_lines(memory_section(memory(fitted, inputs)))
    yield from section_lines(gradients_section(gradients(fitted, inputs).cells))
    yield from section_lines(saliency_section(saliency(fitted, inputs)))


def section_lines(section: Section) -> Iterator[str]:
    """Yields the lines of a section, after an empty one."""
    yield from ("", section.title)
    if section.head:
        yield from _table(section.head, section.rows)
    yield from section.notes


def _answered(fitted: Fitted[Any], inputs: Any) -> Iterator[str]:
    """The answers and, where it is known what is right, their calibration; none of a task that names no questions."""
    try:
        seen = answers(fitted, inputs, count=3)
    except ConfigError:
        return
    for one in seen:
        yield from section_lines(answers_section(one))
    if is_part(inputs):
        for measured in calibration(fitted, inputs, most=CALIBRATED):
            yield from section_lines(calibration_section(measured))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
