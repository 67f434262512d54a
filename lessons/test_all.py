"""Tests of the requirements that every lesson meets."""

import re
from pathlib import Path

import pytest

from elman.lessons import lessons

COMMANDS = re.findall(
    r"\w+",
    """aligned begin beta bmatrix cdot cdots cos delta dots end eta frac gamma lVert left leftarrow ln mathrm max min
    odot partial pi qquad rVert right sigma sqrt sum tanh text tfrac times top varepsilon""",
)
"""The names of LaTeX that the lessons use, all of which MathJax and KaTeX know."""

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


def formulas(script):
    """The formulas of a lesson's texts, without their dollars; and the texts without them and without code."""
    cells = script.split("# %%")
    texts = "".join(cell for cell in cells if cell.startswith(" [markdown]")).replace("\n#", "\n")
    texts = re.sub(r"`[^`\n]*`", "", texts)
    pattern = r"\$\$(.+?)\$\$|\$(.+?)\$"
    return ["".join(found) for found in re.findall(pattern, texts, re.S)], re.sub(pattern, "", texts, flags=re.S)


@EVERY
def test_formulas_are_latex_and_balanced(lesson):
    maths, rest = formulas(lesson.path.read_text())
    assert "$" not in rest
    assert not re.search(r"^ {5,}[a-z]\w* = ", rest, re.M), "a formula that is no LaTeX"
    for formula in maths:
        assert len(re.findall(r"(?<!\\){", formula)) == len(re.findall(r"(?<!\\)}", formula)), formula
        assert re.findall(r"\\begin{(\w+)}", formula) == re.findall(r"\\end{(\w+)}", formula), formula
        assert len(re.findall(r"\\left\b", formula)) == len(re.findall(r"\\right\b", formula)), formula
        assert set(re.findall(r"\\([A-Za-z]+)", formula)) <= set(COMMANDS), formula
        assert not re.search(r"\n\s*\n", formula), formula


@EVERY
def test_a_lesson_links_the_glossary_and_argues_with_no_text_that_nobody_has(lesson):
    script = lesson.path.read_text()
    assert script.count("[glossary](../docs/glossary.md)") == 1
    assert not re.search(
        r"\bprinted (\w+ )?(lesson|run|network|formula)|as printed|the (sheet|slides|lecture)\b", script
    )
