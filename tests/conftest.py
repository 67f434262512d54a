"""Run-time shape checks for the whole suite, real data where there is some, and small texts."""

import fcntl
import os
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import elman.tasks
import tests.typechecker  # noqa: F401 - named below

EXAMPLES = 100 if os.environ.get("ELMAN_ALL") else 25  # that Hypothesis tries, in the second tier and in the first
settings.register_profile("elman", deadline=None, derandomize=True, max_examples=EXAMPLES)
settings.load_profile("elman")

SOURCES = Path(elman.tasks.__path__[0]).parent
BINDERS = (
    "task",
    "fitted",
    "generate",
)  # which bind the parts of a task, or loop over numbers that become arrays in jit


def _array_code():
    """The modules of functions on arrays. The checks cost more than what small functions on texts do themselves."""
    for pattern in ("ops", "cells", "recurrence", "layers", "formats", "words", "metrics", "tasks/*"):
        for file in SOURCES.glob(f"{pattern}/**/*.py"):
            if "from jaxtyping import" in file.read_text() and not (pattern == "tasks/*" and file.stem in BINDERS):
                yield ".".join(file.relative_to(SOURCES.parent).with_suffix("").parts)


install_import_hook([*_array_code()], "tests.typechecker.check")

SMALL_TEXT = "the cat sat on the mat. the dog ate the cat's hat, and that was that.\n" * 40


@pytest.fixture
def unchecked():
    """Without the suite's shape checks, to see the errors that users see."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def small_text() -> str:
    return SMALL_TEXT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that `ELMAN_DATA` names."""
    folder = Path(os.environ.get("ELMAN_DATA", ""))
    if not os.environ.get("ELMAN_DATA") or not folder.is_dir():
        pytest.skip("needs real data: set ELMAN_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, fill)`: a folder that `fill(folder)` filled, by the first process that asked for it."""
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(name, fill):
        with open(run / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (run / name).exists():
                filled = tmp_path_factory.mktemp(name)
                fill(filled)
                filled.rename(run / name)
        return run / name

    return once


@pytest.fixture(scope="session")
def small_fitted(tmp_path_factory):
    """A small model trained for a few steps, and its data."""
    import elman
    from elman.training.reporters import Quiet

    task = elman.LanguageModelling(hidden_size=16, embedding_size=8, batch_size=4, unroll_length=16, dropout=0.1)
    data = task.read_text(SMALL_TEXT)
    return elman.fit(task, data, steps=30, evaluations=2, report=Quiet()), data
