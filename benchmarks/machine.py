"""Where and with what a benchmark runs: processor, versions, commit. The standard library only."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

LIBRARIES = ("elman", "jax", "jaxlib", "numpy", "torch", "keras", "onnxruntime", "scikit-learn", "statsmodels")
CPU = Path("/sys/devices/system/cpu/cpu0/cache")
# The widest of these says most about how fast products are; elman's kernels have a build for each.
INSTRUCTION_SETS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}


def processor():
    """The model, with the numbers that tell two generations of one name apart; instruction set, caches and cores."""
    description = described()
    numbers = [description[name] for name in ("cpu family", "model", "CPU part") if name in description]
    flags = description.get("flags", description.get("Features", "")).split()
    return {
        "model": " ".join([description.get("model name") or platform.processor() or platform.machine(), *numbers]),
        "instruction_set": next((name for flag, name in INSTRUCTION_SETS.items() if flag in flags), "baseline"),
        "caches": caches(),
        "cores": os.cpu_count(),
    }


def described():
    """The facts that Linux gives about the first processor; nothing on other systems."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}


def caches():
    """{"L1": "32K", ...}: what holds data, as Linux tells it."""
    sizes = {}
    for place in sorted(CPU.glob("index*")):
        kind, level, size = ((place / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            sizes[f"L{level}"] = size
    return sizes


def versions():
    versions_of = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions_of[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions_of


def commit():
    """The commit of this checkout, and whether anything but the results differs from it; None outside a repository."""
    root = Path(__file__).parents[1]

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--", ".", ":!benchmarks/results", ":!docs/benchmarks.md")
        return git("rev-parse", "--short", "HEAD").strip() + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def slug(model):
    """A processor's name as a part of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
