"""Reads the files in tar archives, plain or compressed, without unpacking them: a member's path is only its name."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from tarfile import (
    EOFHeaderError,  # ty: ignore[missing-module-member]
    HeaderError,
    ReadError,
    TarError,
    TarFile,
    TarInfo,
)
from typing import NamedTuple, Self, cast

from elman._errors import DataError
from elman.formats.compression import PIECE, check_expansion, open_file
from elman.formats.text import printable


class Member(NamedTuple):
    """A file in an archive."""

    path: tuple[str, ...]
    content: bytes
    """The bytes, or the first of them."""


def members(archive: Path, *, most: int | None = None) -> Iterator[Member]:
    """The files in an archive, in its order: going back in a compressed one would read it again from the start. Hidden
    files, symbolic links and devices are left out; a hard link has the content of the file that it names.

    Args:
        archive: the archive.
        most: reads only so many bytes of each file.

    Raises:
        DataError: an archive that is damaged, expands to too much, or has a path that leads out of it.
    """
    size, expanded, contents = archive.stat().st_size, 0, dict[str, bytes]()
    with open_file(archive, by_content=True) as stream:
        try:
            with TarFile.open(fileobj=stream, mode="r|", tarinfo=_StrictMember) as tar:
                while member := tar.next():
                    tar.members.clear()  # ty: ignore - which would be kept until the end
                    # Before it is read or skipped: a sparse file, or a wrong header, may promise any size.
                    expanded += max(member.size, 0)
                    check_expansion(expanded, size, str(archive))
                    path = _parts(member.name, archive)
                    if not path or any(part.startswith(".") for part in path):
                        continue
                    if member.isfile():
                        contents[member.name] = _read(cast(BufferedReader, tar.extractfile(member)), most)
                    elif member.islnk() and member.linkname in contents:
                        contents[member.name] = contents[member.linkname]
                    else:
                        continue
                    yield Member(path, contents[member.name])
        except (
            TarError,
            ValueError,
            LookupError,
            OverflowError,
        ) as error:  # the last ones are of wrong headers
            why = str(error).split("\n")[0].rstrip(":")
            raise DataError(f"{archive}: the archive is damaged or cut short ({why})") from None


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


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    path = tuple(printable(part) for part in PurePosixPath(name.strip("/")).parts)
    if ".." in path:
        raise DataError(
            f"{archive}: the path {name!r} leads out of the archive; expected paths in it: pack it anew in their folder"
        )
    return path


def _read(file: BufferedReader, most: int | None) -> bytes:
    if most is not None:
        return file.read(most)
    return b"".join(iter(lambda: file.read(PIECE), b""))
