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
from keyword import iskeyword
from types import ModuleType
from typing import NoReturn

from elman import _trust
from elman._errors import ConfigError, ElmanError, Interrupted, nearest
from elman._terminal import say
from elman.cli._interrupts import heeded
from elman.cli._names import as_typed

COMMANDS = {
    "train": "Train a model on a text, labels, tags or pairs.",
    "generate": "Generate text with a language model.",
    "predict": "Predict labels, tags, translations, forecasts or heart beats.",
    "evaluate": "Measure a model on data.",
    "compare": "Compare saved models: measures, curves, settings that differ.",
    "inspect": "Show gates, memory and gradients of a model over an input.",
    "neighbours": "Show the words whose vectors are nearest to a word's.",
    "projector": "Write word vectors for TensorBoard's projector.",
    "info": "Describe a model, or this installation.",
    "studio": "Train, look into and use models on a page in the browser.",
    "serve": "Serve models over HTTP, with a state for each session.",
    "lesson": "Run a lesson on recurrent networks, or list them.",
    "export": "Write a model for Keras, PyTorch or ONNX.",
    "import": "Read a network of Keras or PyTorch.",
    "verify": "Check that a saved model is whole and computes consistently.",
}


def main(arguments: list[str] | None = None) -> None:
    """Runs `elman` and exits."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with heeded(lambda: _end(_interrupted(arguments))):
            code = run(arguments)
    except SystemExit as help_or_usage:
        code = help_or_usage.code
    if isinstance(code, int) and code > 128:  # a signal's
        _end(code)
    _write_out()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    name, *rest = arguments or [""]
    try:
        return _run(name, rest)
    except ConfigError as error:
        return _failed(name, as_typed(str(error)), error.exit_code)
    except ElmanError as error:
        return _failed(name, error, error.exit_code)
    except BrokenPipeError:  # the reader of the output has ended, as in `elman generate ... | head`
        return 1 if name == "train" else 0
    except OSError as error:
        return _failed(name, f"{error.filename or 'output'}: {error.strerror}", 2)
    except Interrupted as error:
        return _failed(name, error, error.exit_code)
    except KeyboardInterrupt:
        return _interrupted(arguments)


def _run(name: str, rest: list[str]) -> int:
    if name in ("", "-h", "--help"):
        _say_overview()
        return 0 if name else 2
    if name == "--version":
        from importlib.metadata import version

        print(f"elman {version('elman')}")
        return 0
    if name not in COMMANDS:
        say(f"elman: no command {name!r}{nearest(name, COMMANDS)}; see elman --help", sys.stderr)
        return 2

    _check_text(rest)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character shows its code
        sys.stdout.reconfigure(errors="backslashreplace")
    command = module_of(name)
    _trust.FOLDERS[:] = [os.getcwd()]  # users' own cells may be modules in the current folder
    with _trust.trusting(_trusted(rest)):
        return command.run(rest)


def module_of(command: str) -> ModuleType:
    """The module of a command, whose name ends in _ where the command is a word of Python's own."""
    return import_module(f"elman.cli.{command}{'_' * iskeyword(command)}")


def _check_text(arguments: list[str]) -> None:
    """Refuses arguments that are no text in the encoding of this process, which could not be saved.

    Raises:
        ConfigError: such an argument.
    """
    for argument in arguments:
        if any("\udc80" <= character <= "\udcff" for character in argument):
            encoding = sys.getfilesystemencoding()
            raise ConfigError(
                f"{argument!r}: expected text in {encoding}; got other bytes. Rename the file"
                + ("" if encoding == "utf-8" else ", or set PYTHONUTF8=1, which reads names as UTF-8")
            )


def _failed(name: str, error: object, code: int) -> int:
    with suppress(OSError):  # of a terminal that was closed
        say(f"elman {name}: {error}", sys.stderr)
    return code


def _interrupted(arguments: list[str]) -> int:
    return _failed(arguments[0] if arguments else "", "interrupted", Interrupted("").exit_code)


def _end(code: int) -> NoReturn:
    """Ends the process without Python's own end, which crashes where JAX compiles in other threads."""
    _write_out()
    os._exit(code)


def _write_out() -> None:
    """Writes out what was printed, or drops the rest where nobody can read it any more; Python itself would try again
    at its end, fail, and change the exit code to 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _trusted(arguments: list[str]) -> list[str]:
    """The modules of `--trust`, which some commands need before they can tell what their options are."""
    after = [value for option, value in pairwise(arguments) if option == "--trust"]
    return after + [each.removeprefix("--trust=") for each in arguments if each.startswith("--trust=")]


def _say_overview() -> None:
    width = max(map(len, COMMANDS))
    say("usage: elman COMMAND ...\n\nTrain, explain and ship recurrent networks.\n\ncommands:")
    for name, text in COMMANDS.items():
        say(f"  {name:<{width}}  {text}", indent=" " * (width + 4))
    say("\nelman COMMAND --help shows a command's options; elman --version the version.", indent="")
