"""The options of a training as a form: their names, types, defaults and help."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from elman._config import Config, field_texts, fields, hints_of
from elman._errors import ConfigError, nearest
from elman.tasks.registry import find_settings, task_called
from elman.training.settings import BUDGETS, Training, training_defaults

FIRST = ("cell", "hidden_size", "num_layers", "batch_size", "learning_rate", "seed")
"""The options that are shown at once; the others are behind a button."""

CELLS = ("LSTM", "GRU", "Elman", "MinGRU", "LRU", "PeepholeLSTM", "SLSTM", "MLSTM")
"""The cells that are offered; others can be typed."""


def form(task: str) -> list[dict[str, Any]]:
    """The options for a task, in the order in which help lists them.

    Raises:
        ConfigError: no such task.
    """
    settings = find_settings(task_called(task))
    training = Training(**training_defaults(settings.training, set()))
    return [*_fields(settings(), "model"), *_fields(training, "training")]


def arguments(task: str, chosen: dict[str, str]) -> list[str]:
    """The arguments of `elman train` for chosen options.

    Raises:
        ConfigError: an option that the task does not have.
    """
    kinds = {one["name"]: one["kind"] for one in form(task)}
    hints = hints_of(find_settings(task_called(task))) | hints_of(Training)
    typed = []
    for name, value in chosen.items():
        if name not in kinds:
            raise ConfigError(f"no option {name!r}{nearest(name, kinds)}")
        option = name.replace("_", "-")
        if kinds[name] == "flag":
            typed.append(f"--{option}" if value == "true" else f"--no-{option}")
        else:
            typed += [f"--{option}={one}" for one in _typed(value, hints[name])]
    return typed


def values(task: str, chosen: dict[str, str]) -> dict[str, Any]:
    """The values of the chosen options that are the task's own, those of the training left out.

    Raises:
        ConfigError: a text that is no value of its option.
    """
    kind = find_settings(task_called(task))
    hints, read = hints_of(kind), dict[str, Any]()
    for name in fields(kind):
        if chosen.get(name, "") == "":
            continue
        text: Any = chosen[name]
        try:
            words = _typed(text, hints[name])
            read[name] = msgspec.convert(words if _is_tuple(hints[name]) else text, hints[name], strict=False)
        except msgspec.ValidationError as error:
            expected = str(error).partition(", got")[0].replace("Expected", "expected")
            raise ConfigError(f"{name}: {expected}; got {text!r}") from None
    return read


def _typed(text: str, hint: Any) -> list[str]:
    """The values in a field of the form: its words where the option takes several."""
    return text.split() if _is_tuple(hint) else [text]


def _is_tuple(hint: Any) -> bool:
    return get_origin(get_args(hint)[0] if get_origin(hint) is Annotated else hint) is tuple


def _fields(settings: Config, group: str) -> list[dict[str, Any]]:
    hints, texts = hints_of(type(settings)), field_texts(type(settings))
    shown = []
    for name in fields(type(settings)):
        kind, values = _kind(hints[name])
        value = getattr(settings, name)
        shown.append(
            {
                "name": name,
                "group": group,
                "kind": kind,
                "values": list(CELLS) if name == "cell" else values,
                "default": "" if value in (None, ()) else value if isinstance(value, bool) else _written(value),
                "help": texts.get(name, ""),
                "first": name in FIRST or name in BUDGETS,
                "budget": name in BUDGETS,
            }
        )
    return shown


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _kind(hint: Any) -> tuple[str, list[str]]:
    """The kind of an option's values, flag, number, choice or text, and the values of a choice."""
    if get_origin(hint) is Annotated:
        return _kind(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return "choice", [str(value) for value in get_args(hint)]
    parts = [part for part in get_args(hint) if part not in (NoneType, ...)]
    if parts and get_origin(hint) is not tuple:
        kinds = [_kind(part) for part in parts]
        return kinds[0] if len({kind for kind, _ in kinds}) == 1 else ("text", [])
    return {bool: "flag", int: "number", float: "number"}.get(hint, "text"), []
