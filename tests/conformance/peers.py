"""Peers as oracles: imported where `scripts/test --peers` installed them, else the test is skipped with the reason."""

import importlib
import os

import pytest


def peer(name):
    if os.environ.get("ELMAN_PEERS"):
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"needs {name}: scripts/test --peers")
