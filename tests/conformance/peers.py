"""Peers as oracles: imported where `scripts/test --all` installed them, else the test is skipped with the reason."""

import importlib
import os

import pytest

from elman import cells


def peer(name):
    if os.environ.get("ELMAN_ALL"):
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"needs {name}: scripts/test --all")


def cell_class(name):
    """A cell of elman that a peer's case needs; the case fails where it is missing."""
    return getattr(cells, name, None) or pytest.fail(f"elman.cells has no {name}, which this case needs")
