"""The optimisers of `Training`, built from optax. Their updates are for a learning rate of 1; the step scales them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from elman.training.settings import Training


def make_optimiser(settings: Training) -> optax.GradientTransformation:
    """Builds clipping by global norm, followed by the optimiser.

    AdamW's second-moment decay of 0.99 (not 0.999) suits runs of a few thousand steps.
    """
    match settings.optimiser:
        case "adamw":
            rule = optax.adamw(1.0, b1=0.9, b2=0.99, weight_decay=settings.weight_decay, mask=_matrices)
        case "sgd":
            momentum = 0.9 if settings.momentum is None else settings.momentum
            decay = optax.add_decayed_weights(settings.weight_decay, mask=_matrices)
            rule = optax.chain(decay, optax.sgd(1.0, momentum=momentum or None))
        case "muon":
            from optax import contrib  # imported here: it loads several packages

            matrices = _muon_matrices(contrib.MuonDimensionNumbers(0, 1))
            rule = optax.chain(
                # 0.25 is 0.005, AdamW's own default, where Muon's is 0.02.
                contrib.muon(1.0, adam_b2=0.99, adam_learning_rate=0.25, muon_weight_dimension_numbers=matrices),
                # Muon's own decay also shrinks vectors, and shrinks the matrices that are left to AdamW less.
                optax.add_decayed_weights(-settings.weight_decay, mask=_matrices),
            )
    return optax.chain(_clip(settings.clip), rule) if settings.clip else rule


def _clip(largest: float) -> optax.GradientTransformation:
    """`optax.clip_by_global_norm` by one factor, which the optimiser's own operations take in: a division of each
    gradient would be written to memory first."""

    def clipped(gradient: Any, _: Any) -> Any:
        factor = jnp.minimum(1.0, largest / optax.tree.norm(gradient))
        return jax.tree.map(lambda slope: slope * factor.astype(slope.dtype), gradient)

    return optax.stateless(clipped)


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _muon_matrices(axes: Any) -> Any:
    """Selects the matrices for Muon: those between hidden layers. Embeddings and the output are left to AdamW (Jordan
    et al., 2024)."""

    def choose(params: Any) -> Any:
        def of(path: tuple, leaf: Any) -> Any:
            name = jax.tree_util.keystr(path)
            return axes if leaf.ndim == 2 and "embedding" not in name and "head" not in name else None

        return jax.tree_util.tree_map_with_path(of, params)

    return choose
