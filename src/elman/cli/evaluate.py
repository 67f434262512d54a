"""`elman evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import tyro

from elman._errors import ConfigError, quantity
from elman._terminal import say, width_of
from elman._types import Unknown, WeightFormat
from elman.cli._parse import call
from elman.cli._weights import in_format
from elman.formats.names import JSON_LINES, ending
from elman.tasks.settings import OnUnreadable

if TYPE_CHECKING:
    from elman.formats.results import ResultTable
    from elman.tasks.fitted import Fitted


WRITTEN, FIGURES = (".csv", *JSON_LINES), 4
"""Endings of the files that tables are written to, and the figures of numbers that are printed."""

PRINT = "-"
"""The value of an option for a table that has none: the table is printed."""

WORST = 20
"""The most mistakes that are printed."""

READERS = {
    "unknown": "belongs to models that read characters of texts or pairs",
    "on_error": "belongs to models that read lines or records one by one",
}
"""The models whose `read` has an option."""

TableFile = Annotated[str, tyro.conf.arg(metavar="[FILE]")]


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "evaluate", [*_with_values(arguments)])


def _with_values(arguments: list[str]) -> Iterator[str]:
    """The arguments, with `PRINT` as the value of an option for a table that no file of this form follows."""
    for argument, after in zip(arguments, [*arguments[1:], ""], strict=True):
        bare = argument in ("--mistakes", "--scores") and ending(after) not in WRITTEN
        yield f"{argument}={PRINT}" if bare else argument


def main(
    model: tyro.conf.Positional[Path],
    files: tyro.conf.Positional[tuple[str, ...]],
    /,
    unknown: Unknown = "error",
    on_error: OnUnreadable = "fail",
    corpus_scores: bool = False,
    threshold: float | None = None,
    weights: WeightFormat = "float32",
    mistakes: TableFile = "",
    scores: TableFile = "",
    force: bool = False,
    json: bool = False,
) -> int:
    """Measure a model on held-out data: a text, or inputs with their answers.

    Args:
        model: A saved model.
        files: Files or folders in the format of its training data; - is standard input.
        unknown: For a language model, or a model of pairs by characters: skip leaves out characters that it does not
            know.
        on_error: Treatment of inputs that cannot be read: the end (fail), or the next input (skip); how many and which
            is written to standard error.
        corpus_scores: For a model of pairs: measure BLEU and chrF also where answers are no sentences.
        threshold: For a model of classes: also count the answers whose probability is at least this, and the right ones
            among them; of several labels, the labels that reach it in place of their own thresholds.
        weights: Format of the weights; for bfloat16 and int8 the measures in float32 are shown beside them.
        mistakes: Show the worst mistakes (inputs, what is right, what was answered), or write all to a .csv or .jsonl
            file.
        scores: Show precision, recall and F1 of each class, label, tag or kind of beat, or write them to a file.
        force: Overwrite these files.
        json: Print JSON.
    """
    if not files:
        raise ConfigError("expected the data to measure on: a file, a folder, or - for standard input")

    for path in (mistakes, scores):
        if path not in ("", PRINT) and Path(path).exists() and not force:
            raise ConfigError(f"{path}: is there already; name another file to write, or overwrite it with --force")

    from elman.tasks.baseline import beside
    from elman.tasks.fitted import read_part
    from elman.tasks.load import load

    fitted = load(model)
    chosen = {"unknown": (unknown, "error"), "on_error": (on_error, "fail")}
    reading = {name: value for name, (value, usual) in chosen.items() if value != usual}
    _check_belongs(fitted, reading, corpus_scores=corpus_scores, threshold=threshold)
    if corpus_scores:
        fitted = replace(fitted, task=msgspec.structs.replace(fitted.task, corpus_scores=True))
    part = read_part(fitted, *files, **reading)
    notes = getattr(part, "notes", ())
    for note in notes:
        say(f"elman evaluate: {note}", sys.stderr)
    options = {} if threshold is None else {"threshold": threshold}
    exact = None if weights == "float32" else fitted.evaluate(part, **options)
    fitted = in_format(fitted, weights)
    metrics, overlap = fitted.evaluate(part, **options), fitted.overlap(part)
    baselines = fitted.baselines_on(part)
    seen = 0 if overlap is None else overlap.trained + overlap.validated
    new = fitted.unseen(part) if overlap is not None and 0 < seen < overlap.total else None
    alone = fitted.evaluate(new, **options) if new else None
    if overlap is not None and seen:
        others = "only the others say how good it is on new ones"
        advice = others if seen < overlap.total else "measure it on new ones to know how good it is"
        say(f"elman evaluate: {overlap}; {advice}", sys.stderr)
    if json:
        known = {} if overlap is None else {"overlap": overlap._asdict()}
        known |= {"notes": notes} if notes else {}
        known |= {"baselines": {one.name: one.measures for one in baselines}} if baselines else {}
        known |= {} if alone is None else {"others": alone.to_builtins()}
        known |= {} if exact is None else {"weights": weights, "float32": exact.to_builtins()}
        print(msgspec.json.encode(metrics.to_builtins() | known).decode())
    else:
        say(metrics.report())
        if exact is not None:
            say(f"that is with weights in {weights}; in float32: {exact}")
        if new and overlap is not None:
            say(f"the others alone: {alone}, over {quantity(len(new), overlap.unit)}")
        if baselines:
            _give(beside(metrics, baselines), PRINT, "baselines", json=False)
    if scores:
        _give(metrics.scores(), scores, "scores", json=json)
    if mistakes:
        _give(fitted.mistakes(part), mistakes, "mistakes", json=json, most=WORST)
    return 0


def _check_belongs(fitted: Fitted, reading: Mapping[str, str], *, corpus_scores: bool, threshold: float | None) -> None:
    """Refuses options that belong to models of another task."""
    if corpus_scores and "corpus_scores" not in fitted.task.__struct_fields__:
        raise ConfigError("corpus_scores: belongs to models of pairs; leave it out")
    if others := reading.keys() - {*fitted.reading}:
        raise ConfigError(f"{min(others)}: {READERS[min(others)]}; leave it out")
    if threshold is None:
        return
    options = fitted.task.options
    if options is None or "threshold" not in options.__struct_fields__:
        raise ConfigError("threshold: belongs to models of classes; leave it out")
    options(threshold=threshold)  # refuses what is no probability


def _give(table: ResultTable, path: str, what: str, *, json: bool, most: int | None = None) -> None:
    """Prints a table, or its first rows, or writes it to a file."""
    if path != PRINT:
        table.save(path)
        say(f"{what}: {quantity(len(table), 'row')} in {path}", sys.stderr)
        return
    shown = table if most is None else table.head(most)
    if json:
        print(*shown.lines(".jsonl"), sep="\n", end="\n" if len(shown) else "")
        return
    more = f", the worst of {len(table):,}; --{what} FILE.csv writes all" if len(shown) < len(table) else ""
    width = width_of(sys.stdout)
    text = shown.text(figures=FIGURES, width=sys.maxsize if width is None else width - 1)
    print(f"\n{what}{more}:\n{text}" if len(table) else f"\nno {what}")
