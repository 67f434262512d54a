import os
import sys
import types
from collections import Counter

import numpy as np
import pytest

from elman import lessons
from elman.cli.main import run
from elman.lessons import catalogue, pictures, sources

SHELL = types.SimpleNamespace(kernel=object())  # the shell of a notebook


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Two lessons of three lines, in place of the real ones."""
    for name, title in (("01_one", "The first"), ("02_two_more", "The second")):
        code = f"# %% [markdown]\n# # {title}\n# %%\nfrom elman.lessons import pace\nvalue = pace(full=9, short=1)\n"
        (tmp_path / f"{name}.py").write_text(code + "print(value)\n")
    (tmp_path / "conftest.py").write_text("")
    monkeypatch.setattr(catalogue, "_CARRIED", tmp_path)


def test_lessons_are_listed_in_reading_order(scripts, capsys):
    assert run(["lesson"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("01_one       The first\n02_two_more  The second\n")
    assert "elman lesson 01_one" in listed


@pytest.mark.parametrize("name", ["02_two_more", "two_more", "02", "2"])
def test_a_lesson_runs_by_any_of_its_names(scripts, capsys, name):
    assert run(["lesson", name]) == 0
    title, *_, value, _, pictures = capsys.readouterr().out.splitlines()
    assert title.startswith("The second: ")
    assert value == "9"
    assert pictures == "Pictures are in lesson-pictures/."


def test_a_short_run_says_so_to_the_script_and_to_no_other(scripts, capsys):
    assert run(["lesson", "1", "--short"]) == 0
    assert capsys.readouterr().out.splitlines()[-3] == "1"
    assert lessons.run(lessons.find_lesson("1").path)["value"] == 9
    assert "ELMAN_LESSON" not in os.environ


def test_another_seed_reaches_the_script_that_asks_for_one(scripts, tmp_path, capsys):
    (tmp_path / "03_three.py").write_text("# # The third\nfrom elman.lessons import seed\nprint(seed())\n")
    assert run(["lesson", "3", "--seed", "7"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == "7"
    assert lessons.seed() == 0
    assert run(["lesson", "1", "--seed", "7"]) == 2
    assert "01_one uses no seed" in capsys.readouterr().err


def test_an_unknown_lesson_names_the_nearest(scripts, capsys):
    assert run(["lesson", "two_mroe"]) == 2
    assert "did you mean 'two_more'?" in capsys.readouterr().err


def test_an_installation_without_lessons(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "_CARRIED", tmp_path)
    with pytest.raises(lessons.catalogue.ConfigError, match="no lessons in"):
        lessons.lessons()


def test_the_data_folder_that_the_environment_names_comes_first(tmp_path, monkeypatch):
    beside, named = tmp_path / "beside", tmp_path / "named"
    for folder in (beside, named):
        (folder / "text").mkdir(parents=True)
    (beside / "text" / "nietzsche.txt").write_text("beside")
    monkeypatch.setattr(sources, "_BESIDE", beside)
    monkeypatch.setenv("ELMAN_DATA", str(named))
    assert lessons.data_file("text/nietzsche.txt") == beside / "text" / "nietzsche.txt"
    (named / "text" / "nietzsche.txt").write_text("named")
    assert lessons.lesson_text() == ("named", "nietzsche.txt: 5 characters", True)


def test_without_data_the_text_that_python_carries_serves_and_the_note_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_BESIDE", tmp_path)
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    assert lessons.data_file("text/nietzsche.txt") is None
    text = lessons.lesson_text()
    assert not text.is_source
    assert len(text.characters) > 100_000
    assert "figures differ" in text.note


def test_a_picture_is_written_and_shown_where_there_is_a_notebook(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    shown = []
    display = types.SimpleNamespace(display=shown.append, Image=lambda filename: filename)
    notebook = types.SimpleNamespace(get_ipython=lambda: None, display=display, version_info=(9, 0))
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    lessons.draw_losses([2.0, 1.5], "losses")
    path = pictures.FOLDER / "losses.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not shown
    notebook.get_ipython = lambda: SHELL
    lessons.draw_losses([2.0], "losses")
    assert shown == [str(path)]


def test_the_curves_are_what_was_given(monkeypatch):
    pytest.importorskip("matplotlib")
    kept = []
    monkeypatch.setattr(pictures, "show", lambda figure, name: kept.append(figure))
    lessons.draw_losses([2.0, 1.5, 1.2], "losses")
    (here,) = kept[0].axes[0].lines
    np.testing.assert_array_equal(here.get_xydata(), [(1, 2.0), (2, 1.5), (3, 1.2)])


def test_a_legend_is_above_the_curves():
    pytest.importorskip("matplotlib")
    drawing, axes = pictures.figure()
    axes.plot([1, 2], label="one")
    axes.set_title("numbers")
    pictures.legend_above(axes)
    drawing.draw_without_rendering()
    legend = axes.get_legend()
    assert legend.get_title().get_text() == "numbers"
    assert not axes.get_title()
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1
    assert legend.get_window_extent().y1 <= drawing.bbox.y1


def test_a_network_is_drawn_step_by_step(monkeypatch):
    pytest.importorskip("matplotlib")
    kept = []
    monkeypatch.setattr(pictures, "show", lambda figure, name: kept.append(figure))
    lessons.draw_steps(["a", "b", "c"], ["", "", "d"], "steps")
    lessons.draw_steps(["a", "b", "c"], ["b", "c", "d"], "steps", start="zeros")
    for drawing, labels, colours in (
        (kept[0], "abcd", {"tab:green": 3, "tab:orange": 2, "tab:blue": 1}),
        (kept[1], ["zeros", *"abcbcd"], {"tab:green": 4, "tab:orange": 3, "tab:blue": 3}),
    ):
        texts = [text for text in drawing.axes[0].texts if text.get_text()]
        arrows = [text.arrowprops["color"] for text in drawing.axes[0].texts if not text.get_text()]
        assert sorted(text.get_text() for text in texts if text.get_text() != "state") == sorted(labels)
        assert Counter(arrows) == colours
    outputs = {text.get_text(): text.get_position()[0] for text in texts if text.get_position()[1] == 2}
    assert outputs == {"b": 1, "c": 2, "d": 3}  # over the inputs, not over the start


class Output:
    """A terminal, or a file."""

    def __init__(self, *, terminal, encoding="utf-8"):
        self.encoding, self.isatty = encoding, lambda: terminal


def test_marks_are_coloured_in_a_terminal_and_told_by_their_sign_elsewhere(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Output(terminal=True))
    assert lessons.marked("4", True) == "\033[32m☑ 4\033[0m"
    assert lessons.marked("5", False) == "\033[31m☒ 5\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert lessons.marked("4", True) == "☑ 4"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert lessons.marked("5", False) == "☒ 5"
    monkeypatch.setattr(sys, "stdout", Output(terminal=False, encoding="ascii"))
    assert (lessons.marked("4", True), lessons.marked("5", False)) == ("v 4", "x 5")
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: SHELL))
    assert lessons.marked("4", True) == "\033[32mv 4\033[0m"


def test_without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(lessons.catalogue.ConfigError, match=r"pip install 'elman\[plot\]'"):
        pictures.figure()
