"""The sdist and the wheel: what is in them, that equal sources give equal files, and that the wheel runs by itself."""

import os
import platform
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from elman.recurrence.native import build as kernels

ROOT = Path(__file__).parents[2]
LIBRARY = "elman/recurrence/native/_kernels.so"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = f"elman-{PROJECT['version']}"

# Plays a compiler that takes no minutes: what it links is the library of the checkout.
COMPILER = f"""#!/bin/sh
for last; do case "$before" in -o) out=$last;; esac; before=$last; done
for one; do [ "$one" = -shared ] && exec cp {ROOT / "src" / LIBRARY} "$out"; done
: >"$out"
"""

pytestmark = pytest.mark.slow


def built(kind, folder, target, **variables):
    """The path of a build of the sources in a folder by pip's interface."""
    call = f"import hatchling.build as b; print('built', b.build_{kind}({str(target)!r}))"
    environment = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX")} | variables
    done = subprocess.run([sys.executable, "-c", call], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheels(sdist, tmp_path_factory):
    """Wheels made from the sdist alone: two with kernels, in different folders, and one without a compiler."""
    if not (ROOT / "src" / LIBRARY).exists():
        pytest.skip("the kernels are not built: there is no C++ compiler")
    made = []
    for variables in ({}, {}, {"CXX": "no-such-compiler"}):
        folder = tmp_path_factory.mktemp("sources")
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        compiler = folder / "c++"
        compiler.write_text(COMPILER)
        compiler.chmod(0o755)
        (folder / "dist").mkdir()
        made.append(built("wheel", folder / NAME, folder / "dist", **{"CXX": str(compiler), **variables}))
    return made


def test_the_sdist_has_all_that_a_build_needs_and_no_more(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    kernels_of = "src/elman/recurrence/native/kernels"
    needed = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt"}
    needed |= {f"{kernels_of}/{file.name}" for file in (ROOT / kernels_of).iterdir()}
    assert needed <= names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o", ".elman")) or ".venv" in name]
    assert sdist.stat().st_size < 4e6


def test_the_wheel_has_the_package_its_kernels_and_its_licences(wheels):
    wheel, again, plain = wheels
    system = sysconfig.get_platform().replace("universal2", platform.machine()).replace("-", "_").replace(".", "_")
    assert wheel.name == f"{NAME}-py3-none-{system}.whl"
    assert wheel.read_bytes() == again.read_bytes()
    assert plain.name == f"{NAME}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(plain) as other:
        names = set(archive.namelist())
        assert names - set(other.namelist()) == {LIBRARY}
        record = archive.read(f"{NAME}.dist-info/RECORD").decode()
        assert "Root-Is-Purelib: false" in archive.read(f"{NAME}.dist-info/WHEEL").decode()
    assert {name.split("/")[0] for name in names} == {"elman", f"{NAME}.dist-info"}
    assert len(record.splitlines()) == len(names)
    assert str(ROOT) not in record
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert licences == set(PROJECT["license-files"])
    assert {f"elman/lessons/scripts/{one.name}" for one in (ROOT / "lessons").glob("[0-9]*.py")} <= names
    assert wheel.stat().st_size < 6e6


def test_the_kernels_name_no_folder_of_the_machine_that_built_them(tmp_path):
    (binding,) = kernels.compile_all([kernels.binding_unit()], tmp_path, ("-O0",))
    contents = binding.read_bytes()
    assert b"include/xla/ffi/api/ffi.h" in contents
    assert not [place for place in (sys.prefix, str(ROOT), str(tmp_path)) if place.encode() in contents]


def test_the_wheel_runs_where_there_is_no_compiler(wheels, tmp_path):
    """By pip, into a folder of its own, beside the libraries that are here."""
    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        site,
        wheels[0],
    ]
    subprocess.run(install, check=True)
    (tmp_path / "text.txt").write_text("the cat sat on the mat. the dog ate the hat.\n" * 40)
    environment = os.environ | {"PYTHONPATH": str(site), "PATH": str(site / "bin")}

    def elman(*arguments):
        command = [sys.executable, site / "bin" / "elman", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    home = [sys.executable, "-c", "import elman; print(elman.__file__, elman.__version__)"]
    told = subprocess.run(home, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(site / "elman" / "__init__.py"), PROJECT["version"]]
    assert re.search(r"^  LSTM +native ", elman("info"), re.MULTILINE)
    elman("train", "text.txt", "--steps", "10", "--hidden-size", "8", "--out", "model.elman")
    assert elman("generate", "model.elman", "--prime", "the ", "--length", "9").startswith("the ")
    assert "files whole" in elman("verify", "model.elman")
    assert "01" in elman("lesson")
