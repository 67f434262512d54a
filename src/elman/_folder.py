"""A folder of files, or one file, that is replaced as a whole: at every moment a complete one is at its place.

| beside the folder | holds |
|---|---|
| `.NAME.new` | the folder that is being written, or the one before, which is being deleted; it is never read |
| `.NAME.old` | the folder before, between two moves, where a system cannot exchange two folders in one step |

A process that is killed may leave either behind. The next one that replaces the folder clears them away. A file that is
not of the folder's own is never deleted; it is moved into the folder that takes the place of its own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2."""

AT_FDCWD = -100
"""The mark of a path that is no path below an open folder, on Linux."""

CANNOT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The errors of a system or a file system that cannot exchange two folders."""


def place(path: Path) -> Path | None:
    """The place of the folder `path`: there, or moved aside when a move was cut off; None if it is at neither."""
    return next((at for at in (path, aside(path)) if at.exists()), None)


def aside(path: Path) -> Path:
    """The place of the folder before, between the two moves of a system that cannot exchange folders."""
    return path.with_name(f".{path.name}.old")


def replace(path: Path, files: Mapping[str, bytes], *, own: Sequence[str]) -> None:
    """Writes a folder of `files` to `path`, in place of one that is there. Only one process may do so at a time.

    Args:
        path: the absolute path of the folder.
        files: the contents, by path below the folder.
        own: the paths of all files that such a folder may have, which are deleted with it.

    Raises:
        OSError: it could not be written; the folder before is whole.
    """
    beside = path.with_name(f".{path.name}.new")
    _clear_leftovers(path, beside, own)
    try:
        _write(beside, files)
        _move(beside, path)
    except BaseException:
        _delete(beside, own)
        raise
    with suppress(OSError):  # it is written; what stays is for the next time
        _keep_foreign(beside, path, own)
        _delete(beside, own)


def replace_file(path: Path, content: bytes, *, beside: Path) -> None:
    """Writes a file that its owner alone may read, in place of one that is there; when this returns, it is on disk.
    `beside` is another name in the same directory, which no other process uses; a kill may leave a file there.

    Raises:
        OSError: it could not be written; the file before is whole.
    """
    try:
        with open(beside, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync(path.parent)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _clear_leftovers(path: Path, beside: Path, own: Sequence[str]) -> None:
    """Clears away what a killed process left behind."""
    if aside(path).exists() and not path.exists():
        os.rename(aside(path), path)
    for leftover in (beside, aside(path)):
        _keep_foreign(leftover, path, own)
        _delete(leftover, own)
        if os.path.lexists(leftover):
            raise FileExistsError(errno.EEXIST, f"{leftover} has other files; move it away first")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for directory in (folder, *filter(Path.is_dir, folder.iterdir())):
        _sync(directory)


def _move(beside: Path, path: Path) -> None:
    """Moves `beside` to `path`, and what was there to `beside`."""
    if not path.exists():
        os.rename(beside, path)
    elif not _exchange(beside, path):
        os.rename(path, aside(path))
        try:
            os.rename(beside, path)
        except OSError:
            os.rename(aside(path), path)
            raise
        os.rename(aside(path), beside)
    _sync(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders, so that no moment is without either; returns False where that is not possible."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:  # of an old C library
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number))


def _keep_foreign(folder: Path, path: Path, own: Sequence[str]) -> None:
    """Moves what is not of the folder's own to the same place in the folder `path`, unless that has one."""
    for name in _foreign(folder, own):
        if path.exists() and not os.path.lexists(path / name):
            (path / name).parent.mkdir(exist_ok=True)
            os.rename(folder / name, path / name)


def _delete(folder: Path, own: Sequence[str]) -> None:
    """Deletes a folder with the files of its own; it stays if anything else is in it."""
    with suppress(OSError):
        for directory in _folders(folder, own):
            for name in own:
                if (folder / name).parent == directory:
                    (folder / name).unlink(missing_ok=True)
            directory.rmdir()


def _foreign(folder: Path, own: Sequence[str]) -> list[str]:
    folders = _folders(folder, own)
    entries = [entry for directory in folders for entry in directory.iterdir() if entry not in folders]
    return [name for name in (entry.relative_to(folder).as_posix() for entry in entries) if name not in own]


def _folders(folder: Path, own: Sequence[str]) -> list[Path]:
    """The folder and those in it that files of its own are in, inner ones first; a link to another is none of them."""
    names = {parent for name in own for parent in Path(name).parents}
    folders = [folder / name for name in sorted(names, reverse=True)]
    return [directory for directory in folders if directory.is_dir() and not directory.is_symlink()]


def _sync(directory: Path) -> None:
    """Makes renames in a directory durable; only POSIX systems can."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
