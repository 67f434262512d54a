"""The first look at a command line, before the task or the model says which options there are."""

from typing import get_type_hints

import pytest

from elman.cli._parse import FirstLook, _is_flag
from elman.cli.train import _look
from elman.tasks.registry import TASKS, find_settings


@pytest.mark.parametrize(
    ("arguments", "files", "options"),
    [
        ("", (), {}),
        ("- --seed -1", ("-",), {"seed": "-1"}),
        ("--lower a.txt", ("a.txt",), {"lower": ""}),
        ("--no-lower a.txt --hidden_size 3 b.txt", ("a.txt", "b.txt"), {"no_lower": "", "hidden_size": "3"}),
        ("--resume --out x.elman a.txt", ("a.txt",), {"resume": "", "out": "x.elman"}),
        ("--target=a --target b c.csv", ("c.csv",), {"target": "b"}),
        ("--typo --force a.txt", ("a.txt",), {"typo": "", "force": ""}),
        ("a.txt -h --help", ("a.txt",), {"help": ""}),
        ("a.txt --out", ("a.txt",), {"out": ""}),
    ],
)
def test_files_and_options_are_told_apart(arguments, files, options):
    assert _look(arguments.split()) == FirstLook(files, options)


def test_flags_are_those_of_the_named_task_also_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "own_flags.py").write_text(
        "from elman.tasks.settings import TaskSettings\n"
        "class Own(TaskSettings, frozen=True, kw_only=True):\n    loud: bool = False\n    lower: str = ''\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    look = _look(["--task", "own_flags:Own", "--loud", "a.txt", "--lower", "x"])
    assert look == FirstLook(("a.txt",), {"task": "own_flags:Own", "loud": "", "lower": "x"})


def test_no_option_is_a_flag_of_one_task_and_has_a_value_in_another():
    tasks = [find_settings(name) for name in TASKS]
    settings = [*tasks, *(kind.options for kind in tasks if kind.options)]
    hints = [hint for kind in settings for hint in get_type_hints(kind).items()]
    flags = {name for name, type_ in hints if _is_flag(type_)}
    assert flags
    assert not flags & {name for name, type_ in hints if not _is_flag(type_)}
