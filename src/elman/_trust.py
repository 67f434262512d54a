"""The import of what settings name as `module:Class`, and the trust that a saved model needs for it.

Whoever names a module in a setting of his own runs it. A saved model may come from anyone: while one is read
(`reading`), a module is imported only if the user trained with it on this machine, or names it himself (`trusting`).
Training keeps the sha256 of the module's source (`remember`) in `$XDG_STATE_HOME/elman/trusted`, by default below
`~/.local/state`: a line for each, as `sha256sum` writes them. A source that has changed since is another module.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

from elman._errors import ArtefactError, ConfigError, shorten

FOLDERS: list[str] = []
"""Folders in which modules are looked for after those of Python's path: for the command line, the current one."""


class Untrusted(ArtefactError):
    """A saved model that needs a module of a user's, which is not trusted; nothing of it was imported."""


class _Reading(NamedTuple):
    """A saved model that is being read."""

    file: Path
    remembered: bool
    """True if modules are trusted with which the user trained."""


class _Source(NamedTuple):
    """The source of a module, or of a package that holds it."""

    module: str
    file: Path
    sha256: str


_READING: ContextVar[_Reading | None] = ContextVar("reading", default=None)
_TRUSTED: ContextVar[frozenset[str]] = ContextVar("trusted", default=frozenset())
_OF_THIS_PROCESS: set[tuple[str, str]] = set()
"""The hashes and names that training could keep for this process alone, and names in the script that runs."""


@contextmanager
def reading(file: Path, *, remembered: bool = True) -> Generator[None]:
    """Reads a saved model in this block: `find_named` refuses modules that are not trusted. Messages name `file`; with
    `remembered=False` training with a module does not make it trusted."""
    token = _READING.set(_Reading(file, remembered))
    try:
        yield
    finally:
        _READING.reset(token)


@contextmanager
def trusting(names: str | Iterable[str]) -> Generator[None]:
    """Trusts modules in this block: saved models may import them for a cell or task, though the user has not trained
    with them on this machine. `module:function` trusts a function too that builds a cell.

    >>> with elman.trusting("mycells"):
    ...     task = elman.Classification(start_from="a-model-that-needs-mycells.elman")
    """
    token = _TRUSTED.set(_TRUSTED.get() | {names} if isinstance(names, str) else _TRUSTED.get() | {*names})
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def trusted() -> list[str]:
    """The modules that are trusted by name here."""
    return sorted(_TRUSTED.get())


def find_named(name: str) -> Any:
    """The object that `module:Class` or `module:Outer.Inner` names, None if the module has none of this name.

    >>> find_named("fractions:Fraction").__name__
    'Fraction'

    Raises:
        ConfigError: no import path, or a module that cannot be imported.
        Untrusted: a saved model names it, and it is not trusted.
    """
    module, _, place = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *place.split("."))):
        raise ConfigError(f"{shorten(name)!r}: expected module:Class")
    now = _READING.get()
    if now is not None:
        _check(now, name, module)
    sys.path.extend(folder for folder in FOLDERS if folder not in sys.path)  # to stay: it may import others later
    try:
        value: Any = import_module(module) if now is None else _import_source(module)
    except Exception as error:  # whatever a user's module raises
        raise ConfigError(
            f"{shorten(name)!r}: cannot import {module!r} ({error}); expected module:Class or module:function"
        ) from None
    for part in place.split("."):
        value = getattr(value, part, None) if isinstance(value, types.ModuleType | type) else None
    return value


def may_call(name: str, function: Any) -> bool:
    """True if a function named `module:function` may be called: by a saved model only a function of a trusted module,
    not one that it imports, and only one that was trained with or is trusted by its own name."""
    now = _READING.get()
    if now is None or name in _TRUSTED.get():
        return callable(function)
    module = name.partition(":")[0]
    if not isinstance(function, types.FunctionType) or function.__module__ != module:
        return False
    own = {line for line in _lines(name) if line[1] == name}  # without the packages that hold the module
    return now.remembered and not own.isdisjoint(_remembered())


def remember(names: Iterable[str]) -> None:
    """Keeps that the user trains with what these import paths name, so that saved models may name it too."""
    lines = {line for name in names for line in _lines(name)}
    new = lines - _remembered()
    written = [f"{sha256}  {name}\n" for sha256, name in sorted(new) if sha256]
    _OF_THIS_PROCESS.update(line for line in new if not line[0])
    if not written:
        return
    try:
        store = _store()
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with store.open("a") as file:
            file.write("".join(written))
    except OSError as error:
        _OF_THIS_PROCESS.update(new)
        warnings.warn(
            f"{error.filename}: cannot be written ({error.strerror}); later processes will load the model only with "
            "--trust. Set XDG_STATE_HOME to a folder of your own",
            stacklevel=2,
        )


def _check(now: _Reading, name: str, module: str) -> None:
    """Refuses a module that is not trusted. A script or notebook that runs already is not imported again."""
    packages = {module[:end] for end, letter in enumerate(f"{module}.") if letter == "."}
    if module == "__main__" or {each.partition(":")[0] for each in _TRUSTED.get()} & packages:
        return
    needs = f"{now.file}: needs {shorten(name)!r}"
    mend = f"--trust {module} (elman.load(path, trust=({module!r},)))"
    if not now.remembered:
        raise Untrusted(f"{needs}, which is not imported without {mend}")
    sources = _sources(module)
    if sources is None:
        raise ArtefactError(
            f"{needs}: cannot import {module!r}: no such module; run where its file is, or add its folder to PYTHONPATH"
        )
    remembered = {(sha256, kept.partition(":")[0]) for sha256, kept in _remembered()}
    strange = [source for source in sources if (source.sha256, source.module) not in remembered]
    if strange or not sources:
        file = strange[0].file if strange else "Python itself"
        changed = strange and strange[0].module in {kept for _, kept in remembered}
        why = "has changed since you trained with it" if changed else "you have not trained with on this machine"
        raise Untrusted(f"{needs}, from {file}, which {why}. Loading runs it; if you trust it, {mend}")


def _lines(name: str) -> Iterator[tuple[str, str]]:
    """The hashes and names to keep for an import path: its own, and those of the packages that hold its module."""
    module = name.partition(":")[0]
    if module == "__main__":
        yield "", name
        return
    for source in _sources(module) or ():
        yield source.sha256, name if source.module == module else source.module


def _remembered() -> set[tuple[str, str]]:
    try:
        lines = _store().read_text(errors="replace").splitlines()
    except OSError:
        return _OF_THIS_PROCESS
    return _OF_THIS_PROCESS | {(sha256, name) for sha256, _, name in (line.partition("  ") for line in lines)}


def _store() -> Path:
    """The file of what the user trained with. Without a home folder it is in a folder for temporary files that nobody
    else may write to.

    Raises:
        OSError: there is no such folder.
    """
    base = os.environ.get("XDG_STATE_HOME")
    try:
        folder = Path(base) if base else Path.home() / ".local" / "state"
    except RuntimeError:  # there is no home, nor a name of the user to find it by
        return _private_folder() / "trusted"
    return folder / "elman" / "trusted"


def _private_folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "own"
    folder = Path(tempfile.gettempdir()) / f"elman-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if folder.is_symlink() or state.st_mode & 0o022 or (hasattr(os, "getuid") and state.st_uid != user):
        raise PermissionError(1, "others may write to it", str(folder))
    return folder


def _sources(module: str) -> list[_Source] | None:
    """The sources of a module and of the packages that hold it, the outermost first, found without importing any; None
    if there is no such module. Modules that are built into Python, and packages without a file, have none."""
    parts, sources, places = module.split("."), [], None
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        spec = _spec(name, places)
        if spec is None or (depth < len(parts) and spec.submodule_search_locations is None):
            return None
        places = spec.submodule_search_locations
        if spec.has_location and spec.origin:
            sources.append(_Source(name, Path(spec.origin), _hash(spec)))
    return sources


def _hash(spec: ModuleSpec) -> str:
    """The sha256 of a module's source, also of one in an archive; empty where it cannot be read, and not trusted."""
    loader: Any = spec.loader
    try:
        return hashlib.sha256(loader.get_data(spec.origin)).hexdigest()
    except (OSError, AttributeError):
        return ""


def _spec(name: str, places: Sequence[str] | None) -> ModuleSpec | None:
    """The place of a module, as `import` finds it. `importlib.util.find_spec` would import the package around it."""
    more = [folder for folder in FOLDERS if folder not in sys.path]
    sys.path.extend(more)
    try:
        finders = (finder.find_spec for finder in sys.meta_path if hasattr(finder, "find_spec"))
        return next((spec for spec in (find(name, places) for find in finders) if spec is not None), None)
    finally:
        for folder in more:
            sys.path.remove(folder)


def _import_source(module: str) -> types.ModuleType:
    """Imports a module from its source, whose hash is known, and not from compiled code that may lie beside it."""
    before = sys.pycache_prefix, sys.dont_write_bytecode
    sys.pycache_prefix, sys.dont_write_bytecode = os.path.join(os.devnull, "none"), True
    try:
        return import_module(module)
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode = before
