"""Tests of the requirements that every lesson meets."""

from pathlib import Path

import pytest

from elman.lessons import lessons

EVERY = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)


@EVERY
def test_a_lesson_has_a_test_says_what_one_must_know_and_what_to_try_next(lesson):
    assert Path(__file__).with_name(f"test_{lesson.name}.py").exists()
    script = lesson.path.read_text()
    assert script.startswith(f"# %% [markdown]\n# # {lesson.title}\n")
    assert "**You need**" in script
    assert script[script.rindex("\n# ## ") :].startswith("\n# ## Try next\n")


def test_numbers_are_unique_and_the_first_is_one():
    numbers = [int(lesson.name[:2]) for lesson in lessons()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


@EVERY
def test_a_lesson_opens_as_a_notebook(lesson):
    jupytext = pytest.importorskip("jupytext")
    script = lesson.path.read_text()
    notebook = jupytext.reads(script, fmt="py:percent")
    cells = [cell.cell_type for cell in notebook.cells]
    assert cells[0] == "markdown"
    assert cells.count("code") == script.count("# %%\n")
    assert notebook.cells[0].source.startswith(f"# {lesson.title}\n")
    assert jupytext.writes(notebook, fmt="ipynb").startswith("{")
