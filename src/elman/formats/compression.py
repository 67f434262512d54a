"""Opens files, compressed or not. What a compressed file expands to has a limit, so that a small file cannot fill the
memory or the disk: `ELMAN_MAX_EXPANSION` times its size, by default 50 times, and 64 MiB in any case.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePath
from typing import IO, cast

from elman._errors import ConfigError, DataError

COMPRESSIONS = {".gz": gzip.open, ".xz": lzma.open}
"""Endings of compressed files, and the functions that open them."""

FOREIGN = (".bz2", ".tbz2", ".zst", ".lz4", ".7z", ".rar", ".z")
"""Endings of compressed files that are not read."""

MAX_EXPANSION = "ELMAN_MAX_EXPANSION"
"""The environment variable that says how many times its size a compressed file may expand to."""

TIMES, FREE = 50, 64 << 20
"""The default of that variable, and the bytes that a file of any size may expand to."""

PIECE = 1 << 20
"""The number of bytes read at a time."""

_TARS = {".tgz": gzip.open, ".txz": lzma.open}
_MAGIC = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open}


def check_expansion(expanded: int, size: int, name: str) -> None:
    """Refuses a file of `size` bytes that expands, or promises to expand, to too many.

    >>> check_expansion(1_000_000, 1000, "a.gz")

    Raises:
        DataError: more bytes than are allowed; names the file as `name`.
        ConfigError: the environment variable is no number from 1 on.
    """
    times = _times()
    most = max(FREE, int(times * size))
    if expanded > most:
        raise DataError(
            f"{name}: expands from {size:,} bytes to more than {most:,}, as bombs do; if you trust the file, set the "
            f"environment variable {MAX_EXPANSION} to more than {times:g} (times its size)"
        )


@contextmanager
def open_file(path: Path, *, name: str = "", by_content: bool = False) -> Generator[BufferedReader]:
    """Opens the decompressed content of a file; errors while it is read are a DataError that names it.

    Args:
        path: the file.
        name: the file's name in messages, by default its path.
        by_content: tells a compression by the first bytes, not by the ending of the file's name.

    Raises:
        DataError: a file of `FOREIGN`, and while it is read one that is damaged, expands to too much or is unreadable.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.gz").write_bytes(gzip.compress(b"one"))
    ...     with open_file(Path(folder) / "a.gz") as file:
    ...         file.read()
    b'one'
    """
    name = name or str(path)
    _refuse_foreign(path.suffix, name)
    with errors_named(name), open(path, "rb") as raw:
        opener = _opener(raw) if by_content else COMPRESSIONS.get(path.suffix.lower())
        if opener is None:
            yield raw
        else:
            with opener(raw) as stream:
                yield BufferedReader(
                    _Limited(cast(io.BufferedIOBase, stream), os.fstat(raw.fileno()).st_size, name), PIECE
                )


@contextmanager
def decompressed(content: bytes, name: str) -> Generator[IO[bytes] | None]:
    """Opens the decompressed content of a file in memory, without a limit: count what is read. None where the file is
    not compressed, as the ending of its name says.

    Raises:
        DataError: a file of `FOREIGN`.

    >>> with decompressed(gzip.compress(b"one"), "a.tar/a.gz") as file:
    ...     file.read()
    b'one'
    """
    suffix = PurePath(name).suffix.lower()
    _refuse_foreign(suffix, name)
    if opener := (COMPRESSIONS | _TARS).get(suffix):
        with opener(io.BytesIO(content)) as stream:
            yield cast(IO[bytes], stream)
    else:
        yield None


def is_compressed(path: Path) -> bool:
    """True for a file whose first bytes are those of a compressed one."""
    with open(path, "rb") as raw:
        return _opener(raw) is not None


@contextmanager
def errors_named(name: str) -> Generator[None]:
    """Turns errors while a file is read into a DataError that names it."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{name}: the compressed file is damaged or cut short ({error})") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise DataError(
            f"{name}: needs more memory than there is; read it on a larger machine, or less of it"
        ) from None


def _refuse_foreign(suffix: str, name: str) -> None:
    if suffix.lower() in FOREIGN:
        raise DataError(f"{name}: {suffix} is not read; unpack it, or pack it anew as .gz, .xz, .zip or .tar.gz")


def _times() -> float:
    written = os.environ.get(MAX_EXPANSION) or str(TIMES)
    try:
        times = float(written)
    except ValueError:
        times = 0.0
    if not 1 <= times < float("inf"):
        raise ConfigError(f"{MAX_EXPANSION}: expected how many times its size a file may expand to; got {written!r}")
    return times


class _Limited(io.RawIOBase):
    """A decompressed stream that may not go beyond the limit of a file of `size` bytes."""

    def __init__(self, stream: io.BufferedIOBase, size: int, name: str):
        self._stream, self._size, self._name = stream, size, name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = self._stream.readinto(buffer)
        check_expansion(self._stream.tell(), self._size, self._name)
        return count

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        place = self._stream.seek(place, whence)
        check_expansion(place, self._size, self._name)
        return place

    def tell(self) -> int:
        return self._stream.tell()


def _opener(raw: BufferedReader) -> Callable | None:
    first = raw.peek(8)
    return next((opener for magic, opener in _MAGIC.items() if first.startswith(magic)), None)
