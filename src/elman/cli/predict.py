"""`elman predict`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import tyro

from elman._config import Config
from elman._errors import ArtefactError, ConfigError
from elman.cli._parse import call, positionals
from elman.tasks.ecg.settings import EcgPrediction
from elman.tasks.forecasting.settings import ForecastPrediction
from elman.tasks.registry import TASKS, find_settings


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(_command(_options(arguments)), "predict", arguments)


def _options(arguments: list[str]) -> Config:
    """The prediction options of the model that the arguments name; none if there is no model."""
    names = positionals(arguments)
    place = Path(names[0], "model.json") if names else None
    try:
        kind = msgspec.json.decode(place.read_bytes())["task"]["type"] if place else None
    except (OSError, msgspec.MsgspecError, KeyError, TypeError):
        kind = None  # `load` raises the error later
    if kind is None or (kind not in TASKS and ":" not in kind):
        return Config()
    options = find_settings(kind).options
    if options is None:
        raise ConfigError(f"{names[0]}: a language model answers no inputs; run elman generate {names[0]}")
    return options()


def _command(default: Config) -> Callable[..., int]:
    def main(
        model: tyro.conf.Positional[Path],
        files: tyro.conf.Positional[tuple[str, ...]] = (),
        /,
        prediction: Any = default,
    ) -> int:
        """Predict an answer for each input, in one line of output. The options that --help shows depend on the model.

        Args:
            model: A saved model.
            files: Files of inputs; - or none is standard input.
            prediction: Options of the model's task.
        """
        from elman.tasks.fitted import Predictor
        from elman.tasks.load import load

        fitted = load(model)
        if not isinstance(fitted, Predictor):
            raise ArtefactError(f"{model}: answers no inputs")
        files = files or (("-",) if fitted.needs_input else ())
        if isinstance(prediction, ForecastPrediction):
            return _forecast(fitted, files, prediction)
        if isinstance(prediction, EcgPrediction) and not prediction.stream:
            return _recorded(fitted, files, prediction)
        if isinstance(prediction, EcgPrediction) and prediction.plot:
            raise ConfigError("plot: a stream has no end to draw; leave out --plot or --stream")
        for line in fitted.answers(*files, options=prediction):
            print(line, flush=True)
        return 0

    main.__annotations__["prediction"] = type(default)
    return main


def _forecast(fitted: Any, files: tuple[str, ...], options: ForecastPrediction) -> int:
    """Prints and draws the forecasts after the rows of the files, which are read once."""
    fitted = fitted.continue_from(*files)
    for line in fitted.answers(options=options):
        print(line, flush=True)
    if options.plot:
        from elman.tasks.forecasting.picture import draw_forecast

        draw_forecast(fitted, fitted.predict(level=options.level, intervals=options.intervals), options.plot)
    return 0


def _recorded(fitted: Any, files: tuple[str, ...], options: EcgPrediction) -> int:
    """Prints the beats of each record, which is read once, and draws them if the options ask for it. With a CSV on
    standard output, faults of the record go to standard error."""
    from elman.tasks.ecg.faults import describe_faults

    readings = fitted.readings(*files, options=options)
    first = [*islice(readings, 2)]
    for number, reading in enumerate(chain(first, readings)):
        for line in describe_faults(reading.faults) if options.table == "csv" else ():
            print(f"{reading.name}: {line}", file=sys.stderr)
        for line in fitted.written(reading, options=options, head=not number):
            print(line, flush=True)
        if options.plot:
            _draw(reading, options, several=len(first) > 1)
    return 0


def _draw(reading: Any, options: EcgPrediction, *, several: bool) -> None:
    from elman.tasks.ecg.picture import draw_ecg

    place = Path(options.plot)
    place = place.with_stem(f"{place.stem}-{reading.name}") if several else place
    leads = [(strip, reading.table(lead)) for lead, strip in reading.strips.items()]
    draw_ecg(leads, place, start=options.start, seconds=options.seconds, faults=reading.faults)
