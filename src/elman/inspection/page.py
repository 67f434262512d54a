"""The report on a trained model as a page of HTML: tables and pictures in SVG, light and dark, without a network."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from elman._errors import ConfigError, DataError
from elman._show import table
from elman.inspection import pictures, sections
from elman.inspection.answers import Answers, answers, calibration, is_part
from elman.inspection.attention import attention
from elman.inspection.gradients import gradients, saliency
from elman.inspection.layers import layers
from elman.inspection.memory import memory
from elman.inspection.record import record
from elman.inspection.report import CALIBRATED
from elman.inspection.sections import Section
from elman.inspection.words import word_vectors
from elman.tasks.examples import LONGEST
from elman.tasks.fitted import Fitted

DARKEST = 6.0
"""The loss in nats from which the mark of a token is darkest."""
NEIGHBOURS, ASKED = 6, 8
"""The nearest words that are shown for a word, and the most words they are shown for."""
LAGS = 64
"""The largest lag over which memory is measured: a few seconds for a large model."""
LOOKED_AT = 200
"""The most steps of a text through which gradients are taken."""
END = "⏹"
"""The mark of the end of a text, which is empty."""
DRAWN = 60
"""The steps of a cell that are drawn."""

READABLE = 0.8
"""The least size of a picture in pixels for each point of its own, with which its texts can be read; where the page is
narrower, it is scrolled."""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --page: #fff; --faint: #6a6a6a; --line: #d5d5d5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --page: #000; --faint: #a5a5a5; --line: #3a3a3a; }
  .picture svg { filter: invert(1) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
caption { text-align: left; color: var(--faint); }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.picture svg { display: block; max-width: 100%; height: auto; }
.text { font-family: ui-monospace, monospace; font-size: .875rem; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 24rem; overflow-y: auto; border: 1px solid var(--line); padding: .6rem; }
.text b { font-weight: inherit; background: rgb(213 94 0 / var(--loss)); }
.faint { color: var(--faint); }
"""


def write_page(
    fitted: Fitted[Any],
    inputs: Any,
    path: str | Path,
    *,
    longest: int = LONGEST,
    progress: Callable[[str], None] = lambda text: None,
) -> None:
    """Writes a page on a model over an input: its training, its parts, its answers token by token, calibration,
    attention, gates, memory, gradients, the inputs that matter, and the nearest words. Needs matplotlib.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        path: the file to write.
        longest: the most tokens of a text whose answers are shown; states and gates are those of the first 1,000,
            gradients and the inputs that matter those of the first 200.
        progress: receives the name of each part before it is computed.

    Raises:
        ConfigError: matplotlib is not installed.
        DataError: inputs that the model does not take, or a file that cannot be written.
    """
    if not Path(path).absolute().parent.is_dir():
        raise DataError(f"{path}: cannot be written: the folder is not there")
    with TemporaryDirectory() as folder:
        body = "".join(_body(fitted, inputs, longest, _Pictures(Path(folder)), progress))
    title = escape(f"{type(fitted).__name__}: {fitted.summary}")
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style></head>\n'
        f"<body><main><h1>{title}</h1>\n{body}</main></body></html>\n"
    )
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None


class _Pictures:
    """Draws pictures as SVG that stands in a page, each with names of its own."""

    def __init__(self, folder: Path):
        self._path, self._count = folder / "picture.svg", 0

    def __call__(self, alt: str, draw: Callable[..., None], *values: Any, **options: Any) -> str:
        draw(*values, self._path, **options)
        self._count += 1
        text = self._path.read_text(encoding="utf-8")
        text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
        mark = f"p{self._count}-"
        text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{mark}", text)
        [width] = re.findall(r'<svg[^>]*\swidth="([\d.]+)pt"', text)
        least = round(READABLE * float(width))
        look = f'role="img" aria-label="{escape(alt)}" style="min-width: {least}px"'
        text = text.replace("<svg ", f"<svg {look} ", 1)
        return f'<div class="wide picture">{text}</div>\n'


def _body(
    fitted: Fitted[Any], inputs: Any, longest: int, draw: _Pictures, progress: Callable[[str], None]
) -> Iterator[str]:
    yield f'<div class="wide">{fitted._repr_html_()}</div>\n'
    for verdict in fitted.verdicts:
        yield f"<p>{escape(verdict)}</p>\n"
    progress("the states of all cells")
    seen = record(fitted, inputs)
    yield f"<p>The loss over the input is {seen.loss:.4f} per {escape(seen.unit)}.</p>\n"
    progress("the parts of the model, each compiled and timed")
    yield _section(sections.parts_section(layers(fitted, inputs)))
    progress("the answers")
    yield from _answers(fitted, inputs, longest, draw)
    yield from _attention(fitted, inputs, draw)
    yield _section(sections.gates_section(seen))
    for cell in {cell.name: cell for cell in (seen.cells[0], seen.cells[-1])}.values():
        yield draw(f"states and gates of {cell.name}", pictures.draw_cell, cell, last=DRAWN)
    progress("the memory")
    remembered = memory(fitted, inputs, longest=LAGS)
    yield _section(sections.memory_section(remembered))
    yield draw("memory by lag", pictures.draw_memory, {cell.name: cell for cell in remembered})
    progress("the gradients")
    slopes = gradients(fitted, inputs, longest=LOOKED_AT)
    yield _section(sections.gradients_section(slopes.cells))
    yield draw("gradient of the loss through time", pictures.draw_gradients, slopes)
    progress("the inputs that matter")
    part = saliency(fitted, inputs, longest=LOOKED_AT)
    yield _section(sections.saliency_section(part))
    yield draw("inputs that matter", pictures.draw_saliency, part)
    yield from _neighbours(fitted, part.steps)


def _section(section: Section) -> str:
    rows = table(section.rows, head=section.head, most=200) if section.head else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in section.notes)
    title = section.title[0].upper() + section.title[1:]
    return f'<h2>{escape(title)}</h2>\n<div class="wide">{rows}</div>{notes}\n'


def _answers(fitted: Fitted[Any], inputs: Any, longest: int, draw: _Pictures) -> Iterator[str]:
    try:
        seen = answers(fitted, inputs, longest=longest)
    except ConfigError:  # a task that names no questions
        return
    for one in seen:
        yield _section(sections.answers_section(one))
        if not one.items:
            continue
        yield draw(f"loss and entropy: {one.question}", pictures.draw_answers, one)
        if not math.isnan(one.entropy[0]) and len(one.items) > 1:
            yield _marked(one)
    if is_part(inputs):
        for measured in calibration(fitted, inputs, most=CALIBRATED):
            yield _section(sections.calibration_section(measured))
            yield draw(f"calibration: {measured.question}", pictures.draw_calibration, measured)


def _marked(seen: Answers) -> str:
    """The right answers as a text, each the darker the more nats it costs; the likeliest answers are its hint."""
    between = " " if max(map(len, seen.right)) > 1 else ""
    hints = [f"{loss:.2f} nats: {sections.answer_text(seen, n)}" for n, loss in enumerate(seen.loss.tolist())]
    marks = between.join(
        f'<b style="--loss:{min(loss / DARKEST, 1):.2f}" title="{escape(hint)}">{escape(right or END)}</b>'
        for right, loss, hint in zip(seen.right, seen.loss.tolist(), hints, strict=True)
    )
    about = "The right answers; darker where the model was more wrong. Hover to see its own."
    box = '<div class="text" tabindex="0" role="region" aria-label="answers">'
    return f'<p class="faint">{about}</p>{box}{marks}</div>\n'


def _attention(fitted: Fitted[Any], inputs: Any, draw: _Pictures) -> Iterator[str]:
    try:
        seen = attention(fitted, inputs)
    except ConfigError:  # a model without attention
        return
    yield "<h2>Attention</h2>\n"
    for one in seen:
        yield draw(f"weights of {one.name}", pictures.draw_attention, one)


def _neighbours(fitted: Fitted[Any], tokens: tuple[str, ...]) -> Iterator[str]:
    try:
        vectors = word_vectors(fitted)
    except ConfigError:  # a model that reads no words
        return
    asked = vectors.select(dict.fromkeys(token.strip() for token in tokens if token.strip()))
    rows = []
    for token in [*asked][:ASKED]:
        near = ", ".join(f"{word} {cosine:.2f}" for word, cosine in vectors.neighbours(token, NEIGHBOURS))
        rows.append((token, near))
    if rows:
        yield _section(Section("nearest by the vectors that the model has learned", ("token", "nearest"), rows))
