"""Learning rates for parts of a model: frozen parts, discriminative rates and gradual unfreezing (Howard and Ruder,
2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from elman._errors import ConfigError, nearest


def rates_by_weight(model: Any, rates: Mapping[str, float]) -> Any:
    """A factor of the learning rate for every weight of `model`, from factors for parts by name. If two parts hold a
    weight, the longer name counts; a weight in none has factor 1.

    >>> model = {"embedding": {"table": np.ones(2)}, "head": {"bias": np.ones(3)}}
    >>> jax.tree.map(float, rates_by_weight(model, {"embedding": 0.0}))
    {'embedding': {'table': 0.0}, 'head': {'bias': 1.0}}

    Raises:
        ConfigError: a name that is not a part of the model.
    """
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(model)]
    for part in rates:
        if not any(_holds(part, name) for name in names):
            raise ConfigError(f"rates: the model has no part {part!r}{nearest(part, names)}; it has {', '.join(names)}")

    def factor(name: str) -> np.float32:
        parts = [part for part in rates if _holds(part, name)]
        return np.float32(rates[max(parts, key=len)] if parts else 1.0)

    return jax.tree.unflatten(jax.tree.structure(model), map(factor, names))


def _holds(part: str, name: str) -> bool:
    return name == part or name.startswith(part + ".")
