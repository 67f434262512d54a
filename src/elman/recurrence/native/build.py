"""Compiles the kernels: `python -m elman.recurrence.native.build`.

Installing elman does this too, and continues without kernels if there is no C++20 compiler. CXX or CC names another
compiler than `c++`. This file needs only the standard library and jaxlib's headers, since it runs before anything else
is installed.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = HERE / "_kernels.so"
FLAGS = (
    "-std=c++20",
    "-O2",
    "-fPIC",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",  # kernels/vector.h determines where products and sums are fused
    "-fno-tree-loop-distribute-patterns",  # otherwise part of a vector is copied by a call, which empties the registers
)


class BuildError(Exception):
    """A failed compilation of the kernels."""


def build(target: Path = LIBRARY) -> None:
    """Compiles and links the kernels for this machine's family of processors.

    Raises:
        BuildError: no compiler, or it failed; with its output.
    """
    others = [(name, ()) for name in ("team.cc", "scratch.cc", "sampler.cc")]
    units = [*kernel_units(), *others, binding_unit()]
    with tempfile.TemporaryDirectory() as folder:
        objects = compile_all(units, Path(folder))
        library = Path(folder) / target.name
        run("-shared", "-pthread", *objects, "-o", library, *_runtime())
        # Renamed into place, so that a process that has the old library open keeps it.
        beside = target.with_suffix(f".{os.getpid()}")
        beside.write_bytes(library.read_bytes())
        beside.chmod(0o755)
        beside.replace(target)


def kernel_units() -> list[tuple[str, tuple[str, ...]]]:
    """The compilations of layer.cc and two_products.cc, for each instruction set and number type, then of stepper.cc
    for each instruction set; the slowest come first.
    """
    sets = [("baseline", "float", ()), ("baseline", "double", ())]
    if platform.machine().lower() in ("x86_64", "amd64"):
        sets = [("avx512", "float", ("-march=x86-64-v4",)), ("avx2", "float", ("-march=x86-64-v3",)), *sets]
    layers = [
        (source, (*march, f"-DELMAN_ISA={isa}", f"-DELMAN_REAL={real}"))
        for source in ("layer.cc", "two_products.cc")
        for isa, real, march in sets
    ]
    if len(sets) > 2:
        sets = [("avx512vnni", "float", ("-march=x86-64-v4", "-mavx512vnni")), *sets]
    return layers + [("stepper.cc", (*march, f"-DELMAN_ISA={isa}")) for isa, real, march in sets if real == "float"]


def binding_unit() -> tuple[str, tuple[str, ...]]:
    """The compilation of binding.cc. Messages of jaxlib's headers name their files: without the folder, so that equal
    sources give equal libraries.
    """
    headers = _headers()
    return "binding.cc", ("-isystem", str(headers), f"-ffile-prefix-map={headers}=include")


def compile_all(units: list[tuple[str, tuple[str, ...]]], folder: Path, extra: tuple[str, ...] = ()) -> list[Path]:
    """Compiles sources under `kernels/` in parallel; returns the object files."""

    def compiled(numbered: tuple[int, tuple[str, tuple[str, ...]]]) -> Path:
        number, (source, options) = numbered
        target = folder / f"{number}.o"
        run(*FLAGS, *options, *extra, "-x", "c++", "-c", HERE / "kernels" / source, "-o", target)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compiled, enumerate(units)))


def run(*arguments: str | Path) -> None:
    """Runs the compiler.

    Raises:
        BuildError: the compiler is missing, or it failed.
    """
    compiler = shlex.split(os.environ.get("CXX") or os.environ.get("CC") or "c++")
    try:
        done = subprocess.run([*compiler, *map(str, arguments)], capture_output=True, text=True)
    except OSError as error:
        raise BuildError(f"no C++ compiler {compiler[0]!r} ({error.strerror})") from None
    if done.returncode:
        raise BuildError(f"{shlex.join(compiler)} failed: {done.stderr.strip()[:2000] or done.returncode}")


def _headers() -> Path:
    jaxlib = find_spec("jaxlib")
    if jaxlib is None or jaxlib.origin is None:
        raise BuildError("jaxlib, whose headers are needed, is not installed")
    return Path(jaxlib.origin).parent / "include"


def _runtime() -> list[str]:
    """The libraries that a C compiler (CC) does not link by itself."""
    return ["-lc++"] if platform.system() == "Darwin" else ["-lstdc++", "-lm"]


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        sys.exit(f"error: {error}")
    print(LIBRARY)
