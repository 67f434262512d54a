"""constraints.txt pins what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
EXTRAS = PROJECT["project"]["optional-dependencies"]
TOOLS = {"docs", "dev", "peers"}  # for work on elman itself; it imports none of them


def asked():
    lines = PROJECT["project"]["dependencies"] + [line for extra in EXTRAS.values() for line in extra]
    return {one.name.lower(): one for one in map(Requirement, lines) if one.name != "elman"}


@pytest.mark.parametrize("name", [*asked(), *PROJECT["build-system"]["requires"]])
def test_what_is_installed_has_one_version_that_is_allowed(name):
    assert name in PINNED, f"{name}: put the version that the suite passed with into constraints.txt"
    assert PINNED[name] in asked().get(name, Requirement(name)).specifier


def test_versions_are_of_all_machines():
    assert not [pin for pin in PINNED.values() if "+" in pin]
    assert PINNED["jax"] == PINNED["jaxlib"]
    assert PINNED["torch"] == "2.13.0"


def test_every_extra_has_code_and_is_explained():
    sources = "".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    for extra in EXTRAS.keys() - TOOLS:
        for requirement in map(Requirement, EXTRAS[extra]):
            module = requirement.name.replace("-", "_")
            assert re.search(rf'^ *(import|from) {module}\b|="{module}"', sources, re.M), f"no code uses {module}"
    page = (ROOT / "docs" / "getting-started.md").read_text()
    assert not [extra for extra in EXTRAS if f"`{extra}`" not in page]
    texts = "".join(page.read_text() for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
    named = {
        extra for group in re.findall(r"(?:elman|\.)\[([a-z, ]+)\]'", texts + sources) for extra in group.split(",")
    }
    assert EXTRAS.keys() - TOOLS <= named <= EXTRAS.keys()
