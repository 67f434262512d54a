"""Every code block of the README and the docs runs, in order, a page at a time; budgets are shortened first.

`tests/test_contributing.py` follows CONTRIBUTING.md.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEVER_RUN = ("console",)  # the two commands of the README; .ci/run runs both
SHORT = [
    (re.compile(r"minutes=[\d.]+"), "minutes=0.01"),
    (re.compile(r"--minutes [\d.]+"), "--minutes 0.01"),
    (re.compile(r"--length \d+"), "--length 20"),
]


def blocks(page):
    return [(language, code) for language, code in BLOCK.findall(page.read_text()) if language not in NEVER_RUN]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    from elman.formats.text import TextSource

    text = "".join(TextSource.embedded().characters())
    data = os.environ.get("ELMAN_DATA")
    nietzsche = (Path(data) / "text" / "nietzsche.txt").read_text() if data else text
    (tmp_path / "nietzsche.txt").write_text(nietzsche)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {"__name__": "__main__"}
    for language, code in blocks(page):
        for long, short in SHORT:
            code = long.sub(short, code)
        if language == "python":
            # A block that begins with a file's name is that file, which later blocks import.
            if name := re.match(r"# (\w+\.py)\n", code):
                Path(name[1]).write_text(code)
            exec(compile(code, str(page), "exec"), names)
        elif language == "bash":
            environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
            done = subprocess.run(["bash", "-ec", code], capture_output=True, text=True, env=environment)
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        else:
            pytest.fail(f"{page.name}: a block in {language!r}; expected python, bash or one of {NEVER_RUN}")
