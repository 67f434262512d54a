"""`elman`'s commands, in this process and in one of their own: what must be seen from outside takes the latter."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Listener
from pathlib import Path
from unittest import mock

import jaxtyping

from elman.cli import main

ELMAN = [sys.executable, "-P", "-c", "from elman.cli.main import main; main()"]

# What a shell finds as `elman`: it takes its input, and what the command says, from here to there and back.
CLIENT = """#!{python} -IS
import os, sys
from multiprocessing.connection import Client

with Client({address!r}) as tests:
    tests.send((os.getcwd(), sys.argv[1:], sys.stdin.buffer.read(), dict(os.environ)))
    code, out, err = tests.recv()
sys.stderr.buffer.write(err)
try:
    sys.stdout.buffer.write(out)
    sys.stdout.flush()
except BrokenPipeError:  # as in `elman predict ... | head`
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
sys.exit(code)
"""


def run(folder, *arguments, stdin="", code=0):
    """Runs a command here, which saves importing JAX and compiling."""
    arguments = list(map(str, arguments))
    ended, *said = _run_here(folder, arguments, stdin.encode())
    out, err = (text.decode() for text in said)
    assert ended == code, err
    return subprocess.CompletedProcess(arguments, code, out, err)


def run_alone(folder, *arguments, stdin=None, code=0):
    """Runs a command in a process of its own."""
    done = subprocess.run(
        [*ELMAN, *map(str, arguments)], cwd=folder, capture_output=True, text=True, input=stdin, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


def run_script(folder, script):
    """Runs a script of bash, in which each `elman` runs here, one after the other."""
    with tempfile.TemporaryDirectory() as place:
        address, elman = f"{place}/socket", Path(place, "elman")
        elman.write_text(CLIENT.format(python=sys.executable, address=address))
        elman.chmod(0o700)
        path = os.pathsep.join((place, str(Path(sys.executable).parent), os.environ["PATH"]))

        def shell():
            try:
                return subprocess.run(
                    ["bash", "-ec", script],
                    cwd=folder,
                    env=os.environ | {"PATH": path},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                )
            finally:
                with Client(address) as tests:
                    tests.send(None)

        with Listener(address) as listener, ThreadPoolExecutor(1) as pool:
            ended = pool.submit(shell)
            while _serve(listener):
                pass
            return ended.result()


def _serve(listener):
    """Runs the next command of a script; returns whether there was one."""
    with listener.accept() as client:
        asked = client.recv()
        if asked:
            folder, arguments, stdin, environment = asked
            with mock.patch.dict(os.environ, environment):
                client.send(_run_here(folder, arguments, stdin))
        return asked is not None


def _run_here(folder, arguments, stdin):
    """(code, what it printed, what it complained of), as bytes."""
    inputs, out, err = (io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (stdin, b"", b""))
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
    return ended, out.buffer.getvalue(), err.buffer.getvalue()
