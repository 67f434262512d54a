"""constraints.txt pins what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
INSTALLED = ["docs", "subwords", "metrics", "plot", "dev", "peers"]


def asked():
    extras = PROJECT["project"]["optional-dependencies"]
    lines = PROJECT["project"]["dependencies"] + [line for extra in INSTALLED for line in extras[extra]]
    return {one.name.lower(): one for one in map(Requirement, lines) if one.name != "elman"}


@pytest.mark.parametrize("name", [*asked(), *PROJECT["build-system"]["requires"]])
def test_what_is_installed_has_one_version_that_is_allowed(name):
    assert name in PINNED, f"{name}: put the version that the suite passed with into constraints.txt"
    assert PINNED[name] in asked().get(name, Requirement(name)).specifier


def test_versions_are_of_all_machines():
    assert not [pin for pin in PINNED.values() if "+" in pin]
    assert PINNED["jax"] == PINNED["jaxlib"]
    assert PINNED["torch"] == "2.13.0"
