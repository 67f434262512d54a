"""`elman verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from elman._errors import quantity
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "verify", arguments)


def main(model: tyro.conf.Positional[Path], /) -> int:
    """Check a saved model: every file's checksum, and equal results however the input is cut or batched. A module of
    your own is only imported with --trust.

    Args:
        model: A saved model.
    """
    from elman.inspection.verify import TOLERANCE, verify

    verification = verify(model)
    if verification.untrusted:
        print(f"{model}: {quantity(verification.files, 'file')} whole; nothing was computed: {verification.untrusted}")
        return 0
    print(f"{model}: {quantity(verification.files, 'file')} whole; log-probabilities differ at most by")
    for name, difference in verification.differences.items():
        print(f"  {difference:.1e}  {name}")
    if not verification.agrees:
        print(f"elman verify: more than the {TOLERANCE:g} that rounding explains", file=sys.stderr)
        return 1
    return 0
