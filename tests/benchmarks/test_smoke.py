"""Every benchmark runs: with tiny sizes, all its parts."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = [
    script.name
    for script in sorted(FOLDER.glob("*.py"))
    if 'if __name__ == "__main__":' in script.read_text() and script.name != "tables.py"
]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_smoke(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), "--smoke"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert f"`python benchmarks/{script} --smoke`" in done.stdout or "left out" in done.stdout, done.stdout
    assert not list(tmp_path.iterdir()), "a benchmark leaves nothing behind where it is run"
