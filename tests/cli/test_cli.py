"""The command line as people use it: real files, and real processes where it matters."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman import artefact
from elman.cli.main import COMMANDS
from elman.cli.main import run as run_command
from elman.tasks.registry import TASKS, option_name
from tests.cli.commands import ELMAN, run, run_alone

SMALL = [
    "--hidden-size", "12", "--embedding-size", "6", "--batch-size", "4", "--unroll-length", "16", "--evaluations", "4",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, small_text):
    (tmp_path / "cats.txt").write_text(small_text)
    return tmp_path


def test_from_a_text_to_a_talking_model(folder):
    trained = run_alone(folder, "train", "cats.txt", "--steps", "40", *SMALL)
    assert "cats.elman: validation" in trained.stdout
    assert " of 40\nbaseline, frequencies of characters: " in trained.stdout
    lines = trained.stderr.splitlines()
    assert "weights" in lines[0]
    assert "for 40 steps; engine" in lines[0]  # before the first step is compiled
    steps = [line.split(", step ")[1].split(":")[0] for line in lines if ": validation" in line]
    assert steps == ["10", "20", "30", "40"]
    assert "no better than the baseline, frequencies of characters" in lines
    assert "\r" not in trained.stderr  # no bar where there is no terminal
    took = re.sub(r"\d+:\d\d", "T", trained.stdout.splitlines()[-1])
    assert took == "took T: T of steps and T of evaluations, T of compiling, T of reading, preparing and saving"
    first = run_alone(folder, "generate", "cats.elman", "--prime", "the cat", "--length", "50", "--seed", "1")
    assert (
        first.stdout
        == run_alone(folder, "generate", "cats.elman", "--prime", "the cat", "--length", "50", "--seed", "1").stdout
    )
    assert first.stdout.startswith("the cat")
    assert len(first.stdout) == len("the cat") + 50 + 1
    samples = run(folder, "generate", "cats.elman", "--samples", "2", "--length", "10").stdout
    assert samples.count("--- ") == 2
    verified = run(folder, "verify", "cats.elman")
    assert "7 files whole" in verified.stdout
    shown = run(folder, "info", "cats.elman").stdout
    assert "layers.cells.1.recurrent_kernel" in shown
    assert "12x48" in shown
    measured = json.loads(run(folder, "evaluate", "cats.elman", "cats.txt", "--json").stdout)
    assert measured["tokens"] == len((folder / "cats.txt").read_text()) - 1
    piped = json.loads(
        run(folder, "evaluate", "cats.elman", "-", "--json", stdin=(folder / "cats.txt").read_text()).stdout
    )
    assert piped == measured
    rough = json.loads(run(folder, "evaluate", "cats.elman", "cats.txt", "--weights", "int8", "--json").stdout)
    assert rough["weights"] == "int8"
    assert rough["float32"]["nats_per_token"] == measured["nats_per_token"]
    assert 0 < abs(rough["nats_per_token"] - measured["nats_per_token"]) < 0.1
    shown = run(folder, "evaluate", "cats.elman", "cats.txt", "--weights", "int8").stdout
    assert "that is with weights in int8; in float32: " in shown
    written = run(folder, "generate", "cats.elman", "--prime", "the cat", "--length", "50", "--weights", "bfloat16")
    assert len(written.stdout) == len("the cat") + 50 + 1
    assert "weights in bfloat16; elman evaluate cats.elman FILE --weights bfloat16 measures" in written.stderr


def test_flipping_a_byte_of_the_weights_is_found(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    weights = folder / "cats.elman" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    assert "weights.safetensors: damaged: its checksum differs" in run(folder, "verify", "cats.elman", code=2).stderr


def test_json_lines_tell_every_event(folder):
    out = run(folder, "train", "cats.txt", "--steps", "8", "--json", *SMALL).stdout
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["event"] == "started"
    assert [e["step"] for e in events if e["event"] == "stepped"] == list(range(1, 9))
    assert [e["step"] for e in events if e["event"] == "evaluated"] == [2, 4, 6, 8]
    assert all(
        e["bits_per_char"] == pytest.approx(e["nats_per_token"] / np.log(2)) for e in events if "bits_per_char" in e
    )
    assert [event["event"] for event in events[-2:]] == ["finished", "judged"]
    assert events[-2]["reason"] == "done"


def started(folder, *arguments):
    return subprocess.Popen(
        [*ELMAN, "train", "cats.txt", "--json", "--checkpoint-seconds", "0.05", *arguments, *SMALL],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def stop_after(process, step, how):
    with process:
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "stepped" and event["step"] >= step:
                process.send_signal(how)
                break
        _, message = process.communicate()
    return process.returncode, message


OTHERS = [pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]


@pytest.mark.optimised
@pytest.mark.sample(1)
@pytest.mark.parametrize("how", [signal.SIGKILL, *OTHERS], ids=["kill -9", "SIGTERM", "Ctrl-C", "SIGHUP"])
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(folder, how):
    """171 steps make an epoch and a half, so both stops are in the middle of one."""
    budget = ["--steps", "250"]
    run(folder, "train", "cats.txt", *budget, *SMALL, "--out", "whole.elman")
    killed = started(folder, *budget, "--out", "parts.elman")
    code, message = stop_after(killed, 60, how)
    if how == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 128 + how
        assert "resume with --resume --out parts.elman" in message
    usable = elman.load(folder / "parts.elman")
    assert usable.generate("the", length=5)
    step = json.loads((folder / "parts.elman" / "training" / "state.json").read_text())["progress"]["step"]
    assert 0 < step < 250
    assert f"stopped at step {step} of a training for 250 steps" in run(folder, "info", "parts.elman").stdout
    again = started(folder, *budget, "--out", "parts.elman", "--resume")
    stop_after(again, step + 40, how)
    run(folder, "train", "--resume", "--out", "parts.elman")  # its text and options are known
    whole, parts = (artefact.read(folder / name) for name in ("whole.elman", "parts.elman"))
    assert whole.weights.keys() == parts.weights.keys()
    for name in whole.weights:
        np.testing.assert_array_equal(whole.weights[name], parts.weights[name])
    assert whole.model["measures"]["validation"] == parts.model["measures"]["validation"]


def test_a_second_training_into_one_place_is_refused_before_it_reads(folder):
    with ThreadPoolExecutor(1) as pool, artefact.claim(folder / "m.elman"):
        second = pool.submit(
            run, folder, "train", "nothing.txt", "--task", "classification", "--out", "m.elman", code=2
        )
        assert f"elman train: m.elman: is being written by process {os.getpid()} on " in second.result().stderr
    assert os.listdir(folder) == ["cats.txt"]


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_a_training_which_goes_on_later(folder):
    """Meanwhile a second training is refused, and the model can be used."""
    leader, follower = pty.openpty()
    own_terminal = "import fcntl, os, termios; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0)"
    command = [*ELMAN[:-1], f"{own_terminal}; {ELMAN[-1]}", "train", "cats.txt", "--minutes", "5"]
    first = subprocess.Popen(
        [*command, "--out", "m.elman", "--checkpoint-seconds", "0.01", *SMALL],
        cwd=folder, stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    while not artefact.exists(folder / "m.elman"):
        os.read(leader, 65536)
    refused = run(folder, "train", "cats.txt", "--out", "m.elman", "--force", code=2).stderr
    assert f"by process {first.pid} on " in refused
    assert "train cats.txt --minutes 5 --out m.elman" in refused
    assert run(folder, "generate", "m.elman", "--length", "5").stdout
    assert "files whole" in run(folder, "verify", "m.elman").stdout
    os.close(leader)
    assert first.wait() == 128 + signal.SIGHUP
    assert sorted(os.listdir(folder)) == ["cats.txt", "m.elman"]
    assert "stopped at step" in run(folder, "info", "m.elman").stdout


@pytest.mark.optimised
@pytest.mark.slow
def test_two_processes_with_one_seed_end_with_the_same_weights(folder):
    """At the default size, whose products are shared out over threads."""
    for out in ("a.elman", "b.elman"):
        run_alone(folder, "train", "cats.txt", "--steps", "8", "--evaluations", "1", "--seed", "3", "--out", out)
    a, b = (artefact.read(folder / out).weights for out in ("a.elman", "b.elman"))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_a_bar_is_shown_on_a_terminal(folder):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*ELMAN, "train", "cats.txt", "--steps", "60", *SMALL],
        cwd=folder, stdout=follower, stderr=follower, env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    assert process.wait() == 0
    text = shown.decode()
    for expected in ("100%", "nats", "bits/char", "char/s", "left", "validation", "engine"):
        assert expected in text


class TestHelp:
    @pytest.mark.parametrize("command", ["", "train", "generate", "evaluate", "info", "verify"])
    def test_is_complete_and_imports_no_jax(self, command):
        program = (
            "import sys\nfrom elman.cli.main import run\n"
            "try: run([a for a in sys.argv[1:] if a] + ['--help'])\nexcept SystemExit: pass\n"
            "sys.exit(any(name in sys.modules for name in ('jax', 'numpy', 'equinox')))"
        )
        done = subprocess.run([sys.executable, "-c", program, command], capture_output=True, text=True)
        assert done.returncode == 0, "jax or numpy was imported"
        assert "usage: elman" in done.stdout

    def test_says_what_every_option_means(self):
        text = " ".join(run(Path.cwd(), "train", "--help").stdout.replace("│", " ").split())
        assert "Tokens that gradients reach back" in text
        assert "--learning-rate" in text

    @pytest.mark.parametrize("command", [*COMMANDS, *(f"train --task {option_name(task)}" for task in TASKS)])
    def test_names_values_plainly_and_shows_no_empty_defaults(self, command, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit, match="0"):
            run_command([*command.split(), "--help"])
        text = capsys.readouterr().out
        assert max(map(len, text.split("\n"))) <= 80
        for ill in ("{None}", "STR", "INT", "FLOAT", "Annotated", "(default: )", "(default: None)", "default: False"):
            assert ill not in text

    def test_lines_of_a_text_end_where_the_room_does(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit, match="0"):
            run_command(["train", "--help"])
        text = capsys.readouterr().out
        assert "options; a budget such as --minutes 10 extends one that is" in text

    def test_predict_names_the_options_of_each_task(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            run_command(["predict", "--help"])
        text = capsys.readouterr().out
        assert "for forecasting: --level, --intervals, --plot, --save" in text
        assert "Args:" not in text

    @pytest.mark.parametrize(
        ("words", "hint"),
        {
            "train --lr 0.1": "no option --lr; did you mean '--learning-rate'?",
            "train --layers 2": "'--num-layers'",
            "train --task tagging --lr 1": "'--layer-rate' or '--learning-rate'",
            "generate m --temprature 2": "'--temperature'",
            "train --start-from x": "no option --start-from; it is --from",
            "train --qwerty": "no option --qwerty; elman train --help shows all",
            "train --level 80": "no option --level; it belongs to elman predict (forecasting)",
            "train --horizon 3": "it belongs to elman train (forecasting)",
            "predict m --no-lower": "no option --no-lower; it belongs to elman train (",
        }.items(),
    )
    def test_unknown_options_are_named_with_the_nearest(self, words, hint, capsys):
        assert run_command(words.split()) == 2
        assert hint in capsys.readouterr().err


BAD_INPUT = {
    "missing": (["train", "no.txt"], "no.txt: no such file or folder"),
    "folder without text": (["train", "empty"], "empty: no text in this folder"),
    "empty": (["train", "empty.txt"], "empty.txt: empty"),
    "too short": (["train", "short.txt"], "16 characters of text; expected at least 73"),
    "not UTF-8": (["train", "latin.txt"], "latin.txt: not UTF-8 at byte 3 (0xe9)"),
    "binary": (["train", "binary.txt"], "binary.txt: a binary file"),
    "unknown option": (["train", "cats.txt", "--hiden-size", "3"], "--hidden-size"),
    "hidden size 0": (
        ["train", "cats.txt", "--hidden-size", "0"],
        "--hidden-size: expected a whole number of at least 1",
    ),
    "dropout 1.5": (
        ["train", "cats.txt", "--dropout", "1.5"],
        "--dropout: expected a number of at least 0 and below 1; got 1.5",
    ),
    "nothing left": (["train", "cats.txt", "--validation", "0.6", "--test", "0.6"], "leave nothing to train on"),
    "no validation": (["train", "cats.txt", "--validation", "0"], "validation: expected a share or at least 2 tokens"),
    "two budgets": (["train", "cats.txt", "--steps", "1", "--minutes", "1"], "one budget at a time"),
    "exists": (["train", "cats.txt", "--out", "taken"], "taken: exists"),
    "no cell": (["train", "cats.txt", "--cell", "LTSM"], "did you mean 'LSTM'"),
    "nothing to resume": (["train", "cats.txt", "--resume"], "cats.elman: no such artefact"),
    "unknown command": (["trian"], "did you mean 'train'"),
    "resume and force": (["train", "cats.txt", "--resume", "--force"], "cats.elman: no such artefact"),
    "evaluate on nothing": (["evaluate", "no.elman"], "expected the data to measure on"),
    "rate without end": (["train", "cats.txt", "--learning-rate", "inf"], "--learning-rate: expected a finite number"),
    "min count of characters": (["train", "cats.txt", "--min-count", "7"], "--min-count: belongs to words"),
    "two reports": (["train", "cats.txt", "--json", "--lines"], "choose one"),
    "no place": (["train", "cats.txt", "--out", "/", "--force"], "no place for an artefact"),
    "name too long": (["train", "cats.txt", "--steps", "1", *SMALL, "--out", "n" * 300], "File name too long"),
    "no artefact": (["generate", "no.elman"], "no.elman: no such artefact"),
    "foreign": (["verify", "taken"], "taken: not an elman artefact"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_a_clear_error_and_writes_nothing(folder, case):
    (folder / "empty").mkdir()
    (folder / "taken").mkdir()
    (folder / "empty.txt").write_text("")
    (folder / "short.txt").write_text("too short a text")
    (folder / "latin.txt").write_bytes("caf\xe9 ".encode("latin-1") * 100)
    (folder / "binary.txt").write_bytes(b"\0\1\2" * 100)
    before = sorted(folder.rglob("*"))
    arguments, message = BAD_INPUT[case]
    done = run(folder, *arguments, code=2)
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_model_goes_on_with_other_text_and_for_longer(folder):
    (folder / "dogs.txt").write_text("the zebra sat on the mat? the quick dog ate the cat's hat.\n" * 40)
    run(folder, "train", "cats.txt", "--steps", "8", *SMALL)
    weights = (folder / "cats.elman" / "weights.safetensors").read_bytes()
    told = run(folder, "train", "dogs.txt", "--from", "cats.elman", "--steps", "4", "--lines").stderr
    assert "cats.elman: 8 characters are new" in told
    assert "starting from cats.elman" in told
    assert re.search(r"0%, \d+:\d\d, step 0: validation", told)
    assert elman.load(folder / "dogs.elman").task == elman.load(folder / "cats.elman").task
    assert (folder / "cats.elman" / "weights.safetensors").read_bytes() == weights
    assert "trained for 4 steps, from the weights of cats.elman" in run(folder, "info", "dogs.elman").stdout
    assert "complete, after step 8; a budget extends it" in run(folder, "train", "cats.txt", "--resume", code=2).stderr
    told = run(folder, "train", "--resume", "--out", "cats.elman", "--minutes", "0.001", "--lines").stderr
    assert "for 0.001 minutes more" in told
    assert "step 8: " not in told
    refused = {
        "--hidden-size: cats.elman has 12 and cannot go on with 13": ["--hidden-size", "13"],
        "--from: cats.elman is a model for LanguageModelling, and cannot go on as one for Forecasting": [
            "--task", "forecasting",
        ],
        "--from: expected one model to go on with; got 2": ["--from", "cats.elman"],
        "cats.elman: is the model to start from, which is never overwritten": ["--out", "cats.elman", "--force"],
        "--from: --resume goes on with the run as it began": ["--resume", "--out", "dogs.elman", "--steps", "1"],
        "no option --form; did you mean '--from'": ["--form", "x"],
    }  # fmt: skip
    for message, words in refused.items():
        done = run(folder, "train", "dogs.txt", "--from", "cats.elman", *words, code=2)
        assert message in " ".join(done.stderr.split())


def test_an_artefact_is_not_overwritten_unless_forced(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    weights = (folder / "cats.elman" / "weights.safetensors").read_bytes()
    assert "--resume goes on with it, --force" in run(folder, "train", "cats.txt", code=2).stderr
    assert (folder / "cats.elman" / "weights.safetensors").read_bytes() == weights
    run(folder, "train", "cats.txt", "--steps", "3", *SMALL, "--force")
    assert (folder / "cats.elman" / "weights.safetensors").read_bytes() != weights


def test_a_prime_that_the_model_cannot_read(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    assert "no '€' (U+20AC)" in run(folder, "generate", "cats.elman", "--prime", "€5", code=2).stderr
    message = "cats.elman: the model answers no inputs; run elman generate cats.elman"
    assert message in run(folder, "predict", "cats.elman", "cats.txt", code=2).stderr
    skipped = run(folder, "generate", "cats.elman", "--prime", "c€t", "--unknown", "skip", "--length", "3")
    assert skipped.stdout.startswith("c€t")


def test_a_text_with_characters_that_the_model_does_not_know(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    (folder / "new.txt").write_text("the cat\nthat €\n")
    message = run(folder, "evaluate", "cats.elman", "new.txt", code=2).stderr
    assert "new.txt, line 2: the vocabulary has no '€' (U+20AC), character 14" in message
    skipped = run(folder, "evaluate", "cats.elman", "new.txt", "--unknown", "skip", "--json")
    assert "first in line 2: '€' (U+20AC) 1 time" in skipped.stderr
    assert len(json.loads(skipped.stdout)["notes"]) == 1


def test_files_beside_the_command_do_not_stand_in_for_libraries(folder):
    (folder / "optax.py").write_text("raise SystemError('not the library')")
    run_alone(folder, "train", "cats.txt", "--steps", "2", *SMALL)


def test_the_default_place_is_the_files_name(folder, small_text):
    (folder / "war.and.peace.txt").write_text(small_text)
    run(folder, "train", "war.and.peace.txt", "--steps", "2", *SMALL)
    assert (folder / "war.and.peace.elman").is_dir()


def test_a_cell_of_ones_own_is_found_beside_the_command(folder):
    (folder / "mycells.py").write_text(
        "import jax, jax.numpy as jnp, elman\n"
        "class Fading(elman.Cell):\n"
        "    kernel: jax.Array\n"
        "    def __init__(self, input_size, hidden_size, *, key):\n"
        "        self.input_size, self.hidden_size = input_size, hidden_size\n"
        "        self.kernel = jax.random.normal(key, (input_size, hidden_size))\n"
        "    def init_carry(self): return jnp.zeros(self.hidden_size)\n"
        "    def step(self, h, x):\n"
        "        h = 0.9 * h + jnp.tanh(x @ self.kernel)\n"
        "        return h, h\n"
    )
    run_alone(folder, "train", "cats.txt", "--cell", "mycells:Fading", "--steps", "5", *SMALL)
    assert run_alone(folder, "generate", "cats.elman", "--length", "5").stdout
    assert (
        "Fading has no hand-derived backward pass"
        in run_alone(folder, "info", "cats.elman", "--trust", "mycells").stdout
    )


@pytest.mark.parametrize(
    ("words", "stream", "code"), [("--help", "stdout", 0), ("lesson", "stdout", 0), ("info m", "stderr", 2)]
)
def test_the_exit_code_is_the_same_where_nobody_reads(words, stream, code):
    """Nor is a closed pipe or terminal met once more at Python's end, which would make it 120."""
    reader, writer = os.pipe()
    os.close(reader)
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: writer}
    assert subprocess.run([*ELMAN, *words.split()], **streams, check=False).returncode == code
    os.close(writer)


def test_output_that_nobody_reads_is_no_error(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    command = " ".join(f"'{part}'" for part in [*ELMAN, "generate", "cats.elman", "--length", "5000"])
    done = subprocess.run(f"{command} | head -c 10", shell=True, cwd=folder, capture_output=True, text=True)
    assert len(done.stdout) == 10
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_text_streams_to_the_reader_as_it_is_made(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    process = subprocess.Popen(
        [*ELMAN, "generate", "cats.elman", "--length", "400000"], cwd=folder, stdout=subprocess.PIPE
    )
    begun = time.monotonic()
    with process:
        assert len(process.stdout.read(10)) == 10
        early = time.monotonic() - begun
        rest = process.stdout.read()
    assert process.returncode == 0
    assert len(rest) > 300_000
    assert early < time.monotonic() - begun


def test_inspect_reports_on_a_text_or_a_file(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL, "--plot", "--tensorboard", "board")
    assert "nats per token (less is better)" in (folder / "cats.curves.svg").read_text()
    assert [*folder.glob("board/events.*")]
    seen = run(folder, "inspect", "cats.elman", "--text", "the cat", "--plot", "cats.svg").stdout
    assert "loss " in seen
    assert "layers.cells.0" in seen
    assert "cats.svg: the states and gates of layers.cells.0" in seen
    assert "<svg" in (folder / "cats.svg").read_text()
    written = run(folder, "inspect", "cats.elman", "--text", "the cat", "--report", "inside.html")
    assert written.stdout == "inside.html: a page to open in a browser\n"
    assert [line for line in written.stderr.splitlines() if "elman inspect: the memory" in line]
    assert "<h2>Answers: character" in (folder / "inside.html").read_text()
    alone = run(folder, "inspect", "cats.elman").stdout
    assert "weights in all" in alone
    assert "validation objective" in alone
    for arguments in (["--plot", "a.png"], ["--units", "cat"], ["cats.txt", "--text", "a"]):
        refused = run(folder, "inspect", "cats.elman", *arguments, code=2)
        assert "expected an input to look at" in refused.stderr


def test_inspect_matches_a_marked_stretch(folder):
    run(folder, "train", "cats.txt", "--steps", "2", *SMALL)
    seen = run(folder, "inspect", "cats.elman", "cats.txt", "--mark", "cat", "--threshold", "-1").stdout
    assert "12 units of h in layers.cells.1 above -1 over the whole stretch" in seen
    assert "what follows at" in seen
    skipped = run(
        folder,
        "inspect",
        "cats.elman",
        "--text",
        "the\u00e9 cat sat",
        "--unknown",
        "skip",
        "--mark",
        "cat",
        "--threshold",
        "-1",
    )
    assert "1      12     '' 'the' ' cat sa'" in skipped.stdout
    for code, message, *arguments in (
        (2, "the text does not hold 'dog and'", "--mark", "dog and"),
        (2, "--mark: no unit is above 9 over all of 'cat'; try --threshold 0.", "--mark", "cat", "--threshold", "9"),
        (2, "--units and --mark: choose one", "--mark", "cat", "--units", "cat"),
    ):
        assert message in run(folder, "inspect", "cats.elman", "cats.txt", *arguments, code=code).stderr


def test_models_are_compared_and_drawn(folder):
    for name, size in (("a", "12"), ("b", "8")):
        run(folder, "train", "cats.txt", "--out", f"{name}.elman", "--steps", "2", *SMALL, "--hidden-size", size)
    lines = run(folder, "compare", "a.elman", "b.elman", "--plot", "curves.svg").stdout.splitlines()
    assert "hidden_size: 12 in a.elman; 8 in b.elman" in lines
    assert "a.elman" in (folder / "curves.svg").read_text()
    assert "expected one or more saved models" in run(folder, "compare", code=2).stderr
