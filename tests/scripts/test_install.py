"""`scripts/install` in a copy of what it reads, with a Python whose venv and pip are played."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = ["pyproject.toml", "constraints.txt", "hatch_build.py", "scripts/install", "scripts/test", "scripts/demo"]
NATIVE = "src/elman/recurrence/native"

# Answers as a Python of version $VERSION; `-m venv` puts it into an environment, `-m pip` notes its call in `calls`.
PLAYED = """#!/usr/bin/env bash
case "$*" in
    "-c "*_base_executable*) echo "$FAKES/python3" ;;
    "-c "*version_info*:2*) echo "${VERSION//./ }" ;;
    "-c "*) [ "$VERSION" != 3.10 ] ;;
    -V) echo "Python $VERSION.1" ;;
    "-m venv"*)
        [ -z "${NO_VENV:-}" ] || { echo "/usr/bin/python3: No module named venv"; exit 1; }
        rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >>calls ;;
    "-m pip"*)
        echo "pip ${*: -1}" >>calls
        case "${PIP:-}" in
            fails) echo "ERROR: Could not find a version that satisfies the requirement hatchling" >&2; exit 1 ;;
            killed) kill -KILL $PPID; exit 1 ;;
        esac
        [ -n "${NO_COMPILER:-}" ] || touch src/elman/recurrence/native/_kernels.so ;;
    *) echo "unforeseen: $*" >&2; exit 99 ;;
esac
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the checkout's part that matters, without an environment."""
    folder = tmp_path / "elman"
    for name in READ:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / NATIVE, folder / NATIVE, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return folder


@pytest.fixture
def run(tree, tmp_path):
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    (fakes / "python3").write_text(PLAYED)
    (fakes / "python3").chmod(0o755)

    def run(script="install", *arguments, **variables):
        environment = dict(PATH=f"{fakes}:{os.environ['PATH']}", FAKES=str(fakes), VERSION="3.12", HOME=str(tmp_path))
        command = ["bash", f"scripts/{script}", *arguments]
        return subprocess.run(command, cwd=tree, env=environment | variables, capture_output=True, text=True)

    return run


@pytest.fixture
def calls(tree):
    """The calls since the last time that it was asked."""

    def calls():
        made = (tree / "calls").read_text().splitlines() if (tree / "calls").exists() else []
        (tree / "calls").unlink(missing_ok=True)
        return made

    return calls


def test_what_is_installed_is_not_installed_again(run, calls):
    assert run().returncode == 0
    assert calls() == ["venv", "pip ."]
    assert (run().returncode, calls()) == (0, [])
    assert (run("install", "dev").returncode, calls()) == (0, ["pip .[dev]"])
    assert (run("install").returncode, calls()) == (0, [])
    assert (run("install", "peers", "dev").returncode, calls()) == (0, ["pip .[dev,peers]"])
    assert (run("install", "dev").returncode, calls()) == (0, [])


def test_other_sources_another_place_and_another_python_are_installed_anew(run, calls, tree):
    run()
    calls()
    (tree / NATIVE / "kernels" / "new.h").write_text("// new")
    assert (run().returncode, calls()) == (0, ["pip ."])
    assert (run(VERSION="3.13").returncode, calls()) == (0, ["venv", "pip ."])
    (tree / ".venv" / "made").write_text("/elsewhere python 3 13")
    assert (run(VERSION="3.13").returncode, calls()) == (0, ["venv", "pip ."])


@pytest.mark.parametrize("script", ["install", "test", "demo"])
def test_an_old_python_is_named(run, calls, tree, script):
    done = run(script, VERSION="3.10")
    assert done.returncode == 2
    assert "elman needs Python 3.11 or newer; 'python3' is Python 3.10.1. Name another with PYTHON=..." in done.stderr
    assert (calls(), (tree / ".venv").exists()) == ([], False)


def test_a_python_that_is_not_there_is_named(run):
    done = run(PYTHON="python9")
    assert done.returncode == 2
    assert "'python9' is" in done.stderr
    assert "not found" in done.stderr


@pytest.mark.parametrize("script", ["install", "test", "demo"])
def test_without_venv_the_package_is_named(run, calls, script):
    done = run(script, NO_VENV="1")
    assert done.returncode == 2
    assert "cannot make a virtual environment: /usr/bin/python3: No module named venv" in done.stderr
    assert "apt install python3-venv" in done.stderr
    assert run().returncode == 0
    assert calls() == ["venv", "pip ."]


@pytest.mark.parametrize("script", ["install", "test", "demo"])
@pytest.mark.parametrize("end", ["fails", "killed"])
def test_an_installation_that_did_not_end_is_made_again(run, calls, script, end):
    assert run().returncode == 0
    calls()
    done = run(script, VERSION="3.13", PIP=end)
    assert done.returncode
    if end == "fails":
        assert "elman is not installed: pip failed, as it says above" in done.stderr
    wanted = {"test": "pip .[dev]"}.get(script, "pip .")
    assert calls() == ["venv", wanted]
    assert (run(VERSION="3.13").returncode, calls()) == (0, ["pip ."])


def test_what_failed_to_be_added_does_not_pass_for_what_was_there(run, calls):
    run("install", "dev")
    assert run("install", "peers", PIP="killed").returncode
    calls()
    assert (run("install", "dev").returncode, calls()) == (0, ["pip .[dev]"])


def test_without_a_compiler_one_is_told_once_and_one_that_came_is_used(run, calls):
    done = run(NO_COMPILER="1", CXX="no-such-compiler")
    assert done.returncode == 0
    assert "elman goes without its native kernels, and is slower: there is no C++ compiler." in done.stderr
    calls()
    assert (run(CXX="no-such-compiler").stderr, calls()) == ("", [])
    assert (run(CXX="true").returncode, calls()) == (0, ["pip ."])


@pytest.mark.slow
def test_the_real_pip_without_a_network_is_no_installation(tree):
    environment = os.environ | {"PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    for _ in range(2):
        done = subprocess.run(["bash", "scripts/install"], cwd=tree, env=environment, capture_output=True, text=True)
        assert done.returncode == 1, done.stderr
        assert "elman is not installed: pip failed" in done.stderr
        assert not (tree / ".venv" / "installed").exists()
