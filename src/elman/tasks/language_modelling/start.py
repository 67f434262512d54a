"""Saved language models from which other models start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import msgspec
from jaxtyping import PRNGKeyArray

from elman import artefact
from elman._errors import ConfigError
from elman.tasks.language_modelling.readers import LanguageReader, LanguageReaders
from elman.tasks.language_modelling.task import LanguageModelling
from elman.tasks.load import check_finite, task_of, trusted_parts_of
from elman.words.vocabulary import AnyVocabulary


class LanguageModels(NamedTuple):
    """Language models that read the same tokens."""

    settings: tuple[str, ...]
    """The settings of each model's task, as JSON."""
    vocabulary: AnyVocabulary
    weights: tuple[artefact.Arrays, ...]

    @property
    def imports(self) -> tuple[str, ...]:
        """The import paths of cells of a user's own."""
        return tuple(name for settings in self.settings for name in _task(settings).imports)


def open_language_models(places: Sequence[str]) -> LanguageModels:
    """Opens the language models saved at `places`.

    Raises:
        ArtefactError: no artefact, or a damaged one.
        ConfigError: a model of another task, or with another vocabulary than the first.
    """
    return _open(tuple((place, _changed(Path(place))) for place in places))


def readers_of(
    settings: Sequence[str], vocabulary: AnyVocabulary, *, input_dropout: float, dropout: float, key: PRNGKeyArray
) -> LanguageReaders:
    """Readers with the structure of saved language models, with random weights and the given dropout."""
    return LanguageReaders(
        [
            LanguageReader(
                msgspec.structs.replace(task, input_dropout=input_dropout, dropout=dropout).network(vocabulary, key=k),
                reverse=task.reverse,
            )
            for task, k in zip(map(_task, settings), jax.random.split(key, len(settings)), strict=True)
        ]
    )


def start_readers(readers: LanguageReaders, models: LanguageModels) -> LanguageReaders:
    """The `readers` that `readers_of` built for `models`, with the weights of `models`."""
    started = []
    for text, arrays in zip(models.settings, models.weights, strict=True):
        task = _task(text)
        model = artefact.fill(task.shapes(models.vocabulary), arrays, what="the language model")
        started.append(LanguageReader(model, reverse=task.reverse))
    return jax.tree.unflatten(jax.tree.structure(readers), jax.tree.leaves(LanguageReaders(started)))


@lru_cache(maxsize=1)
def _open(places: tuple[tuple[str, int], ...]) -> LanguageModels:
    saved = [(Path(place), artefact.read(Path(place))) for place, _ in places]
    models = [trusted_parts_of(place, one) for place, one in saved]
    for (place, one), model in zip(saved, models, strict=True):
        if not isinstance(model.task, LanguageModelling):
            kind = one.model["task"]["type"]
            raise ConfigError(f"start_from: {place} is a model for {kind}; expected a language model")
        check_finite(place / artefact.WEIGHTS, one.weights)
        if model.codec != models[0].codec:
            raise ConfigError(
                f"start_from: {places[0][0]} and {place} have different vocabularies; train both on the same text "
                "with the same settings, but for reverse"
            )
    return LanguageModels(
        tuple(msgspec.json.encode(one.model["task"]).decode() for _, one in saved),
        models[0].codec,
        tuple(one.weights for _, one in saved),
    )


def _changed(place: Path) -> int:
    manifest = place / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0


def _task(settings: str) -> LanguageModelling:
    try:
        values = msgspec.json.decode(settings, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ConfigError(f"language_models: {error}") from None
    kind = values.pop("type", None)
    if kind != "LanguageModelling":
        raise ConfigError(f"language_models: expected the settings of a language model; got those of {kind!r:.80}")
    return task_of(LanguageModelling, values)
