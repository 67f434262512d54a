"""Several trained models side by side: size, training, measures, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax

from elman._errors import ConfigError, quantity
from elman.tasks.fitted import Fitted


def compare(models: Mapping[str, Fitted[Any]]) -> Iterator[str]:
    """Yields lines on several models: size, steps and time of training, validation; then the settings that differ.

    Args:
        models: the models by name.

    Raises:
        ConfigError: no model.

    >>> text = "hello world. " * 200
    >>> tasks = [elman.LanguageModelling(hidden_size=size, batch_size=4) for size in (4, 8)]
    >>> models = {f"{task.hidden_size} units": elman.fit(task, task.read_text(text), steps=2) for task in tasks}
    >>> [line for line in compare(models) if "hidden" in line]
    ['hidden_size: 4 in 4 units; 8 in 8 units']
    """
    if not models:
        raise ConfigError("expected one or more models to compare")
    for name, fitted in models.items():
        yield f"{name}: {', '.join(_facts(fitted))}"
        yield f"  validation: {fitted.validation or 'not yet measured'}"
    settings = {name: {**_settings(fitted)} for name, fitted in models.items()}
    every = dict.fromkeys(setting for one in settings.values() for setting in one)
    differing = [each for each in every if len({str(one.get(each)) for one in settings.values()}) > 1]
    if len(models) > 1:
        yield ""
        yield "settings that differ:" if differing else "no setting differs"
    for each in differing:
        by_value: dict[str, list[str]] = {}
        for name, one in settings.items():
            by_value.setdefault(str(one[each]) if each in one else "none", []).append(name)
        yield f"{each}: " + "; ".join(f"{value} in {', '.join(of)}" for value, of in by_value.items())


def _facts(fitted: Fitted[Any]) -> Iterator[str]:
    yield fitted.task.to_builtins()["type"]
    yield quantity(sum(leaf.size for leaf in jax.tree.leaves(fitted.model)), "weight")
    history = fitted.history
    if history.best is not None:
        yield f"{quantity(history[-1].step, 'step')} in {history[-1].seconds / 60:.1f} minutes"
        yield f"best at step {history.best.step:,}"


def _settings(fitted: Fitted[Any]) -> dict[str, Any]:
    return {**fitted.task.to_builtins(), **fitted.training.to_builtins()}
