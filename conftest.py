"""The two tiers of the suite, the programs that its tests share, and names that docstring examples take for granted.

Without `--all` the tests marked `slow` are left out, and all but n cases of one that is marked `sample(n)`; a test that
takes more than `LIMIT` fails the run. Programs are compiled quickly and run slowly, since most of them run once. With
`--optimised` they are compiled as users do, and only those tests run whose results optimisations may change; `--second`
leaves to that run what is not of the first tier anyway.
"""

import ctypes
import gc
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from functools import partial
from importlib.util import find_spec

import pytest

LIMIT = 20  # seconds of processor time, set-up and children included; a busy machine does not make them more
LARGEST_CACHE = 2**30  # bytes
QUICK_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)

IMPORTING = {"torch": ("torch_network", "torch_trace"), "onnx": ("onnx_graph", "onnx_ops", "onnx_recurrence")}
collect_ignore = [  # by doctest, where there is no peer that they import
    f"src/elman/interop/{module}.py" for peer in IMPORTING if find_spec(peer) is None for module in IMPORTING[peer]
]

PROCESSOR_SECONDS, STARTED = "processor_seconds", pytest.StashKey[float]()


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also run the second tier: what is slow, and what needs peers")
    parser.addoption("--second", action="store_true", help="of `--all`, leave out the first tier and `--optimised`")
    parser.addoption("--optimised", action="store_true", help="run only tests so marked, compiled as users do")


def pytest_configure(config):
    """Sets what JAX, and the commands that tests start, read from the environment."""
    if config.getoption("--all"):
        os.environ["ELMAN_ALL"] = "1"  # a peer that is missing is then an error
    elif not (hasattr(config, "workerinput") or config.getoption("--optimised") or config.getoption("--cov", None)):
        config.pluginmanager.register(TimeLimit())
    if not config.getoption("--optimised"):
        os.environ["XLA_FLAGS"] = f"{QUICK_TO_COMPILE} {os.environ.get('XLA_FLAGS', '')}"
    if not hasattr(config, "workerinput"):  # what tests train with is none of the user's business
        os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="elman-state-")
        config.add_cleanup(partial(shutil.rmtree, os.environ["XDG_STATE_HOME"]))
    # Most of the suite's time is JAX compiling: what one process has compiled, others and later runs need not.
    programs = config.rootpath / ".pytest_cache" / "d" / "programs"  # what pytest --cache-clear deletes
    programs.mkdir(parents=True, exist_ok=True)
    if not hasattr(config, "workerinput") and sum(file.stat().st_size for file in programs.iterdir()) > LARGEST_CACHE:
        shutil.rmtree(programs)
        programs.mkdir()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(programs))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    sampled = _samples(items)
    first = {item for item in items if item in sampled and not item.get_closest_marker("slow")}
    optimised = {item for item in items if item in sampled and item.get_closest_marker("optimised")}
    if config.getoption("--optimised"):
        selected = optimised
    elif config.getoption("--second"):
        selected = {*items} - first - optimised
    else:
        selected = {*items} if config.getoption("--all") else first
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = [item for item in items if item in selected]


def pytest_make_parametrize_id(config, val, argname):
    """Bytes are not part of a test's name: archives hold the time, and two processes are to collect the same tests."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish():
    gc.freeze()  # what was imported and collected stays: not to go through it again and again saves a twentieth


def _samples(items):
    """All items but the cases of tests marked `sample(n)` that are not among n evenly spaced ones."""
    cases = defaultdict(list)
    for item in items:
        marker = item.get_closest_marker("sample")
        count = marker.args[0] if marker else None
        cases[item.nodeid.split("[")[0] if count else item.nodeid, count].append(item)
    return {
        case
        for (_, count), all_cases in cases.items()
        for case in (all_cases[:: -(-len(all_cases) // count)] if count else all_cases)
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[STARTED] = _processor_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "teardown":
        item.user_properties.append((PROCESSOR_SECONDS, _processor_seconds() - item.stash[STARTED]))
        report.user_properties = item.user_properties
    return report


@pytest.fixture(autouse=True, scope="module")
def _programs_of_one_file():
    """Drops a file's compiled programs after it, and gives their memory back; they pile up to gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        if sys.platform == "linux":
            getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)  # of the GNU C library, which keeps what is freed


@pytest.fixture(scope="session")
def doctest_namespace():
    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import numpy as np

    import elman

    return {"elman": elman, "jax": jax, "jnp": jnp, "jr": jr, "np": np}


class TimeLimit:
    """Fails the run where a test of the first tier takes too long."""

    def __init__(self):
        self.slow = []

    def pytest_runtest_logreport(self, report):
        seconds = dict(report.user_properties).get(PROCESSOR_SECONDS, 0)
        if report.when == "teardown" and seconds > LIMIT:
            self.slow.append((seconds, report.nodeid))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        if self.slow and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for seconds, name in self.slow:
            terminalreporter.write_line(
                f"TOO SLOW {name}: {seconds:.0f} s of processor time; a test of the first tier takes {LIMIT} s at the "
                "most. Make it smaller, or move it to the second tier with @pytest.mark.slow",
                red=True,
            )


def _processor_seconds():
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
