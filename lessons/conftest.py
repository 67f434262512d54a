"""Lessons run in their short form, each in a folder of its own; their doctests are the lessons themselves.

They belong to the second tier, but for one of each kind: JAX, and NumPy alone.
"""

from pathlib import Path

import jaxtyping
import pytest

from elman.lessons import find_lesson, run

collect_ignore_glob = ["[0-9]*.py"]

HERE = Path(__file__).parent
QUICK = ("test_01_three_characters.py", "test_10_numpy_rnn.py")


def pytest_collection_modifyitems(items):
    for item in items:
        runs = item.path.parent == HERE and "names" in getattr(item, "fixturenames", ())
        if runs and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def names(request, tmp_path, monkeypatch, capsys):
    """What the lesson that the test's file is named after leaves behind, and `printed`, what it said."""
    monkeypatch.chdir(tmp_path)
    lesson = find_lesson(request.path.stem.removeprefix("test_"))
    jaxtyping.config.update("jaxtyping_disable", True)  # a reader has no shape checks, which refuse NumPy's arrays
    try:
        left = run(lesson.path, short=True)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    return left | {"printed": capsys.readouterr().out, "pictures": sorted(p.stem for p in tmp_path.rglob("*.png"))}
