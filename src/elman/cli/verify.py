"""`elman verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "verify", arguments)


def main(model: tyro.conf.Positional[Path], /) -> int:
    """Check a saved model: every file's checksum, and that reading whole, in chunks and step by step agree.

    Args:
        model: A saved model.
    """
    from elman.inspection.verify import TOLERANCE, verify

    found = verify(model)
    print(f"{model}: {found.files} files whole; log-probabilities differ at most by")
    print(f"  {found.chunked:.1e}  in chunks of 7 tokens")
    print(f"  {found.stepwise:.1e}  step by step")
    if not found.agrees:
        print(f"elman verify: more than the {TOLERANCE:g} that rounding explains", file=sys.stderr)
        return 1
    return 0
