"""`elman generate`."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from elman._errors import ConfigError
from elman._types import Unknown, WeightFormat
from elman.cli._parse import call
from elman.cli._weights import in_format, say_cost
from elman.tasks.decoding import Sampling


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "generate", arguments)


def main(
    model: tyro.conf.Positional[Path],
    /,
    prime: str = "",
    length: int = 500,
    stop: str = "",
    samples: int = 1,
    unknown: Unknown = "error",
    weights: WeightFormat = "float32",
    sampling: Sampling = Sampling(),
) -> int:
    """Generate text that continues a prime.

    Args:
        model: A saved model.
        prime: The text to continue; it is printed first. An empty one counts as a line end.
        length: Number of tokens to generate: characters, bytes or words.
        stop: The text before which to end.
        samples: Number of texts to generate, in one batch.
        unknown: skip leaves out characters of the prime that the model does not know.
        weights: Format of the weights: bfloat16 and int8 are rounded, and faster.
        sampling: How each token is chosen.
    """
    from elman.tasks.fitted import TextGenerator
    from elman.tasks.load import load

    fitted = load(model)
    if not isinstance(fitted, TextGenerator):
        raise ConfigError(f"{model}: no language model, so it generates no text; run elman predict {model} FILE")
    fitted = in_format(fitted, weights)
    say_cost("generate", model, weights)
    options = {"length": length, "stop": stop, "unknown": unknown, **sampling.to_builtins()}
    if samples == 1:
        pieces = fitted.stream(prime, **options)
        sys.stdout.write(prime)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        return 0
    for number, text in enumerate(fitted.samples(prime, count=samples, **options), start=1):
        print(f"--- {number}\n{prime}{text}")
    return 0
