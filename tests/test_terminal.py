"""Text on terminals: no line is broken within a word, and what is no terminal gets lines as they are."""

import contextlib
import io
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman._terminal import fold, fold_table, is_plain, say
from elman.cli import main
from elman.training.events import Compiling, Stepped
from elman.training.reporters import _ProgressLine
from tests.cli.commands import ELMAN

ARTEFACTS = Path(__file__).parent / "artefacts"
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal; its width is that of `COLUMNS`."""

    def isatty(self):
        return True


def shown(monkeypatch, columns, *arguments):
    """The lines that a command writes on a terminal of this width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    out, err = Terminal(), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
        main.run(list(map(str, arguments)))
    return CODES.sub("", out.getvalue() + err.getvalue()).splitlines()


@given(st.lists(st.text("ab ", min_size=1), min_size=1), st.integers(20, 90))
def test_folded_lines_have_the_same_words(words, width):
    text = "\n".join(words)
    folded = fold(text, width, indent="  ")
    assert folded.split() == text.split()
    assert all(len(line) < width or " " not in line.strip() for line in folded.splitlines())
    assert fold(text, None) == text


def test_a_table_is_folded_between_columns():
    rows = [
        "  beat  R sample  kind   PR ms  QRS ms",
        "     1        90     N     144     108H",
        "    12      1090     N       -     100",
    ]
    assert fold_table(rows, 80) == fold_table(rows, None) == rows
    folded = fold_table(rows, 32)
    assert folded[:2] == [row[:30] for row in rows[:2]]
    assert [line.split() for line in folded[3:]] == [["beat", "QRS", "ms"], ["1", "108H"], ["12", "100"]]


@pytest.mark.parametrize(("term", "plain"), [("xterm-256color", False), ("dumb", True), ("", True)])
def test_a_dumb_terminal_has_no_cursor(monkeypatch, term, plain):
    monkeypatch.setenv("TERM", term)
    assert is_plain(Terminal()) == plain
    assert is_plain(io.StringIO())


def test_files_and_pipes_get_whole_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        say("validation accuracy 82.86%, 1.0394 nats per word", stream)
    assert len(file.getvalue().splitlines()) == 1
    assert len(terminal.getvalue().splitlines()) == 3


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("predict", "--help"),
        ("train", "--hlep"),
        ("predict", ARTEFACTS / "ecg" / "model", ARTEFACTS / "ecg" / "strip.hea"),
        ("info", ARTEFACTS / "tagging" / "model"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments))[:16],
)
def test_no_line_is_wider_than_the_terminal(monkeypatch, columns, arguments):
    lines = shown(monkeypatch, columns, *arguments)
    assert lines
    assert max(map(len, lines)) <= max(columns, 78 if "info" in arguments else 0)
    wide = " ".join(" ".join(lines).split())
    assert all(word in wide for word in {"--help": ["Predict labels,"], "info": ["trained"]}.get(str(arguments[0]), []))


def test_the_line_of_a_training_leaves_out_what_has_no_room():
    line = _ProgressLine()
    assert line.text_in(5) == "building the model"
    line.changes(Stepped(1, 0.5, 0.5, 1.0, 1.0, 0.01, 20000.0, 10.0))
    assert line.text_in(200) == line.text
    assert "nats" in line.text_in(45)
    assert all(len(line.text_in(room)) <= room for room in range(18, 90))
    line.changes(Compiling("the evaluation"))
    assert "compiling the evaluation" in line.text_in(30)


def test_colours_are_left_out_where_nobody_wants_them():
    """In a real terminal."""
    for more, codes in (({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, True)):
        written = on_terminal(*ELMAN, "verify", "--help", **{"TERM": "xterm"} | more)
        assert ("\x1b[" in written) == codes
        assert "MODEL" in written


def on_terminal(*command, folder=None, **environment):
    """The text that a command writes on a real terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        command, stdout=child, stderr=child, stdin=child, cwd=folder, env=os.environ | environment
    )
    os.close(child)
    pieces = []
    with contextlib.suppress(OSError):  # Linux reports the end so
        while piece := os.read(parent, 1 << 16):
            pieces.append(piece)
    process.wait()
    os.close(parent)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("arguments", [["train", b"caf\xe9.txt"], ["train", "--help"], ["predict", "café [red].elman"]])
def test_no_encoding_is_surprised(tmp_path, arguments):
    ascii = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    for environment in (ascii, {"PYTHONIOENCODING": "cp1252"}):
        done = subprocess.run(
            [*ELMAN, *arguments], cwd=tmp_path, env=os.environ | environment, capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode == (0 if "--help" in arguments else 2)
        assert not re.search(rb"[\x1b\r]", done.stdout + done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_training_on_a_real_terminal(tmp_path, term):
    name = "a[bold]b.txt"
    (tmp_path / name).write_text("the cat sat on the mat. " * 200)
    sizes = ["--hidden-size", "8", "--embedding-size", "4", "--batch-size", "2", "--unroll-length", "16"]
    command = [*ELMAN, "train", name, "--out", "a[red].elman", "--steps", "20", *sizes]
    written = on_terminal(*command, folder=tmp_path, TERM=term, COLUMNS="80")
    lines = [part for line in CODES.sub("", written).split("\r\n") for part in line.split("\r")]
    assert max(map(len, lines)) <= 80
    assert "a[red].elman: validation" in " ".join(" ".join(lines).split())
    assert ("\x1b" in written) == (term == "xterm")
    assert ("\r" in written.replace("\r\n", "")) == (term == "xterm")
