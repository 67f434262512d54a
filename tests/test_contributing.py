"""CONTRIBUTING.md followed literally: its files in a folder, and what it says to run, as processes of their own."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.test_docs import ROOT, blocks

PAGE = ROOT / "CONTRIBUTING.md"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH")))),
}
FILES = {"fading", "sums", "toy", "check_fading", "check_toy"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the page shows; each block of Python names its own in its first line."""
    for language, code in blocks(PAGE):
        if language == "python":
            (tmp_path / re.match(r"# (\w+\.py)\n", code)[1]).write_text(code)  # ty: ignore[not-subscriptable]
    assert {file.stem for file in tmp_path.glob("*.py")} == FILES
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


def call(folder, *command):
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_format_is_read_from_files_and_compressed_ones(folder):
    from sums import Sum, read_sums  # ty: ignore[import-not-found]
    from toy import Toy  # ty: ignore[import-not-found]

    import elman

    assert next(read_sums(["3 -1 4 = 6"])) == Sum((3, -1, 4), 6)
    with gzip.open("lines.txt.gz", "wt") as file:
        file.writelines(f"{n} 1 = {n + 1}\n" for n in range(20))
    data = Toy().read("lines.txt.gz")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 2, 2]
    Path("wrong.txt").write_text("1 2 = 3\none = 1\n")
    with pytest.raises(elman.DataError, match=r"wrong\.txt, line 2: expected numbers, = and their sum; got 'one = 1'"):
        Toy().read("wrong.txt")


def test_the_task_is_short(folder):
    lines = [
        line for line in (folder / "toy.py").read_text().splitlines() if line and not line.startswith(("from", "im"))
    ]
    assert len(lines) <= 75


def test_the_commands_train_the_task_and_the_cell_and_predict(folder):
    (commands,) = (code for language, code in blocks(PAGE) if language == "bash" and "toy:Toy" in code)
    said = call(folder, "bash", "-ec", commands)
    ending = r"^numbers\.elman: validation loss \d\.\d{4} per line at step \d+ of \d+\n(.*\n)*took .*\n-?\d+\.\d\d\n"
    assert re.search(ending, said), said
    assert "numbers.elman: 7 files whole" in said
    assert re.search(r"^fading\.elman: validation loss ", said, re.MULTILINE)

    import elman

    fitted = elman.load("numbers.elman")
    assert fitted.task.to_builtins()["type"] == "toy:Toy"
    assert elman.load("fading.elman").task.cell == "fading:Fading"
    from sums import Sum  # ty: ignore[import-not-found]

    (answer,) = fitted.predict([Sum((3.0, -1.0, 4.0), 0.0)])
    (printed,) = re.findall(r"^(-?\d+\.\d\d)$", said, re.MULTILINE)
    np.testing.assert_allclose(answer, float(printed), atol=0.011)


@pytest.mark.slow
@pytest.mark.parametrize("check", ["check_fading", "check_toy"])
def test_the_cell_and_the_task_pass_their_checks(folder, check):
    """The task's check saves, loads, kills a run and resumes it bit for bit."""
    call(folder, sys.executable, f"{check}.py")
