"""A saved model: a directory of plain files, checked by hash, replaced as a whole, never a pickle.

| file | holds |
|---|---|
| `model.json` | format version, task, training settings, measures, versions |
| `weights.safetensors` | the weights, by name |
| `codec.json` | what turns raw data to arrays and back |
| `training/` | state to resume from: optimiser, carry, place in the text; gone once training is done |
| `manifest.json` | sha256 and size of each of the above |

A directory is written beside its place and moved in when it is complete and on disk. The one before it is moved aside
first: if the machine stops between these two moves, it is read from there, and the next `write` puts it back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from elman._errors import ArtefactError

FORMAT = "elman"
FORMAT_VERSION = 1

_MANIFEST, _MODEL, _CODEC, _WEIGHTS = "manifest.json", "model.json", "codec.json", "weights.safetensors"
_STATE, _STATE_ARRAYS = "training/state.json", "training/state.safetensors"

Arrays = Mapping[str, np.ndarray]


class State(msgspec.Struct, frozen=True):
    """A state of training to resume from."""

    values: dict[str, Any]
    arrays: Arrays


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of an artefact, as plain values and arrays."""

    model: dict[str, Any]
    codec: dict[str, Any]
    weights: Arrays
    state: State | None = None


class _Entry(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct, frozen=True):
    format: str
    format_version: int
    files: dict[str, _Entry]


def write(path: Path, saved: Saved) -> None:
    """Writes `saved` to the directory `path`, in place of an artefact that is there.

    Raises:
        ArtefactError: the directory holds something else, or could not be written; what was there stays whole.
    """
    path = path.resolve()
    beside = path.with_name(f".{path.name}.new")
    try:
        _recover(path)
        if path.exists() and not (path / _MANIFEST).exists():
            raise ArtefactError(f"{path}: exists and is no elman artefact; choose another place")
        _write_files(beside, saved)
        _replace(path, beside)
    except OSError as error:
        raise ArtefactError(
            f"{path}: cannot be saved ({error.strerror or error}); "
            + ("the artefact saved before is whole" if exists(path) else "nothing was written")
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def exists(path: Path) -> bool:
    """Whether there is anything at `path`, or an artefact that was moved aside from there when the machine stopped."""
    return path.exists() or _aside(path.resolve()).exists()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises `ArtefactError` where something is at `path` that was not to be overwritten."""
    if exists(path) and not force:
        raise ArtefactError(
            f"{path}: exists; --resume goes on with it, --force (force=True) overwrites it, or name another place"
        )


def read(path: Path, *, with_state: bool = False) -> Saved:
    """The contents of the artefact at `path`, every file checked against the manifest.

    Raises:
        ArtefactError: not an artefact, a newer format, or a damaged file, named.
    """
    return parse(path, check(path), with_state=with_state)


def check(path: Path) -> dict[str, bytes]:
    """The files of the artefact by name, after their hashes were found right. One that is replaced while it is read is
    read again.

    Raises:
        ArtefactError: as `read`.
    """
    while True:
        place = path.resolve()
        place = place if place.exists() else _aside(place)
        before = _manifest_bytes(place)
        try:
            return _checked(path, place, before)
        except ArtefactError:
            if before == _manifest_bytes(path.resolve()):
                raise


def parse(path: Path, files: dict[str, bytes], *, with_state: bool = False) -> Saved:
    """The contents of files that `check` returned; `path` is for messages."""
    state = None
    if with_state and _STATE in files:
        state = State(_json(path, _STATE, files), _arrays(path, _STATE_ARRAYS, files))
    return Saved(
        model=_json(path, _MODEL, files),
        codec=_json(path, _CODEC, files),
        weights=_arrays(path, _WEIGHTS, files),
        state=state,
    )


def _manifest_bytes(place: Path) -> bytes | None:
    try:
        return (place / _MANIFEST).read_bytes()
    except OSError:
        return None


def _checked(path: Path, place: Path, manifest_bytes: bytes | None) -> dict[str, bytes]:
    if not place.exists():
        raise ArtefactError(f"{path}: no such artefact")
    try:
        manifest = msgspec.json.decode(manifest_bytes or b"", type=_Manifest)
    except msgspec.MsgspecError:
        manifest = None
    if manifest is None or manifest.format != FORMAT:
        raise ArtefactError(f"{path}: not an elman artefact; expected a directory with a {_MANIFEST} of elman's")
    if manifest.format_version > FORMAT_VERSION:
        raise ArtefactError(
            f"{path}: written in format {manifest.format_version} by a newer elman; this one reads up to "
            f"{FORMAT_VERSION}; upgrade it"
        )
    files = {}
    for name, entry in manifest.files.items():
        try:
            content = (place / name).read_bytes()
        except OSError:
            raise ArtefactError(f"{path / name}: missing; restore the artefact from a copy") from None
        if len(content) != entry.bytes:
            raise ArtefactError(
                f"{path / name}: damaged: {len(content):,} bytes where {entry.bytes:,} were written; "
                "restore it from a copy"
            )
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ArtefactError(f"{path / name}: damaged: its checksum differs; restore it from a copy")
        files[name] = content
    return files


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree by path, such as `layers.cells.0.kernel`, contiguous as safetensors needs them.

    >>> list(named_arrays({"a": [np.zeros(2), np.ones(1)]}))
    ['a.0', 'a.1']
    """
    return {name: np.asarray(leaf, order="C") for name, leaf in _named_leaves(tree)}


def fill(tree: Any, arrays: Arrays, *, what: str) -> Any:
    """`tree` (of arrays or shapes) with its leaves taken from `arrays` by name.

    Raises:
        ArtefactError: a missing name or another shape or type.
    """
    import jax

    names = iter([name for name, _ in _named_leaves(tree)])
    if extra := set(arrays) - {name for name, _ in _named_leaves(tree)}:
        raise ArtefactError(f"{what}: holds {min(extra)}, which this model does not have")

    def leaf(expected: Any) -> Any:
        name = next(names)
        found = arrays.get(name)
        if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
            came = "nothing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise ArtefactError(f"{what}: expected {name}, {expected.dtype} of shape {expected.shape}; got {came}")
        return jax.numpy.array(found)

    return jax.tree.map(leaf, tree)


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(at, simple=True, separator="."), leaf) for at, leaf in leaves]


def _write_files(folder: Path, saved: Saved) -> None:
    files = {
        _MODEL: _pretty(saved.model),
        _CODEC: msgspec.json.encode(saved.codec),
        _WEIGHTS: save_arrays(dict(saved.weights)),
    }
    if saved.state is not None:
        files[_STATE] = _pretty(saved.state.values)
        files[_STATE_ARRAYS] = save_arrays(dict(saved.state.arrays))
    listed = {name: _Entry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    manifest = _Manifest(FORMAT, FORMAT_VERSION, listed)
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in (files | {_MANIFEST: _pretty(manifest)}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for directory in (folder, *filter(Path.is_dir, folder.iterdir())):
        _sync(directory)


def _recover(path: Path) -> None:
    """Puts back an artefact that was moved aside when the machine stopped."""
    aside = _aside(path)
    if aside.exists() and path.exists():
        shutil.rmtree(aside)
    elif aside.exists():
        os.rename(aside, path)


def _replace(path: Path, beside: Path) -> None:
    aside = _aside(path)
    if path.exists():
        os.rename(path, aside)
    try:
        os.rename(beside, path)
    except OSError:
        if aside.exists():
            os.rename(aside, path)
        raise
    _sync(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _sync(directory: Path) -> None:
    """Makes renames in a directory last; not every system can."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _json(path: Path, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    if name not in files:
        raise ArtefactError(f"{path}: its manifest lists no {name}; restore the artefact from a copy")
    return msgspec.json.decode(files[name])


def _arrays(path: Path, name: str, files: dict[str, bytes]) -> Arrays:
    if name not in files:
        raise ArtefactError(f"{path}: its manifest lists no {name}; restore the artefact from a copy")
    try:
        return load_arrays(files[name])
    except SafetensorError as error:
        raise ArtefactError(f"{path / name}: not a safetensors file ({error})") from None
