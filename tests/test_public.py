import subprocess
import sys

import pytest

import elman
from elman.cli.main import COMMANDS


def test_every_public_name_can_be_imported_and_no_other():
    assert sorted(elman.__all__) == sorted(elman._HOME)
    assert all(getattr(elman, name).__doc__ for name in elman.__all__)
    assert elman.__version__
    namespace = {}
    exec("from elman import *", namespace)
    assert set(elman.__all__) <= set(namespace)


def test_importing_elman_and_its_settings_does_not_import_jax_or_numpy():
    program = (
        "import sys, elman; from elman.tasks.registry import TASKS, find_settings; "
        "[find_settings(name)() for name in TASKS]; elman.Training(); elman.Sampling(); "
        "sys.exit('jax' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize("command", [None, *COMMANDS, "train --task tagging", "train --task forecasting"])
def test_help_imports_nothing_heavy(command):
    program = f"""
import sys
from elman.cli.main import run
try:
    run({[*(command or "").split(), "--help"]})
except SystemExit as done:
    assert not done.code
print([name for name in ("jax", "numpy", "equinox", "optax", "typeguard", "rich") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_training_is_named_without_what_only_training_needs():
    program = "import sys, elman; elman.fit, elman.load; sys.exit('equinox' in sys.modules or 'optax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_data_does_not_import_jax():
    program = "import sys, elman.tasks.language_modelling.corpus, elman.words.streams; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
