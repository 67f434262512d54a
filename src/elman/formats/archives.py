"""Reads the files in archives, tar (plain or compressed) and zip, without unpacking them: a member's path is only its
name. Members that are compressed, or archives themselves, are read like such files in a folder.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tarfile import (
    EOFHeaderError,  # ty: ignore[missing-module-member]
    HeaderError,
    ReadError,
    TarError,
    TarFile,
    TarInfo,
)
from typing import IO, NamedTuple, Self, cast
from zipfile import BadZipFile, ZipFile

from elman._errors import DataError, excerpt
from elman.formats.compression import PIECE, check_expansion, decompressed, errors_named, open_file
from elman.formats.names import is_archive, is_compressed_name, is_hidden, is_zip, printable

_ENCRYPTED = 1  # a bit of a zip member's flags


class Member(NamedTuple):
    """A file in an archive."""

    path: tuple[str, ...]
    content: bytes
    """The bytes, or the first of them."""


def archive_above(place: Path) -> Path | None:
    """The archive that a path leads into, such as a.zip of a.zip/b.csv; None for other paths."""
    return next((folder for folder in place.parents if is_archive(folder) and folder.is_file()), None)


class _Budget:
    """The bytes to which the members of an archive may still expand, all together."""

    def __init__(self, archive: Path):
        self._name, self._size, self._expanded = str(archive), archive.stat().st_size, 0

    def take(self, count: int) -> None:
        """Takes bytes, before they are read where their number is known.

        Raises:
            DataError: more bytes than are left.
        """
        self._expanded += max(count, 0)
        check_expansion(self._expanded, self._size, self._name)


def members(archive: Path, *, most: int | None = None) -> Iterator[Member]:
    """The files in an archive, in its order: going back in a compressed one would read it again from the start. Hidden
    files, symbolic links and devices are left out; a hard link has the content of the file that it names. Archives in
    it are read as if their members lay in its folder; no archives in these.

    Args:
        archive: the archive.
        most: reads only so many bytes of each file.

    Raises:
        DataError: an archive that is damaged or encrypted, expands to too much, or has a path that leads out of it.
    """
    name, budget = str(archive), _Budget(archive)
    with errors_named(name), open(archive, "rb") if is_zip(name) else open_file(archive, by_content=True) as stream:
        yield from _members(stream, name, budget, most)


def _members(
    stream: IO[bytes], archive: str, budget: _Budget, most: int | None, *, inner: bool = False
) -> Iterator[Member]:
    entries = _zip_entries if is_zip(archive) else _tar_entries
    try:
        for path, content in entries(stream, archive, budget, most):
            name = "/".join((archive, *path))
            with errors_named(name), decompressed(content, name) as plain:
                if plain is not None:
                    content = _read(plain, None if is_archive(name) else most, budget)
            if not is_archive(name):
                yield Member(path, content)
                continue
            if inner:
                raise DataError(f"{name}: an archive in an archive in another; unpack it")
            for member in _members(io.BytesIO(content), name, budget, most, inner=True):
                yield Member((*path[:-1], *member.path), member.content)
    except (
        TarError,
        BadZipFile,
        ValueError,
        LookupError,
        OverflowError,
        NotImplementedError,
    ) as error:  # the last ones are of wrong headers, and of rare compressions
        why = str(error).split("\n")[0].rstrip(":")
        raise DataError(f"{archive}: the archive is damaged or cut short ({why})") from None


def _tar_entries(
    stream: IO[bytes], archive: str, budget: _Budget, most: int | None
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    contents = dict[str, bytes]()
    with TarFile.open(fileobj=stream, mode="r|", tarinfo=_StrictMember) as tar:
        while member := tar.next():
            tar.members.clear()  # ty: ignore - which would be kept until the end
            budget.take(member.size)  # before it is read or skipped: a sparse file, or a wrong header, may promise any
            path = _parts(member.name, archive)
            if not _is_shown(path):
                continue
            if member.isfile():
                contents[member.name] = _read(cast(IO[bytes], tar.extractfile(member)), _bound(path, most))
            elif member.islnk() and member.linkname in contents:
                contents[member.name] = contents[member.linkname]
            else:
                continue
            yield path, contents[member.name]


def _zip_entries(
    stream: IO[bytes], archive: str, budget: _Budget, most: int | None
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    with ZipFile(stream) as file:
        for member in file.infolist():
            budget.take(member.file_size)
            path = _parts(member.filename.replace("\\", "/"), archive)  # as some programs of Windows write
            if not _is_shown(path) or member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
                continue
            if member.flag_bits & _ENCRYPTED:
                raise DataError(f"{archive}: {excerpt(path[-1])} is encrypted; unpack it with its password")
            with file.open(member) as content:
                yield path, _read(content, _bound(path, most))


class _StrictMember(TarInfo):
    """A member whose header is whole. By itself, `tarfile` takes a wrong header, or a cut, for the end of the archive,
    and members are lost without a word."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:  # the zeros that end an archive
            raise
        except HeaderError as error:
            raise ReadError(str(error)) from None


def _parts(name: str, archive: str) -> tuple[str, ...]:
    path = tuple(printable(part) for part in PurePosixPath(name.strip("/")).parts)
    if ".." in path:
        raise DataError(
            f"{archive}: the path {excerpt(name)} leads out of the archive; expected paths in it: pack it anew in "
            "their folder"
        )
    return path


def _is_shown(path: tuple[str, ...]) -> bool:
    return bool(path) and not any(map(is_hidden, path))


def _bound(path: tuple[str, ...], most: int | None) -> int | None:
    """The most bytes to read of a member as it is packed; one that is an archive or compressed is read whole."""
    return None if is_archive(path[-1]) or is_compressed_name(path[-1]) else most


def _read(file: IO[bytes], most: int | None, budget: _Budget | None = None) -> bytes:
    """The bytes of a file, which are taken from a budget where there is one."""
    pieces, left = list[bytes](), most
    while piece := file.read(PIECE if left is None else min(PIECE, left)):
        pieces.append(piece)
        left = None if left is None else left - len(piece)
        if budget is not None:
            budget.take(len(piece))
    return b"".join(pieces)
