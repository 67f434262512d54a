"""A lock on a path, which the operating system releases when its holder ends, however that ends.

It is a lock on the file `.NAME.lock` beside the path, in which the holder is described. The file is deleted with the
lock; one that a killed process left behind is not locked, and the next holder takes it over.
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import sys
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The errors of a file system that has no locks."""

LONGEST_COMMAND = 80


class HeldError(Exception):
    """A lock that is held elsewhere; the message says by whom and since when."""


class Holder(msgspec.Struct, frozen=True):
    """The holder of a lock: a process, and when it took the lock."""

    pid: int
    host: str
    command: str
    since: str

    @classmethod
    def this(cls) -> Holder:
        """This process, as it starts to hold a lock."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        if len(command) > LONGEST_COMMAND:
            command = command[: LONGEST_COMMAND - 3] + "..."
        now = datetime.now().astimezone()
        return cls(os.getpid(), platform.node(), command, now.isoformat(sep=" ", timespec="seconds"))

    def __str__(self) -> str:
        text = f"process {self.pid} on {self.host} ({self.command}) since {self.since}"
        return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def hold(path: Path) -> Generator[None]:
    """Holds the lock of `path` during a block. A block inside it, in the same thread, has the lock already.

    Raises:
        HeldError: another process or another thread holds it.
        OSError: the file of the lock cannot be written.
    """
    thread, descriptor = _held.get(path, (None, -1))
    if thread != threading.get_ident():
        _held[path] = threading.get_ident(), _take(path)
        try:
            yield
        finally:
            _release(path)
        return
    if not _is_at(descriptor, _file(path)):  # somebody deleted the file, so that others could take the lock
        _held[path] = thread, _take(path)
        os.close(descriptor)
    yield


def release_all() -> None:
    """Releases all locks of a process that is about to end at once."""
    for path in list(_held):
        _release(path)


_held: dict[Path, tuple[int, int]] = {}
"""The thread and the open file of each lock that this process holds."""


def _forget() -> None:
    """Closes the locks in a process that was forked off their holder: its end shall release nothing, and its life hold
    nothing."""
    for _, descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _take(path: Path) -> int:
    file = _file(path)
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            _lock(descriptor)
            if _is_at(descriptor, file):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, msgspec.json.encode(Holder.this()))
                return descriptor
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise HeldError(f"by {holder}") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder has released and deleted it since it was opened


def _release(path: Path) -> None:
    _, descriptor = _held.pop(path, (None, -1))
    if descriptor < 0:  # this process was forked off the holder
        return
    if sys.platform == "win32":
        os.close(descriptor)  # a file that is open cannot be deleted there
    with suppress(OSError):
        if sys.platform == "win32" or _is_at(descriptor, _file(path)):
            _file(path).unlink()
    if sys.platform != "win32":
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Takes the lock of an open file, or raises BlockingIOError."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # behind the description, which others shall read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if sys.platform == "win32":
            raise BlockingIOError from None
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn("this file system has no locks; make sure that nothing else is saved there", stacklevel=2)


def _is_at(descriptor: int, file: Path) -> bool:
    """True if `file` is the open file, and not deleted or another one."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    try:
        return str(msgspec.json.decode(os.read(descriptor, 1 << 16), type=Holder))
    except msgspec.MsgspecError:
        return "another process, which has just begun"
