"""The proof of a conversion: both sides run on the same inputs, and every layer's outputs are compared.

The inputs are random sequences of several lengths, down to one step, and edges: the first and the last token, or zeros
and numbers that saturate every gate; each is read whole and as far as its length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, ConversionError
from elman.cells import Cell
from elman.layers import Bidirectional, Dense, Embedding
from elman.layers.chain import Backward, Chain, Dropout, FrozenNorm, Masked, parts_of
from elman.layers.norm import LayerNorm

TOLERANCE = 1e-5
"""The largest difference of outputs allowed, or of outputs above 1 as a share of the layer's largest."""

ROWS, STEPS = 6, 20
"""Sequences of a trial, and their steps."""

Show = Callable[[str], Any]
"""A function that takes the lines of a proof, such as `print`."""

Outputs = Mapping[str, Any]
"""The outputs of layers, by their names."""


class Trial(NamedTuple):
    """An input of both sides."""

    name: str
    xs: np.ndarray
    lengths: np.ndarray | None


class Proof:
    """The largest difference of each layer over the trials so far."""

    def __init__(self, what: str, *, tolerance: float = TOLERANCE):
        self.what, self.tolerance = what, tolerance
        self.differences = dict[str, float]()

    def compare(self, ours: Outputs, theirs: Outputs, mask: Any = None) -> None:
        """Compares the outputs of the layers that both name, at real steps."""
        for name, expected in theirs.items():
            if name not in ours:
                continue
            a, b = np.asarray(ours[name]), np.asarray(expected)
            if a.shape != b.shape:
                raise ConversionError(f"{self.what}, {name}: outputs of shape {b.shape} there and {a.shape} in elman")
            if mask is not None and a.shape[:2] == mask.shape:
                a, b = a[np.asarray(mask)], b[np.asarray(mask)]
            self.differences[name] = max(self.differences.get(name, 0.0), _difference(a, b))

    def check(self, show: Show | None = None) -> None:
        """Shows the differences.

        Raises:
            ConversionError: one is above the tolerance, or there is nothing to compare.
        """
        if not self.differences:
            raise ConversionError(f"{self.what}: no layer could be compared")
        if show is not None:
            width = max(map(len, self.differences))
            show(f"{self.what}: the greatest difference of each layer")
            for name, difference in self.differences.items():
                show(f"  {name:<{width}}  {difference:.1e}")
        worst = max(self.differences, key=lambda name: self.differences[name])
        if not self.differences[worst] <= self.tolerance:
            raise ConversionError(
                f"{self.what}: {worst} differs by {self.differences[worst]:.1e}, more than the {self.tolerance:g} that "
                "rounding explains; nothing was written"
            )


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    if not a.size:
        return 0.0
    worst = np.abs(a - b).max() / max(1.0, float(np.abs(b).max()))
    return float(worst) if np.isfinite(worst) else float("inf")


def input_size(chain: Chain) -> tuple[bool, int]:
    """True for a chain that reads tokens, and the number of tokens or of features that it reads.

    Raises:
        ConfigError: a chain of which no part tells.
    """
    for _, part in parts_of(chain):
        match part:
            case Embedding():
                return True, len(part.table)
            case Cell() | Bidirectional():
                return False, part.input_size
            case Backward():
                return False, part.cell.input_size
            case Dense():
                return False, len(part.kernel)
            case LayerNorm():
                return False, len(part.scale)
            case FrozenNorm():
                return False, len(part.norm.scale)
    raise ConfigError("the network has no layer with weights, which would tell the size of its inputs")


def trials(chain: Chain) -> list[Trial]:
    """The inputs that a conversion is tried with: a batch with lengths, or with holes for a chain that makes its own
    mask; and the same batch whole. All have one shape, so that few programs are compiled."""
    tokens, size = input_size(chain)
    random = np.random.default_rng(0)
    if tokens:
        xs = random.integers(0, size, (ROWS, STEPS)).astype(np.int32)
        xs[-2], xs[-1] = 0, size - 1
    else:
        xs = random.normal(size=(ROWS, STEPS, size)).astype(np.float32)
        xs[-2], xs[-1] = 0, 30 * xs[-1]
    masked = next((part for _, part in parts_of(chain) if isinstance(part, Masked)), None)
    if masked is None:
        lengths = np.array([STEPS, 7, 1, 4, 5, STEPS], np.int32)
        return [Trial("several lengths", xs, lengths), Trial("whole", xs, None)]
    value, holes = np.asarray(masked.value, xs.dtype), random.random((ROWS, STEPS)) < 0.4
    xs = np.where(xs == value, value + 1, xs).astype(xs.dtype)
    holes[0, 0], holes[1, 7:], holes[:, 3] = True, True, False  # at the start, at the end; one step is real
    return [Trial("holes", np.where(holes if tokens else holes[..., None], value, xs), None), Trial("whole", xs, None)]


def outputs_of(chain: Chain, trial: Trial) -> tuple[dict[str, np.ndarray], Any]:
    """The outputs of a chain's parts by name, and the mask of real steps before any pooling."""
    lengths = None if trial.lengths is None else jnp.asarray(trial.lengths)
    with jax.default_matmul_precision("highest"):
        outputs = _outputs(chain, jnp.asarray(trial.xs), lengths)
    mask = None if lengths is None else np.arange(trial.xs.shape[1]) < np.asarray(trial.lengths)[:, None]
    for part in chain.parts:
        if isinstance(part, Masked):
            mask = np.asarray(part.mask(jnp.asarray(trial.xs)))
    named = zip(chain.names, chain.parts, outputs, strict=True)
    return {name: np.asarray(ys) for name, part, ys in named if not isinstance(part, Dropout | Masked)}, mask


@jax.jit
def _outputs(chain: Chain, xs: Any, lengths: Any) -> list[Any]:
    return chain.run(xs, lengths=lengths).outputs
