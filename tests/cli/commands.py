"""`elman`'s commands, in this process and in one of their own: what must be seen from outside takes the latter."""

import contextlib
import io
import subprocess
import sys

import jaxtyping

from elman.cli import main

ELMAN = [sys.executable, "-P", "-c", "from elman.cli.main import main; main()"]


def run(folder, *arguments, stdin="", code=0):
    """Runs a command here, which saves importing JAX and compiling."""
    arguments = list(map(str, arguments))
    inputs, out, err = (io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8") for text in (stdin, "", ""))
    before, paths = sys.stdin, list(sys.path)
    jaxtyping.config.update("jaxtyping_disable", True)  # users have no shape checks
    try:
        sys.stdin = inputs
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                ended = main.run(arguments)
            except SystemExit as end:  # of the reader of options
                ended = end.code
    finally:
        sys.stdin, sys.path[:] = before, paths
        jaxtyping.config.update("jaxtyping_disable", False)
    for stream in (out, err):
        stream.flush()
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    assert ended == code, said[1]
    return subprocess.CompletedProcess(arguments, code, *said)


def run_alone(folder, *arguments, stdin=None, code=0):
    """Runs a command in a process of its own."""
    done = subprocess.run(
        [*ELMAN, *map(str, arguments)], cwd=folder, capture_output=True, text=True, input=stdin, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done
