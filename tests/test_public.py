import subprocess
import sys

import elman


def test_every_public_name_can_be_imported_and_no_other():
    assert sorted(elman.__all__) == sorted(elman._HOME)
    assert all(getattr(elman, name).__doc__ for name in elman.__all__)
    assert elman.__version__
    namespace = {}
    exec("from elman import *", namespace)
    assert set(elman.__all__) <= set(namespace)


def test_importing_elman_and_its_settings_does_not_import_jax_or_numpy():
    program = (
        "import sys, elman; elman.LanguageModelling(); elman.Training(); elman.Sampling(); "
        "sys.exit('jax' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_data_does_not_import_jax():
    program = "import sys, elman.data.corpus, elman.data.streams; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
