"""The proof of a network in C: it is compiled, run on the same inputs as elman's, and compared step by step."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, ConversionError
from elman.interop.c_source import Source, c_source, sample, whole_lengths
from elman.interop.proof import Proof, Show
from elman.layers.graph import named_leaves

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic")

STEPS = 24
"""The steps of a trial."""

EDGES = {"random": 1.0, "large": 10.0, "zeros": 0.0}
"""The trials, and what their inputs are multiplied by."""

_DRIVER = """\
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "{name}.h"

int main(void)
{{
    static {name}_state state;
    static {name}_input input;
    static {name}_output output;
    {name}_start(&state);
    while (fread(&input, sizeof input, 1, stdin) == 1) {{
        if ({name}_step(&state, &input, &output)) return 1;
        fwrite(&state, {state}, 1, stdout);
        fwrite(&output, sizeof output, 1, stdout);
    }}
    long steps = 0;
    const clock_t begin = clock();
    for (clock_t now = begin; now - begin < CLOCKS_PER_SEC / 20; now = clock())
        for (int i = 0; i < 10; i++, steps++)
            if ({name}_step(&state, &input, &output)) return 1;
    fprintf(stderr, "%.9g", (double)(clock() - begin) / CLOCKS_PER_SEC / (double)steps);
    return 0;
}}
"""


class Compiler(NamedTuple):
    """The commands that make a program and that run it."""

    command: tuple[str, ...]
    runner: tuple[str, ...] = ()
    """An emulator, for another processor's program."""

    @classmethod
    def here(cls) -> Compiler:
        """The C compiler of this machine: `CC`, or `cc`.

        Raises:
            ConfigError: there is none.
        """
        command = tuple(shlex.split(os.environ.get("CC", ""))) or ("cc",)
        if shutil.which(command[0]) is None:
            raise ConfigError(
                f"no C compiler {command[0]!r}, which proves that the C computes the same; install gcc or clang, or "
                "name one with CC=COMMAND"
            )
        return cls(command)


class Figures(NamedTuple):
    """The measures of a network in C."""

    flash: tuple[int, int] | None
    """The bytes of code and of constants, for size (-Os); None where the compiler's `size` does not list them."""
    stack_bytes: int | None
    """The bytes of stack of a step; None where the compiler does not say."""
    seconds: float
    """The time of a step, for speed (-O2), on this machine."""


def to_c(
    fitted: Any, *, name: str = "model", int8: bool = False, show: Show | None = None, compiler: Compiler | None = None
) -> Source:
    """A network that goes on from a state, as C99 that computes as it does; `files` of the result has the texts.

    Args:
        fitted: a trained model, its network, or a cell, a stack or a chain of layers that read forwards.
        name: the name of the files, and the prefix of what they declare.
        int8: stores matrices as whole numbers of 8 bits; see `round_weights`, whose network the C is compared with.
        show: takes the lines of the proof, such as `print`.
        compiler: compiles and runs it, `Compiler.here()` by default.

    Raises:
        ConversionError: a network without a state, an operation that C does not have here, or outputs that differ.
        ConfigError: there is no C compiler.
    """
    compiler = compiler or Compiler.here()
    source = c_source(fitted, name=name, int8=int8)
    figures = prove(source, compiler, show=show)
    if show is not None:
        for line in describe(source, figures, compiler):
            show(line)
    return source


def prove(source: Source, compiler: Compiler, *, show: Show | None = None, flags: Sequence[str] = ()) -> Figures:
    """Compiles a network in C, runs it beside elman's, and compares outputs and states after every step.

    Raises:
        ConversionError: it does not compile, fails, or differs.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for file, text in source.files.items():
            (place / file).write_text(text, encoding="ascii")
        driver = _DRIVER.format(name=source.name, state=4 * sum(one.size for one in source.structs.state))
        (place / "prove.c").write_text(driver, encoding="ascii")
        program, warnings = place / "prove", (*WARNINGS, *flags)
        _run(compiler.command, *warnings, "-O2", place / "prove.c", place / f"{source.name}.c", "-o", program, "-lm")
        proof, seconds = Proof(f"{compiler.command[0]} beside elman"), 0.0
        step = _elman_step(source)
        for seed, factor in enumerate(EDGES.values()):
            inputs = _inputs(source, seed, factor)
            record = b"".join(inputs[one.leaf][at].astype("<i4" if one.kind == "index" else "<f4").tobytes()
                              for at in range(STEPS) for one in source.structs.inputs)  # fmt: skip
            done = _output(compiler, program, record)
            if done.returncode:
                raise ConversionError(f"{source.name}.c: ended with {done.returncode}: {done.stderr.decode()[-500:]}")
            seconds = float(done.stderr)
            _compare(proof, source, step, inputs, np.frombuffer(done.stdout, "<f4").reshape(STEPS, -1))
        proof.check(show)
        return Figures(*_sizes(source, compiler, place), seconds)


def describe(source: Source, figures: Figures, compiler: Compiler) -> list[str]:
    """The lines on flash, RAM and time."""
    flash = f"{source.weight_bytes:,} bytes of weights"
    if figures.flash is not None:
        code, constants = figures.flash
        made = f"{compiler.command[0]} -Os" + ("" if compiler.runner else f", {platform.machine()}")
        flash = f"{code + constants:,} bytes, {constants:,} of weights and {code:,} of code ({made})"
    stack = "" if figures.stack_bytes is None else f", and {figures.stack_bytes:,} of stack"
    return [
        f"flash: {flash}",
        f"RAM: {source.state_bytes:,} bytes of state{stack}",
        f"time: {figures.seconds * 1e6:.3g} us a step on this machine (-O2)",
    ]


def _inputs(source: Source, seed: int, factor: float) -> dict[str, np.ndarray]:
    inputs = sample(source.graph, STEPS, seed=seed)
    for one in source.structs.inputs:
        values = inputs[one.leaf]
        if one.kind == "float":
            inputs[one.leaf] = (
                values if source.graph.inputs[one.leaf].positive else (values * factor).astype(np.float32)
            )
        elif one.limit is not None and factor != 1:
            values[...] = 0 if factor == 0 else one.limit - 1
    return inputs


def _elman_step(source: Source) -> Any:
    lengths = whole_lengths(source.graph)

    @jax.jit
    def step(state: Any, inputs: Any) -> Any:
        return source.graph.function(state, **inputs, **lengths)

    return step


def _compare(proof: Proof, source: Source, step: Any, inputs: Any, theirs: np.ndarray) -> None:
    """Compares the state and the outputs after each step with those of elman's step from the same state, so that no
    rounding grows from step to step."""
    state = source.graph.start(1)
    for at, row in enumerate(theirs):
        after, outputs = step(state, {name: jnp.asarray(values[at]) for name, values in inputs.items()})
        ours = {f"next.{name}": leaf for name, leaf in named_leaves(after)} | outputs
        written, place = dict[str, np.ndarray](), 0
        for prefix, members in (("next.", source.structs.state), ("", source.structs.outputs)):
            for one in members:
                written[f"{prefix}{one.leaf}"] = row[place : place + one.size].reshape(one.shape)
                place += one.size
        proof.compare(ours, written)
        leaves = [jnp.asarray(written[f"next.{one.leaf}"]) for one in source.structs.state]
        state = jax.tree.unflatten(jax.tree.structure(after), leaves)


def _sizes(source: Source, compiler: Compiler, place: Path) -> tuple[tuple[int, int] | None, int | None]:
    """The bytes of code and constants, and those of stack, where the compiler's tools say them."""
    text, target = place / f"{source.name}.c", place / "small.o"
    try:
        _run(compiler.command, "-std=c99", "-Os", "-fstack-usage", "-c", text, "-o", target)
    except ConversionError:  # another compiler
        _run(compiler.command, "-std=c99", "-Os", "-c", text, "-o", target)
    usage, tool = target.with_suffix(".su"), re.sub(r"(gcc|cc|clang)$", "size", Path(compiler.command[0]).name)
    listed = subprocess.run([tool, "-A", target], capture_output=True, text=True).stdout if shutil.which(tool) else ""
    sections = re.findall(r"^\.(text|rodata|data)\S*\s+(\d+)", listed, re.MULTILINE)
    code = sum(int(size) for name, size in sections if name == "text")
    flash = (code, sum(int(size) for _, size in sections) - code) if sections else None
    rows = usage.read_text().splitlines() if usage.exists() else []
    return flash, max((int(row.split("\t")[1]) for row in rows), default=None)


def _output(compiler: Compiler, program: Path, record: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run([*compiler.runner, program], input=record, capture_output=True)
    except OSError as error:
        raise ConfigError(
            f"{compiler.command[0]} makes programs that this machine cannot run ({error.strerror}); prove it by this "
            "machine's compiler: the C is the same for any processor"
        ) from None


def _run(command: Sequence[str], *arguments: str | Path) -> None:
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise ConversionError(f"{command[0]} does not compile the C: {done.stderr.strip()[:1500]}")
