"""Public names are those of `elman` and of docs/reference.md; what a part does not need is not imported with it."""

import inspect
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

import elman
from elman.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
LINKS = dict(re.findall(r"^- \[`(\S+)`\]\(\.\./(\S+)\)$", REFERENCE, re.M))
"""The source file of each name of the reference, as the page links it."""
DOCUMENTED = list(LINKS)
PRIVATE = {
    f"{folder}.{name}"
    for folder, names in re.findall(r"^\| `(elman\S*)` \| (.*) \|$", REFERENCE, re.M)
    for name in re.findall(r"`(\w+)`", names)
}
MODULES = {module.name: module.ispkg for module in pkgutil.walk_packages(elman.__path__, "elman.")}
"""Each module of elman, and whether it is a package."""


def found(path):
    """The module or the object that a line of the reference names."""
    if path in MODULES:
        return import_module(path)
    home, _, name = path.rpartition(".")
    return getattr(import_module(home), name)


def exported(module):
    """The names of `__all__`, or the public ones that a module defines itself."""
    names = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return getattr(module, "__all__", [name for name in names if not name.startswith("_")])


def public():
    """Every class and function that the reference documents, by where it is documented."""
    objects = {path: found(path) for path in DOCUMENTED}
    modules = {path: module for path, module in objects.items() if inspect.ismodule(module)}
    inner = {f"{path}.{name}": getattr(module, name) for path, module in modules.items() for name in exported(module)}
    return {path: value for path, value in objects.items() if path not in modules} | inner


def holds(value, objects):
    return any(value is other for other in objects)


def test_every_public_name_can_be_imported_and_no_other():
    assert sorted(elman.__all__) == sorted(elman._HOME)
    assert elman.__version__
    namespace = {}
    exec("from elman import *", namespace)
    assert set(elman.__all__) <= set(namespace)


def test_the_reference_documents_what_packages_export():
    packages = [import_module(name) for name in MODULES if MODULES[name] and name not in PRIVATE]
    listed = {module.__name__: module.__all__ for module in [elman, *packages] if hasattr(module, "__all__")}
    objects = public().values()
    missing = [
        f"{name}.{item}"
        for name, items in listed.items()
        for item in items
        if not holds(getattr(import_module(name), item), objects)
    ]
    assert not missing
    assert len(listed) > 5


def test_the_reference_links_each_name_to_its_source():
    """On a code host the page is read as it is; MkDocs puts the docstrings in its place (scripts/reference_hook.py)."""
    homes = {path: path if path in MODULES else found(path).__module__ for path in DOCUMENTED}
    sources = {path: str(Path(str(import_module(home).__file__)).relative_to(ROOT)) for path, home in homes.items()}
    assert sources == LINKS, "mend the links in docs/reference.md"
    page = SimpleNamespace(file=SimpleNamespace(src_uri="reference.md"))
    built = run_path(str(ROOT / "scripts" / "reference_hook.py"))["on_page_markdown"](REFERENCE, page=page)
    assert re.findall(r"^::: (\S+)$", built, re.M) == DOCUMENTED
    assert "](../src/" not in built, "each name stands on a line of its own"


def test_public_names_have_docstrings():
    members = {
        f"{path}.{name}": member
        for path, value in public().items()
        if inspect.isclass(value)
        for name, member in inspect.getmembers(value)
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property))
        if getattr(inspect.unwrap(member), "__module__", "elman").startswith("elman")
    }
    assert not [path for path, value in (public() | members).items() if not inspect.getdoc(value)]


def test_every_module_is_in_the_reference_or_said_to_be_private():
    homes = {path if path in MODULES else path.rpartition(".")[0] for path in DOCUMENTED}
    homes |= {getattr(value, "__module__", None) for value in public().values()}
    inner = {name for name in MODULES if any(name.startswith(f"{folder}.") for folder in PRIVATE)}
    named = {name for name in MODULES if not any(part.startswith("_") for part in name.split("."))} - inner
    files = {name for name in named if not MODULES[name]}
    assert not files - homes - PRIVATE, "document these in docs/reference.md, or list them there as private"
    assert named >= PRIVATE
    assert not PRIVATE & homes


@pytest.mark.parametrize(
    "page",
    [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", *sorted((ROOT / "lessons").glob("[0-9]*.py"))],
    ids=lambda page: page.name,
)
def test_docs_and_lessons_use_public_names(page):
    imports = re.findall(r"^ *from (elman[\w.]*) import (\([^)]*\)|.*)$", page.read_text(), re.M)
    names = [(module, name) for module, names in imports for name in re.findall(r"(\w+)(?: as \w+)?", names)]
    open_modules = {path for path in DOCUMENTED if path in MODULES}
    objects = public().values()
    for module, name in names:
        path, value = f"{module}.{name}", getattr(import_module(module), name)
        assert path in DOCUMENTED or module in open_modules or holds(value, objects), f"{path} is private"


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
