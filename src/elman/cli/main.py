"""`elman`: reads the command line, runs one command, turns errors into messages and exit codes.

0 done, 1 failed or interrupted, 2 something given cannot be used. Help imports no jax.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

from elman._errors import ElmanError, Interrupted, nearest

COMMANDS = {
    "train": "Train a model on a text, labels, tags or pairs.",
    "generate": "Let a model write.",
    "predict": "Answer inputs: labels, tags, translations.",
    "evaluate": "Measure a model on data.",
    "neighbours": "Show which words have vectors like a word's.",
    "projector": "Write word vectors for TensorBoard's projector.",
    "info": "Show a model, or this installation.",
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

    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character gets its code
        sys.stdout.reconfigure(errors="backslashreplace")
    command = import_module(f"elman.cli.{name}")
    try:
        if os.getcwd() not in sys.path:  # a user's own cells are found beside where the command is run
            sys.path.append(os.getcwd())
        return command.run(rest)
    except ElmanError as error:
        print(f"elman {name}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, as in `elman generate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if name == "train" else 0
    except OSError as error:
        print(f"elman {name}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    except Interrupted as error:
        print(f"elman {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"elman {name}: interrupted", file=sys.stderr)
        return 1


def _overview() -> str:
    commands = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    return (
        "usage: elman COMMAND ...\n\n"
        "Train, explain and ship recurrent networks.\n\n"
        f"commands:\n{commands}\n\n"
        "elman COMMAND --help shows a command's options; elman --version the version."
    )
