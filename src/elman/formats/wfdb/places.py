"""Finds WFDB records, and EDF files, which WFDB reads as records too: the files of one folder, on disk or in an
archive, which is read once. Upper and lower case of endings are the same, and `a.hea.gz` is read as `a.hea`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path, PurePosixPath

from elman._errors import DataError, excerpt, nearest
from elman.formats.archives import archive_above
from elman.formats.files import File, read_files
from elman.formats.names import EDF, HEADER, ending, is_archive, is_hidden, plain_name
from elman.formats.text import files_below, pieces


@dataclass(frozen=True)
class RecordFolder:
    """The files of a folder, on disk or in an archive."""

    name: str
    """The folder's name in messages."""
    files: frozenset[str]
    open: Callable[[str], bytes]

    def read(self, file: str, *, wanted_by: str = "") -> bytes:
        """Reads the bytes of a file. A header may name it with a folder that is not there, as PTB-XL+ does.

        Raises:
            DataError: the file is missing, with `wanted_by`, the header that names it; or it cannot be read.
        """
        if own := self.find(file):
            return self.open(own)
        why = f", which {PurePosixPath(wanted_by).name} names" if wanted_by else ""
        like = [other for other in sorted(self.files) if other.endswith(Path(file).suffix)]
        raise DataError(f"{self.name}: no file {excerpt(file)[1:-1]}{why}{nearest(file[:100], like)}")

    def find(self, file: str) -> str:
        """The name of the file that is meant, as the folder has it; empty where there is none."""
        own = file if file in self.files else PurePosixPath(file.replace("\\", "/")).name
        return own if own in self.files else self._by_plain_name.get(own.lower(), "")

    @cached_property
    def endings(self) -> dict[str, frozenset[str]]:
        """The endings, in lower case, of the files with each stem: `hea` and `ii` for the stem `1` of `1.hea` and
        `1.ii`. Those of the stem of an EDF file are those of the file too."""
        by_stem: dict[str, set[str]] = defaultdict(set)
        for file in map(plain_name, self.files):
            for dot in (place for place, letter in enumerate(file) if letter == "."):
                by_stem[file[:dot]].add(file[dot + 1 :].lower())
        edf = {name: by_stem[name] | by_stem[PurePosixPath(name).stem] for name in self.records if ending(name) in EDF}
        return {name: frozenset(endings) for name, endings in (by_stem | edf).items()}

    @cached_property
    def records(self) -> tuple[str, ...]:
        """The records of the folder: the names of its headers without their ending, segments of records included, and
        the names of EDF files for which there is no header."""
        plain = {plain_name(file) for file in self.files}
        headers = {name[: -len(HEADER)] for name in plain if ending(name) == HEADER}
        alone = {name for name in plain if ending(name) in EDF and PurePosixPath(name).stem not in headers}
        return tuple(sorted(headers | alone))

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        """The file of each plain name in lower case; of several, the one that is not compressed."""
        named = sorted(self.files, key=lambda file: (file != plain_name(file), file), reverse=True)
        return {plain_name(file).lower(): file for file in named}


def record_folders(*places: str | Path) -> Iterator[tuple[RecordFolder, tuple[str, ...]]]:
    """The folders that hold the records at `places`, each with the names of those records. A place is a record without
    an ending, any file of a record, an EDF file, a folder with records at any depth, an archive, or a record in one
    (`ludb.tar.xz/ludb/data/1`). Hidden files are left out.

    Raises:
        DataError: a place that does not exist or holds no record.
    """
    for place in places:
        shelves = list(_shelves(Path(place)))
        if not any(records for _, records in shelves):
            raise DataError(
                f"{place}: no WFDB record in it; expected a header (.hea) and the files it names, or an EDF file"
            )
        yield from ((shelf, records) for shelf, records in shelves if records)


def _shelves(place: Path) -> Iterator[tuple[RecordFolder, tuple[str, ...]]]:
    if place.is_dir():
        below = [file for file in files_below(place) if _is_shown(file.relative_to(place)) and file.is_file()]
        for folder in sorted({file.parent for file in below if ending(file) in (HEADER, *EDF)}):
            shelf = _folder(folder)
            yield shelf, shelf.records
        for file in sorted(file for file in below if is_archive(file)):
            yield from ((shelf, shelf.records) for shelf in _archive(file))
    elif is_archive(place) and place.is_file():
        yield from ((shelf, shelf.records) for shelf in _archive(place))
    elif archive := archive_above(place):
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
    name = plain_name(place) if place.name in shelf.files else place.name
    names = [name, *(f"{name}{edf}" for edf in EDF)]
    if shelf.find(place.name):
        names += [name[:dot] for dot in range(len(name) - 1, 0, -1) if name[dot] == "."]
    known = {record.lower(): record for record in shelf.records} | {record: record for record in shelf.records}
    for name in names:
        if record := known.get(name) or known.get(name.lower()):
            return shelf, (record,)
    name = plain_name(place).removesuffix(HEADER)
    raise DataError(f"{place}: no such WFDB record{nearest(name, shelf.records)}; expected a header {name}{HEADER}")


def _folder(folder: Path) -> RecordFolder:
    try:
        files = frozenset(file.name for file in folder.iterdir() if file.is_file() and _is_shown(Path(file.name)))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from None
    return RecordFolder(str(folder), files, lambda file: b"".join(pieces(str(folder / file), folder / file)))


def _is_shown(path: Path) -> bool:
    return not any(map(is_hidden, path.parts))


def _archive(archive: Path) -> Iterator[RecordFolder]:
    files = sorted(read_files(archive), key=lambda file: file.path[:-1])
    for inner, group in groupby(files, key=lambda file: file.path[:-1]):
        held = {file.path[-1]: file for file in group}
        yield RecordFolder("/".join([str(archive), *inner]), frozenset(held), partial(_held, held))


def _held(files: dict[str, File], name: str) -> bytes:
    return files[name].content
