"""Fixtures that run each lesson in its short form, in a folder of its own.

The tests of lessons belong to the second tier, except for two quick ones: one that uses JAX, one NumPy alone.
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
    """The variables of the lesson that the test's file is named after, its output `printed`, and its `pictures`."""
    monkeypatch.chdir(tmp_path)
    lesson = find_lesson(request.path.stem.removeprefix("test_"))
    jaxtyping.config.update("jaxtyping_disable", True)  # a reader has no shape checks, which refuse NumPy's arrays
    try:
        left = run(lesson.path, short=True)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    return left | {"printed": capsys.readouterr().out, "pictures": sorted(p.stem for p in tmp_path.rglob("*.png"))}
