"""The command `elman`: it parses the command line, runs one command, and turns errors into messages and exit codes.

The exit code is 0 for success, 1 for failure, 2 for unusable input, and for a command that a signal has stopped 128 and
the signal's number: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. Help does not import jax.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from itertools import pairwise

from elman import _trust
from elman._errors import ElmanError, Interrupted, nearest

COMMANDS = {
    "train": "Train a model on a text, labels, tags or pairs.",
    "generate": "Generate text with a language model.",
    "predict": "Predict labels, tags, translations, forecasts or the beats of an ECG.",
    "evaluate": "Measure a model on data.",
    "neighbours": "Show the words whose vectors are nearest to a word's.",
    "projector": "Write word vectors for TensorBoard's projector.",
    "info": "Describe a model, or this installation.",
    "lesson": "Run a lesson on recurrent networks, or list them.",
    "verify": "Check that a saved model is whole and computes consistently.",
}


def main(arguments: list[str] | None = None) -> None:
    """Runs `elman` and exits."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    name, *rest = arguments
    if name == "--version":
        from importlib.metadata import version

        print(f"elman {version('elman')}")
        return 0
    if name not in COMMANDS:
        print(f"elman: no command {name!r}{nearest(name, COMMANDS)}; see elman --help", file=sys.stderr)
        return 2

    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character shows its code
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command = import_module(f"elman.cli.{name}")
        _trust.FOLDERS[:] = [os.getcwd()]  # users' own cells may be modules in the current folder
        with _trust.trusting(_trusted(rest)):
            return command.run(rest)
    except ElmanError as error:
        return _failed(name, error, error.exit_code)
    except BrokenPipeError:  # the reader of the output has ended, as in `elman generate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if name == "train" else 0
    except OSError as error:
        return _failed(name, f"{error.filename or 'output'}: {error.strerror}", 2)
    except Interrupted as error:
        return _failed(name, error, error.exit_code)
    except KeyboardInterrupt:
        return _failed(name, "interrupted", Interrupted("").exit_code)


def _failed(name: str, error: object, code: int) -> int:
    with suppress(OSError):  # of a terminal that was closed
        print(f"elman {name}: {error}", file=sys.stderr, flush=True)
    return code


def _trusted(arguments: list[str]) -> list[str]:
    """The modules of `--trust`, which some commands need before they can tell what their options are."""
    after = [value for option, value in pairwise(arguments) if option == "--trust"]
    return after + [each.removeprefix("--trust=") for each in arguments if each.startswith("--trust=")]


def _overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
    return (
        "usage: elman COMMAND ...\n\n"
        "Train, explain and ship recurrent networks.\n\n"
        f"commands:\n{commands}\n\n"
        "elman COMMAND --help shows a command's options; elman --version the version."
    )
