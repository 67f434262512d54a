"""The conformance checks for any task: the promises of `Task` and `Fitted`, checked with numbers and real files.

| check | what holds |
|---|---|
| reads | there are three parts of one codec; read again, from the places that a run keeps too, they are the same |
| configures | configuring twice is configuring once, settings and codec survive JSON, other data are refused |
| batches | the same in any order of asking |
| loss | the loss of one step is that of your NumPy function, in (sum, count) |
| save | a saved model loads with the same bits, settings, codec and measures |
| metrics | measures survive JSON; their objective is a finite number |
| baselines | the measures of rules, if the task has any, have the names of the model's, survive JSON, and are kept |
| items | the inputs of the training and validation parts are recognised by their hashes |
| verify | the files are whole, and the model computes the same however its input is cut or batched |
| fingerprint | a run is not resumed with data that differ in anything, and the part that differs is named |
| resume | a run whose process was killed goes on to the bits of one that was not |
| predict | each input has its lines, in the order of the inputs, alone or beside others |
"""

from __future__ import annotations

import math
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._errors import ArtefactError, DataError
from elman.inspection.verify import TOLERANCE, verify
from elman.metrics.saved import single_numbers
from elman.tasks.baseline import Baseline
from elman.tasks.data import Data
from elman.tasks.fingerprint import PARTS
from elman.tasks.fitted import Fitted, Predictor
from elman.tasks.load import load
from elman.tasks.registry import find_task
from elman.tasks.task import Task
from elman.testing._checks import CheckError, passed, run_checks, same, shaken
from elman.training.events import Event, Stepped
from elman.training.fit import fit
from elman.training.reporters import Quiet
from elman.training.step import rows_of

Source = Data | str | Path | Sequence[str | Path]
"""Data to train on: places that the task reads, or what one of its readers returned."""

Loss = Callable[[Any, Any], tuple[float, float]]
"""A NumPy loss: (model, batch) -> (sum, count), from the initial state; the weights are float64 arrays."""

STEPS, KILLED = 6, 5
"""The steps of a run, and the step during which its process is killed: the one before is saved."""

SINGLE = 1e-4
"""The largest difference of a loss in float32, per 1 + |value|."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")
_MINUTES = 5
_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from elman.testing.task import _train_on
_train_on()
"""


class TaskError(CheckError):
    """A task that fails checks: `failed` has the message of each failed check, by name."""


def check_task(
    task: Task,
    data: Source,
    *,
    loss: Loss,
    changed: Mapping[str, Sequence[Source]],
    inputs: Mapping[str | Path, int | None] | None = None,
    head: int = 0,
    options: Mapping[str, Any] | None = None,
    show: Callable[[str], Any] | None = print,
    **training: Any,
) -> None:
    """Runs every check of the table above on a task, which it trains for a few steps, and says what passed.

    Args:
        task: a small network; a task of your own is in a module that can be imported.
        data: little data with all three parts.
        loss: the loss of one step, written in NumPy from the task's equations: `loss(model, batch) -> (sum, count)`.
            Noise is added to every weight of the model, so that no term of an equation is zero.
        changed: for each part, "train", "validation" and "test", other data in which something of that part differs:
            one label, the order of two examples, one file.
        inputs: files to predict for, at least two, each with the number of lines that `elman predict` prints for it,
            or None where the number is a part of the answer; left out for a task without prediction options.
        head: the number of lines that are printed once, before those of the first input.
        options: prediction options; those should print numbers from which answers can be told apart.
        show: takes the line that says what passed; None for silence.
        training: settings of `Training`; by default 6 steps with 2 evaluations.

    Raises:
        TaskError: (an AssertionError) lists every failed check.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = {"steps": STEPS, "evaluations": 2, **training}
        files = {str(place): lines for place, lines in (inputs or {}).items()}
        trial = _Trial(task, data, loss, changed, files, head, options or {}, settings, Path(folder))
        failed = run_checks(_CHECKS, trial)
    if failed:
        raise TaskError(type(task).__name__, failed, of=len(_CHECKS))
    if show is not None:
        show(passed(type(task).__name__, list(_CHECKS)))


# The task under test


@dataclass
class _Trial:
    """A task with its data, and its runs: a whole one, and one that was killed. What several checks need is made by
    the first."""

    task: Task
    source: Source
    loss: Loss
    changed: Mapping[str, Sequence[Source]]
    inputs: dict[str, int | None]
    head: int
    options: Mapping[str, Any]
    training: dict[str, Any]
    folder: Path

    def read(self, source: Source) -> Data:
        return _read(self.task, source)

    @cached_property
    def data(self) -> Data:
        return self.read(self.source)

    @cached_property
    def configured(self) -> Task:
        return self.task.configure(self.data)

    @cached_property
    def fitted(self) -> Fitted[Any]:
        """The model of a whole run, which is saved at `place`."""
        return fit(self.task, self.data, out=self.place, report=Quiet(), **self.training)

    @property
    def place(self) -> Path:
        return self.folder / "whole.elman"

    @cached_property
    def loaded(self) -> Fitted[Any]:
        assert self.fitted
        return load(self.place)

    @cached_property
    def killed(self) -> Path:
        """The artefact of a run whose process was killed."""
        place = self.folder / "killed.elman"
        _kill(self.task, self.source, place, self.training)
        return place

    def lines(self, fitted: Any, places: Iterable[str]) -> list[str]:
        options = type(self.task).options
        assert options is not None
        items = fitted.output(*places, options=options(**self.options))
        return [item for item in items if isinstance(item, str)]


# The checks


def _reads(t: _Trial) -> None:
    parts = {name: getattr(t.data, name) for name in PARTS}
    empty = [name for name, part in parts.items() if not len(part)]
    _expect(not empty, f"expected three parts with data; there is none in {', '.join(empty)}")
    others = [name for name, part in parts.items() if part.codec != t.data.codec]
    _expect(not others, f"expected one codec; that of {', '.join(others)} is another")
    again = {"": t.source, "from its places, ": t.data.places or t.source}
    for what, source in again.items():
        _expect(t.read(source).fingerprint == t.data.fingerprint, f"read again {what}the data are others")


def _configures(t: _Trial) -> None:
    _expect(
        t.configured.configure(t.data) == t.configured, "configured twice, the task is another than configured once"
    )
    values = _through_json(t.configured.to_builtins())
    name = values.pop("type")
    kind = find_task(name)
    _expect(kind is type(t.task), f"saved as {name}, the task is found as {kind}; expected {type(t.task)}")
    _expect(kind(**values) == t.configured, "the settings that JSON gives back are others")
    codec = t.configured.codec_from(_through_json(msgspec.to_builtins(t.data.codec)))
    _expect(codec == t.data.codec, f"the codec that JSON gives back is another: {codec}")
    for other in (None, replace(t.data, codec=object())):
        try:
            t.task.configure(other)  # ty: ignore[invalid-argument-type]
        except DataError:
            continue
        raise AssertionError("data that another task read are accepted; expected a DataError")


def _batches(t: _Trial) -> None:
    asked, again = (t.configured.batches(t.data.train, seed=0) for _ in range(2))
    steps = range(min(2 * len(asked), len(asked) + 8))
    forwards = [jax.tree.map(np.array, asked.at(step)) for step in steps]
    backwards = [jax.tree.map(np.array, again.at(step)) for step in reversed(steps)][::-1]
    for step, (one, other) in enumerate(zip(forwards, backwards, strict=True)):
        same(one, other, 0, f"the batch of step {step}, asked for last to first: ")


def _loss(t: _Trial) -> None:
    model = shaken(t.configured.build(t.data.codec, key=jax.random.key(0)), 0)
    batch = t.configured.batches(t.data.train, seed=0).at(0)
    sums, _ = jax.jit(
        lambda model, batch: t.configured.loss(model, t.configured.init_carry(model, rows_of(batch)), batch)
    )(model, batch)
    arrays = jax.tree.map(lambda w: np.asarray(w, np.float64 if w.dtype.kind == "f" else w.dtype), model)
    expected = t.loss(arrays, jax.tree.map(np.asarray, batch))
    values, expected = (dict(zip(("sum", "count"), pair, strict=True)) for pair in (sums, expected))
    same(values, expected, SINGLE)


def _save(t: _Trial) -> None:
    _same_weights(t.loaded, t.fitted, "loaded")
    for name in ("task", "codec", "training", "measures", "history"):
        ours, other = getattr(t.loaded, name), getattr(t.fitted, name)
        _expect(_plain(ours) == _plain(other), f"loaded, {name} is {ours}; expected {other}")
    before, after = (_text(fitted.evaluate(t.data.test)) for fitted in (t.fitted, t.loaded))
    _expect(before == after, f"loaded, the model measures {after}; expected {before}")
    if t.inputs:
        before, after = (t.lines(fitted, t.inputs) for fitted in (t.fitted, t.loaded))
        _expect(before == after, f"loaded, the model answers {after}; expected {before}")


def _metrics(t: _Trial) -> None:
    metrics = t.fitted.evaluate(t.data.test)
    again = t.configured.metrics_from(_through_json(metrics.to_builtins()))
    for what, way in {"to_builtins()": _text, "report()": lambda one: one.report(), "str()": str}.items():
        _expect(way(metrics) == way(again), f"after JSON, {what} is {way(again)}; expected {way(metrics)}")
    before, after = metrics.objective, again.objective
    _expect(math.isfinite(before), f"the objective is {before}; expected a finite number")
    _expect(before == after, f"after JSON, the objective is {after}; expected {before}")


def _baselines(t: _Trial) -> None:
    baselines = tuple(t.configured.baselines(t.data))
    known = single_numbers(t.fitted.evaluate(t.data.validation).to_builtins())
    for one in baselines:
        for name in (*one.measures, *([one.measure] if one.measure else [])):
            _expect(name in known, f"{one.name}: no measure {name!r} in to_builtins(); there are {', '.join(known)}")
        _expect(not one.measure or one.measure in one.measures, f"{one.name}: no value of its {one.measure!r}")
    again = msgspec.convert(_through_json(msgspec.to_builtins(baselines)), tuple[Baseline, ...])
    _expect(again == baselines, f"after JSON, the baselines are {again}; expected {baselines}")
    for what, fitted in {"trained": t.fitted, "loaded": t.loaded}.items():
        _expect(fitted.baselines == baselines, f"{what}, the baselines are {fitted.baselines}; expected {baselines}")
    said = t.configured.verdicts(t.fitted.evaluate(t.data.validation))
    _expect(all(isinstance(one, str) for one in said), f"verdicts: expected sentences; got {said}")


def _items(t: _Trial) -> None:
    for what, fitted in {"trained": t.fitted, "loaded": t.loaded}.items():
        whole = fitted.overlap(t.data.train)
        part = fitted.overlap(t.data.validation)
        assert whole is not None, f"{what}, the model has no hashes"
        assert part is not None, f"{what}, the model has no hashes"
        _expect(whole.total > 0, f"{what}, items() has none of the training part")
        _expect(whole.trained == whole.total, f"{what}, of its own training part it knows {whole}; expected all")
        _expect(part.trained + part.validated == part.total, f"{what}, of its validation part it knows {part}")


def _verify(t: _Trial) -> None:
    assert t.fitted
    verdict = verify(t.place, trust=t.configured.imports)
    _expect(bool(verdict.differences), "differences() compares nothing; expected two ways to compute the same")
    differing = {name: worst for name, worst in verdict.differences.items() if not worst <= TOLERANCE}
    _expect(not differing, f"{differing}; expected at most {TOLERANCE:g}")


def _fingerprint(t: _Trial) -> None:
    missing = [name for name in PARTS if not t.changed.get(name)]
    _expect(not missing, f"changed: expected other data for each part; there are none for {', '.join(missing)}")
    copy = shutil.copytree(t.killed, t.folder / "copy.elman")
    for name, sources in t.changed.items():
        for number, source in enumerate(sources):
            what = f"changed[{name!r}][{number}]"
            try:
                fit(t.task, t.read(source), out=copy, resume=True, report=Quiet(), **t.training)
            except ArtefactError as error:
                _expect("not the data of" in str(error), f"{what}: {error}; expected a refusal of the data")
                _expect(PARTS[name] in str(error), f"{what}: {error}; expected {PARTS[name]} to be named")
            else:
                raise AssertionError(f"{what}: a run is resumed with data that are not its own")


def _resume(t: _Trial) -> None:
    again = fit(t.task, t.read(t.source), out=t.killed, resume=True, report=Quiet(), **t.training)
    for what, fitted in {"resumed": again, "resumed and loaded": load(t.killed)}.items():
        _same_weights(fitted, t.fitted, what)
        ours, other = ({**fitted.measures, "seconds": 0, "times": {}} for fitted in (fitted, t.fitted))
        _expect(_plain(ours) == _plain(other), f"{what}, the measures are {ours}; expected {other}")
        ours, other = ({**one.history.columns(), "seconds": 0} for one in (fitted, t.fitted))
        _expect(_plain(ours) == _plain(other), f"{what}, the history is {ours}; expected {other}")


def _predict(t: _Trial) -> None:
    predicts = type(t.task).options is not None
    if not predicts:
        _expect(not t.inputs, "inputs: expected none, as the task has no prediction options")
        return
    _expect(isinstance(t.fitted, Predictor), f"prediction options, but {type(t.fitted).__name__} is no Predictor")
    _expect(len(t.inputs) > 1, f"inputs: expected at least two; got {len(t.inputs)}")
    alone = {}
    for place, count in t.inputs.items():
        alone[place] = lines = t.lines(t.fitted, [place])[t.head :]
        _expect(count in (None, len(lines)), f"{place}: {len(lines)} lines; expected {count}")
    different = len({*map(tuple, alone.values())}) == len(alone)
    _expect(different, "inputs: two have the same lines, which say nothing of the order; choose others, or options")
    for order in ([*t.inputs], [*reversed(t.inputs)]):
        answers, expected = t.lines(t.fitted, order)[t.head :], [*chain(*(alone[place] for place in order))]
        _expect(_alike(answers, expected), f"for {', '.join(order)}: {answers}; expected {expected}")


_CHECKS: dict[str, Callable[[_Trial], None]] = {
    "reads": _reads,
    "configures": _configures,
    "batches": _batches,
    "loss": _loss,
    "save": _save,
    "metrics": _metrics,
    "baselines": _baselines,
    "items": _items,
    "verify": _verify,
    "fingerprint": _fingerprint,
    "resume": _resume,
    "predict": _predict,
}


# A run that is killed


def _kill(task: Task, source: Source, place: Path, training: dict[str, Any]) -> None:
    """Trains in a process of its own, which is killed in step `KILLED`."""
    settings = {**training, "checkpoint_seconds": 1e-9}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(pickle.dumps(sys.path) + pickle.dumps((task, source, place, settings)))
        process.stdin.flush()
        reached = process.stdout.readline()
        process.kill()
        message = process.stderr.read().decode().strip()
    if not reached:
        raise AssertionError(
            f"a run in a process of its own ends with: {message.splitlines()[-1] if message else 'nothing'}"
        )


def _train_on() -> None:
    """Trains on what standard input says, until it waits to be killed."""
    task, source, place, settings = pickle.load(sys.stdin.buffer)
    fit(task, _read(task, source), out=place, report=_Waiting(), **settings)


class _Waiting(Quiet):
    """A reporter that says when the run has come to the step in which it is killed, and waits."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stepped) and event.step == KILLED:
            print("here", flush=True)
            time.sleep(60 * _MINUTES)


# Data, and comparisons


def _read(task: Task, source: Source) -> Data:
    if isinstance(source, Data):
        return source
    return task.read(*([source] if isinstance(source, str | Path) else source))


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _same_weights(ours: Fitted[Any], other: Fitted[Any], what: str) -> None:
    weights, expected = artefact.named_arrays(ours.model), artefact.named_arrays(other.model)
    differing = [name for name in {**weights, **expected} if not _same_bits(weights.get(name), expected.get(name))]
    _expect(not differing, f"{what}, other bits in {', '.join(differing)}")


def _same_bits(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return False
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _alike(answers: Sequence[str], expected: Sequence[str]) -> bool:
    """True for equal lines, apart from rounding: batches of other shapes add in another order."""
    one, other = ("\n".join(lines) for lines in (answers, expected))
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    # Only numbers with decimals are rounded; one of them may be whole by chance.
    return all(a == b or ("." in a + b and abs(float(a) - float(b)) <= SINGLE * (1 + abs(float(b)))) for a, b in pairs)


def _through_json(values: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(values))


def _plain(value: Any) -> Any:
    return msgspec.json.encode(msgspec.to_builtins(value))


def _text(metrics: Any) -> bytes:
    return _plain(metrics.to_builtins())
