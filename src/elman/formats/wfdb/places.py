"""Finds WFDB records: the files of one folder, on disk or in a tar archive, which is read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

from elman._errors import DataError, nearest
from elman.formats.files import File, read_files
from elman.formats.names import HEADER, is_archive
from elman.formats.text import pieces


@dataclass(frozen=True)
class RecordFolder:
    """The files of a folder, on disk or in an archive."""

    name: str
    """The folder's name in messages."""
    files: frozenset[str]
    open: Callable[[str], bytes]

    def read(self, file: str, *, wanted_by: str = "") -> bytes:
        """Reads the bytes of a file.

        Raises:
            DataError: the file is missing, with `wanted_by`, the header that names it; or it cannot be read.
        """
        if file not in self.files:
            why = f", which {wanted_by} names" if wanted_by else ""
            like = [other for other in sorted(self.files) if other.endswith(Path(file).suffix)]
            raise DataError(f"{self.name}: no file {file}{why}{nearest(file, like)}")
        return self.open(file)

    @cached_property
    def endings(self) -> dict[str, frozenset[str]]:
        """The endings of the files with each stem: `hea` and `ii` for the stem `1` of `1.hea` and `1.ii`."""
        found = defaultdict(set)
        for file in self.files:
            for dot in (place for place, letter in enumerate(file) if letter == "."):
                found[file[:dot]].add(file[dot + 1 :])
        return {name: frozenset(endings) for name, endings in found.items()}

    @cached_property
    def records(self) -> tuple[str, ...]:
        """The records of the folder: the names of its headers without their ending, segments of records included."""
        return tuple(sorted(file.removesuffix(HEADER) for file in self.files if file.endswith(HEADER)))


def record_folders(*places: str | Path) -> Iterator[tuple[RecordFolder, tuple[str, ...]]]:
    """The folders that hold the records at `places`, each with the names of those records. A place is a record without
    an ending, any file of a record, a folder with records at any depth, a tar archive, or a record in one
    (`ludb.tar.xz/ludb/data/1`).

    Raises:
        DataError: a place that does not exist or holds no record.
    """
    for place in places:
        found = list(_shelves(Path(place)))
        if not any(records for _, records in found):
            raise DataError(f"{place}: no WFDB record in it; expected a header (.hea) and the files it names")
        yield from ((shelf, records) for shelf, records in found if records)


def _shelves(place: Path) -> Iterator[tuple[RecordFolder, tuple[str, ...]]]:
    if place.is_dir():
        for folder in sorted({file.parent for file in place.rglob(f"*{HEADER}") if file.is_file()}):
            shelf = _folder(folder)
            yield shelf, shelf.records
        for file in sorted(file for file in place.rglob("*") if is_archive(file) and file.is_file()):
            yield from ((shelf, shelf.records) for shelf in _archive(file))
    elif is_archive(place) and place.is_file():
        yield from ((shelf, shelf.records) for shelf in _archive(place))
    elif archive := next((folder for folder in place.parents if is_archive(folder) and folder.is_file()), None):
        inner = f"{archive}/{place.relative_to(archive).parent.as_posix()}".removesuffix("/.")
        for shelf in _archive(archive):
            if shelf.name == inner:
                yield _one(shelf, place)
    elif place.parent.is_dir():
        yield _one(_folder(place.parent), place)
    else:
        raise DataError(f"{place}: no such file or folder")


def _one(shelf: RecordFolder, place: Path) -> tuple[RecordFolder, tuple[str, ...]]:
    """The record of this name, or the one that the file of this name belongs to."""
    names = (place.name, place.stem) if place.name in shelf.files else (place.name,)
    for name in names:
        if name in shelf.records:
            return shelf, (name,)
    name = place.name.removesuffix(HEADER)
    raise DataError(f"{place}: no such WFDB record{nearest(name, shelf.records)}; expected a header {name}{HEADER}")


def _folder(folder: Path) -> RecordFolder:
    files = frozenset(file.name for file in folder.iterdir() if file.is_file())
    return RecordFolder(str(folder), files, lambda file: b"".join(pieces(str(folder / file), folder / file)))


def _archive(archive: Path) -> Iterator[RecordFolder]:
    files = sorted(read_files(archive), key=lambda file: file.path[:-1])
    for inner, group in groupby(files, key=lambda file: file.path[:-1]):
        held = {file.path[-1]: file for file in group}
        yield RecordFolder("/".join([str(archive), *inner]), frozenset(held), partial(_held, held))


def _held(files: dict[str, File], name: str) -> bytes:
    return files[name].content
