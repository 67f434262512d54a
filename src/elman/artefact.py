"""A saved model: a directory of plain files, checked by hash, replaced as a whole, never a pickle.

| file | holds |
|---|---|
| `model.json` | format version, task, training settings, measures, versions |
| `weights.safetensors` | the weights, by name |
| `codec.json` | the codec, which turns raw data into arrays and back |
| `history.json` | the measures of every evaluation |
| `items.safetensors` | hashes of the inputs of the training and validation parts |
| `memory.json`, `memory.safetensors` | last rows of the data and the state after them, for models that continue there |
| `training/` | state to resume from, or to extend: optimiser, carry, place in the text; `Fitted.save` leaves it out |
| `manifest.json` | sha256 and size of each of the above |

A new artefact is written beside its place and exchanged with the old one when it is complete and on disk; see
`_folder.py`. One thread of one process writes an artefact at a time; the others are refused, see `_lock.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from elman import _folder, _lock
from elman._errors import ArtefactError, shorten
from elman._show import Shown
from elman._types import Whole

FORMAT = "elman"
FORMAT_VERSION = 2
"""The version of the format, raised when an artefact has a file that an earlier elman would not know. Version 1 has no
history and no hashes."""

_MANIFEST, MODEL, CODEC, WEIGHTS = "manifest.json", "model.json", "codec.json", "weights.safetensors"
HISTORY, ITEMS = "history.json", "items.safetensors"
MEMORY, MEMORY_ARRAYS = "memory.json", "memory.safetensors"
STATE, _STATE_ARRAYS = "training/state.json", "training/state.safetensors"

_FILES = (MODEL, CODEC, WEIGHTS, HISTORY, ITEMS, MEMORY, MEMORY_ARRAYS, STATE, _STATE_ARRAYS)

_LARGEST_MANIFEST, _LARGEST_MODEL = 2**20, 2**26
_DEEPEST = 32  # levels of JSON; elman writes fewer than ten

ATTEMPTS = 5
"""The number of attempts to read an artefact that is replaced while it is read."""

Arrays = Mapping[str, np.ndarray]


class SavedState(Shown, msgspec.Struct, frozen=True):
    """A state to continue from: of training, or of a model after the data that it has read."""

    values: dict[str, Any]
    arrays: Arrays


class Contents(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """The contents of an artefact, as plain values and arrays."""

    model: dict[str, Any]
    codec: dict[str, Any]
    weights: Arrays
    history: dict[str, Any] | None = None
    items: Arrays | None = None
    memory: SavedState | None = None
    state: SavedState | None = None


class _Entry(msgspec.Struct, frozen=True):
    sha256: str
    bytes: Whole


class _Head(msgspec.Struct, frozen=True):
    """The part of a manifest that stays the same in all versions."""

    format: str
    format_version: int


class _Manifest(_Head, frozen=True):
    files: dict[str, _Entry]


@contextmanager
def claim(path: Path) -> Generator[None]:
    """Lets nobody else write the artefact `path` during a block.

    Raises:
        ArtefactError: another process or thread claims it, named with the time since when; or it cannot be written.
    """
    place = _resolved(path)
    with ExitStack() as lock:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock.enter_context(_lock.hold(place))
        except _lock.HeldError as error:
            raise ArtefactError(
                f"{path}: is being written {error}; wait until that has ended, or name another place (--out, out=...)"
            ) from None
        except OSError as error:
            raise _unsaved(path, error) from None
        yield


def write(path: Path, saved: Contents) -> None:
    """Writes `saved` to the directory `path`, and replaces an artefact that is there. Files there that are not elman's
    stay.

    Raises:
        ArtefactError: the directory holds something else, is claimed, or could not be written; its old contents stay
            whole.
    """
    with claim(path):
        place = _resolved(path)
        try:
            _refuse_foreign(place)
            _folder.replace(place, _files(saved), own=(*_FILES, _MANIFEST))
        except OSError as error:
            raise _unsaved(path, error) from None


def exists(path: Path) -> bool:
    """True if anything is at `path`, or an artefact that was moved aside from there when the machine stopped."""
    return _found(path) is not None


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises `ArtefactError` if `path` holds an artefact and `force` is not set, or anything that is no artefact."""
    existing = _found(path)
    if existing is not None and not force:
        moved = f" as {existing}, moved aside when a save was cut off" if existing != _resolved(path) else ""
        raise ArtefactError(
            f"{path}: exists{moved}; --resume goes on with it, --force (force=True) overwrites it, "
            "or name another place"
        )
    _refuse_foreign(_resolved(path))


def read(path: Path, *, with_state: bool = False) -> Contents:
    """Reads the artefact at `path` and checks every file against the manifest.

    Raises:
        ArtefactError: not an artefact, a newer format, or a damaged file, named.
    """
    return parse(path, check(path), with_state=with_state)


def check(path: Path) -> dict[str, bytes]:
    """Reads the files of an artefact, by name, and checks their hashes. An artefact that is replaced meanwhile is read
    again.

    Raises:
        ArtefactError: as `read`.
    """
    for _ in range(ATTEMPTS):
        place = _found(path)
        before = _identity(place)
        try:
            return _checked(path, place)
        except ArtefactError:
            if before == _identity(_found(path)):
                raise
    raise ArtefactError(f"{path}: is being written too often to be read; try again")


def parse(path: Path, files: dict[str, bytes], *, with_state: bool = False) -> Contents:
    """Decodes the files that `check` returned; `path` is for messages."""
    memory = state = None
    if MEMORY in files:
        memory = SavedState(_json(path, MEMORY, files), _arrays(path, MEMORY_ARRAYS, files))
    if with_state and STATE in files:
        state = SavedState(_json(path, STATE, files), _arrays(path, _STATE_ARRAYS, files))
    return Contents(
        model=_json(path, MODEL, files),
        codec=_json(path, CODEC, files),
        weights=_arrays(path, WEIGHTS, files),
        history=_json(path, HISTORY, files) if HISTORY in files else None,
        items=_arrays(path, ITEMS, files) if ITEMS in files else None,
        memory=memory,
        state=state,
    )


def peek(path: Path) -> Any:
    """The contents of `model.json`, before anything is checked; None where nothing can be read."""
    file = path / MODEL
    try:
        if _is_own(file, path) and file.stat().st_size <= _LARGEST_MODEL:
            return msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError, RecursionError):
        pass
    return None


def _resolved(path: Path) -> Path:
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise ArtefactError(f"{path}: cannot be followed ({error})") from None
    if not resolved.name:
        raise ArtefactError(f"{path}: is no place for an artefact; name a new folder")
    return resolved


def _found(path: Path) -> Path | None:
    """The place of the artefact of `path`: there, or moved aside; None if it is at neither."""
    try:
        return _folder.place(_resolved(path))
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be reached ({error.strerror})") from None


def _manifest(place: Path) -> bytes | None:
    """The manifest of an artefact of elman's, of any version; None where there is none."""
    file = place / _MANIFEST
    try:
        if not _is_own(file, place) or file.stat().st_size > _LARGEST_MANIFEST:
            return None
        content = file.read_bytes()
        return content if msgspec.json.decode(content, type=_Head).format == FORMAT else None
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def _refuse_foreign(path: Path) -> None:
    """Raises `ArtefactError` if `path` is anything else than an artefact, or cannot be replaced."""
    if not path.exists():
        return
    if _manifest(path) is None:
        raise ArtefactError(f"{path}: exists and is no elman artefact; choose another place")
    if Path.cwd().is_relative_to(path):
        raise ArtefactError(f"{path}: is the current folder, which cannot be replaced; run from elsewhere")


def _identity(place: Path | None) -> tuple[Path, int, int] | None:
    """The identity of an artefact, which changes when it is replaced: its path, the inode of its folder, and the time
    when that was moved, since a new folder may have the number of a deleted one."""
    try:
        status = None if place is None else place.stat()
    except OSError:
        return None
    return None if place is None or status is None else (place, status.st_ino, status.st_ctime_ns)


def _checked(path: Path, place: Path | None) -> dict[str, bytes]:
    if place is None:
        raise ArtefactError(f"{path}: no such artefact")
    content = _manifest(place)
    if content is None:
        raise ArtefactError(_no_manifest(path, place))
    version = msgspec.json.decode(content, type=_Head).format_version
    if version > FORMAT_VERSION:
        raise ArtefactError(
            f"{path}: written in format {version} by a newer elman; this one reads up to {FORMAT_VERSION}; upgrade it"
        )
    try:
        manifest = msgspec.json.decode(content, type=_Manifest)
    except msgspec.MsgspecError as error:
        raise ArtefactError(f"{path / _MANIFEST}: not what elman writes ({error})") from None
    if unknown := set(manifest.files) - set(_FILES):
        raise ArtefactError(f"{path}: its manifest lists {shorten(min(unknown))!r}, which is no file of an artefact")
    if sum(entry.bytes for entry in manifest.files.values()) > _memory():
        raise ArtefactError(f"{path}: its manifest lists more bytes than this machine's memory has")
    for name in manifest.files:
        if (place / name).exists() and not _is_own(place / name, place):
            raise ArtefactError(f"{path / name}: expected a plain file; got a link to another folder, or a device")
    return {name: _content(path / name, place / name, entry) for name, entry in manifest.files.items()}


def _no_manifest(path: Path, place: Path) -> str:
    """The sentence on a place whose manifest is none of elman's: it is lost or damaged where all else is there."""
    if not all((place / name).exists() for name in (MODEL, CODEC, WEIGHTS)):
        return f"{path}: not an elman artefact; expected a directory with a {_MANIFEST} of elman's"
    if not (place / _MANIFEST).exists():
        return f"{path / _MANIFEST}: missing; restore the artefact from a copy"
    if not (place / _MANIFEST).is_file():
        return f"{path / _MANIFEST}: expected a plain file; restore the artefact from a copy"
    return f"{path / _MANIFEST}: damaged: not what elman writes; restore the artefact from a copy"


def _is_own(file: Path, place: Path) -> bool:
    """True for a plain file in the folder `place`; links may point to others in it."""
    return file.is_file() and file.resolve().is_relative_to(place.resolve())


def _memory() -> int:
    """The bytes of memory of this machine; where the system does not tell, more than any has."""
    if not hasattr(os, "sysconf"):
        return 2**63
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _content(name: Path, place: Path, entry: _Entry) -> bytes:
    try:
        size = place.stat().st_size
        content = place.read_bytes() if size == entry.bytes else b""
    except FileNotFoundError:
        raise ArtefactError(f"{name}: missing; restore the artefact from a copy") from None
    except OSError as error:
        raise ArtefactError(f"{name}: cannot be read ({error.strerror})") from None
    if size != entry.bytes:
        raise ArtefactError(
            f"{name}: damaged: {size:,} bytes where {entry.bytes:,} were written; restore it from a copy"
        )
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ArtefactError(f"{name}: damaged: its checksum differs; restore it from a copy")
    return content


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a pytree by path, such as `layers.cells.0.kernel`, contiguous as safetensors needs them.

    >>> list(named_arrays({"a": [np.zeros(2), np.ones(1)]}))
    ['a.0', 'a.1']
    """
    return {name: np.asarray(leaf, order="C") for name, leaf in _named_leaves(tree)}


def shapes_by_name(tree: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays of a pytree by path, as `named_arrays` names them."""
    return {name: tuple(leaf.shape) for name, leaf in _named_leaves(tree)}


def fill(tree: Any, arrays: Arrays, *, what: str, put: Callable[[np.ndarray], Any] | None = None) -> Any:
    """A copy of `tree` (of arrays or shapes) with its leaves taken from `arrays` by name, as arrays of JAX or as `put`
    makes them.

    Raises:
        ArtefactError: a name is missing or unknown, or a shape or type differs.
    """
    import jax

    known = [name for name, _ in _named_leaves(tree)]
    names = iter(known)
    if extra := set(arrays) - set(known):
        raise ArtefactError(f"{what}: holds {shorten(min(extra))}, which this model does not have")

    def leaf(expected: Any) -> Any:
        name = next(names)
        array = arrays.get(name)
        if array is None or array.shape != expected.shape or array.dtype != expected.dtype:
            came = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise ArtefactError(f"{what}: expected {name}, {expected.dtype} of shape {expected.shape}; got {came}")
        if put is not None:
            return put(array)
        return jax.device_put(array, may_alias=False)  # jax.numpy.array would compile a program for each shape

    return jax.tree.map(leaf, tree)


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(at, simple=True, separator="."), leaf) for at, leaf in leaves]


def _files(saved: Contents) -> dict[str, bytes]:
    """The files of an artefact; the manifest is the last."""
    files = {
        MODEL: _pretty(saved.model),
        CODEC: msgspec.json.encode(saved.codec),
        WEIGHTS: save_arrays(dict(saved.weights)),
    }
    if saved.history is not None:
        files[HISTORY] = msgspec.json.encode(saved.history)
    if saved.items is not None:
        files[ITEMS] = save_arrays(dict(saved.items))
    if saved.memory is not None:
        files[MEMORY] = _pretty(saved.memory.values)
        files[MEMORY_ARRAYS] = save_arrays(dict(saved.memory.arrays))
    if saved.state is not None:
        files[STATE] = _pretty(saved.state.values)
        files[_STATE_ARRAYS] = save_arrays(dict(saved.state.arrays))
    listed = {name: _Entry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    return files | {_MANIFEST: _pretty(_Manifest(FORMAT, FORMAT_VERSION, listed))}


def _unsaved(path: Path, error: OSError) -> ArtefactError:
    kept = "the artefact saved before is whole" if exists(path) else "nothing was written"
    return ArtefactError(f"{path}: cannot be saved ({error.strerror or error}); {kept}")


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _json(path: Path, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    if name not in files:
        raise ArtefactError(f"{path}: its manifest lists no {name}; restore the artefact from a copy")
    try:
        values = msgspec.json.decode(files[name], type=dict[str, Any])
        _check_depth(values)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ArtefactError(f"{path / name}: not what elman writes ({error})") from None
    return values


def _check_depth(values: Any) -> None:
    level, depth = [values], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise RecursionError(f"more than {_DEEPEST} levels of lists and objects")
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [one for each in inner for one in each if isinstance(one, list | dict)]


def _arrays(path: Path, name: str, files: dict[str, bytes]) -> Arrays:
    if name not in files:
        raise ArtefactError(f"{path}: its manifest lists no {name}; restore the artefact from a copy")
    try:
        return load_arrays(files[name])
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise ArtefactError(f"{path / name}: not a safetensors file that NumPy can read ({error})") from None
