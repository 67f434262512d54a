"""docs/architecture.md shows the code as it is: its picture is drawn anew, its walk is traced."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import elman
from tests.recurrence.kernels import needs_kernels

ROOT = Path(__file__).parents[2]
TRACE = """
import sys
from pathlib import Path
root, calls = sys.argv[1], {}
def note(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(root):
        calls.setdefault((Path(code.co_filename).relative_to(root).as_posix(), code.co_qualname))
from elman.cli.main import run
sys.setprofile(note)
code = run(["train", "a.txt", "--steps", "20", "--hidden-size", "8", "--lines"])
sys.setprofile(None)
print("", *(" ".join(call) for call in calls), sep="\\n")
sys.exit(code)
"""


def test_the_picture_is_that_of_the_code():
    script = runpy.run_path(str(ROOT / "scripts" / "architecture.py"))
    assert script["PICTURE"].read_text() == script["picture"](), "run python scripts/architecture.py"


@needs_kernels
def test_the_walk_is_that_of_a_run(tmp_path):
    walk = re.findall(r"^\| `(\S+\.py)`<br>`(\S+)` \|", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    (tmp_path / "a.txt").write_text("All happy families are alike. " * 200)
    program = [sys.executable, "-c", TRACE, Path(elman.__file__).parent]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    calls = [tuple(line.split()) for line in done.stdout.splitlines()]
    assert len(walk) > 30
    assert [step for step in calls if step in walk] == walk
