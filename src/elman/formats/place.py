"""A place that data may be read from, described by its name and a look at its beginning or its members."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath

from elman._errors import DataError
from elman.formats import table
from elman.formats.archives import archive_above, members
from elman.formats.compression import open_file
from elman.formats.files import File, lines
from elman.formats.line_ends import normal_line_ends
from elman.formats.names import (
    JSON_LINES,
    TABLES,
    TEXTS,
    ending,
    is_archive,
    is_document,
    is_hidden,
    plain_name,
    table_ending,
    with_tabs,
)

HEAD = 1 << 20
"""The most bytes that are read of a file, decompressed."""

LINES = 200
"""The most lines of a file that are described."""

MEMBERS = 100
"""The most members of an archive that are described: its end is found only by decompressing all of it."""


@dataclass(frozen=True)
class Place:
    """A file, a folder or an archive, which need not exist. Nothing is read before it is asked for, and what cannot be
    read counts as empty: the reader will report the error. Pipes are not read, since they can be read only once.

    >>> place = Place("data/Reviews.CSV.gz")
    >>> place.name, place.suffix, place.is_archive, place.exists, place.lines
    ('Reviews.CSV', '.csv', False, False, ())
    """

    argument: str
    """The place as the user wrote it; "-" is standard input."""
    content: bytes | None = None
    """The beginning of a member of an archive."""

    @property
    def path(self) -> Path:
        """The path."""
        return Path(self.argument)

    @property
    def name(self) -> str:
        """The name without folder and the ending of a compression."""
        return plain_name(self.argument)

    @property
    def suffix(self) -> str:
        """The ending that names the form, in lower case and without that of a compression."""
        return ending(self.argument)

    @property
    def is_archive(self) -> bool:
        """True for the name of an archive that is no folder."""
        return is_archive(self.argument) and not self.is_folder

    @property
    def is_table(self) -> bool:
        """True for the name of a table."""
        return self.suffix in TABLES

    @property
    def as_table(self) -> Place:
        """This place, with the ending of a table where its name has none of its own or that of a text, and with tabs
        between columns that semicolons or spaces separate."""
        if self.suffix not in ("", ".csv", *TEXTS) or self.is_folder or not self.lines:
            return self
        text = with_tabs(self._text)
        return Place(self.argument + table_ending(text.partition("\n")[0]), text.encode())

    @cached_property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.path.is_dir()

    @cached_property
    def exists(self) -> bool:
        """True for anything that is there, standard input included."""
        return self.argument == "-" or self.content is not None or self.path.exists()

    @property
    def archive(self) -> Place | None:
        """The archive that this place lies in; None for one that is in no archive."""
        archive = archive_above(self.path)
        return None if archive is None else Place(str(archive))

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The names of the folders in a folder or an archive, without those further in and hidden ones."""
        if self.is_folder:
            try:
                return tuple(sorted(each.name for each in self.path.iterdir() if each.is_dir() and _is_shown(each)))
            except OSError:
                return ()
        steps = (PurePath(member.argument).relative_to(self.argument).parts for member in self.members)
        return tuple(sorted({parts[0] for parts in steps if len(parts) > 1}))

    @cached_property
    def members(self) -> tuple[Place, ...]:
        """The files in a folder or an archive, those in folders and archives in it included; not hidden ones, and not
        documents such as README."""
        if self.is_folder:
            return tuple(_files_below(self.path))
        return tuple(_files_in(self.path)) if self.is_archive and self.path.is_file() else ()

    @property
    def files(self) -> tuple[Place, ...]:
        """The members of a folder or an archive, and a file by itself."""
        return self.members if self.is_folder or self.is_archive else (self,)

    @property
    def alone(self) -> Place:
        """The only file in an archive, or the one in it that the path leads to; else this place."""
        if self.is_archive and len(self.members) == 1:
            return self.members[0]
        inside = () if self.path.exists() or self.archive is None else self.archive.members
        return next((member for member in inside if member.argument == self.argument), self)

    @cached_property
    def endings_beside(self) -> frozenset[str]:
        """The endings of other files in the same folder that have the same name but for them: `.hea` beside `1.atr`."""
        if self.argument == "-" or self.is_folder:
            return frozenset()
        try:
            names = os.listdir(self.path.parent)
        except OSError:
            return frozenset()
        own = self.path.name.lower()
        stems = {own[:dot] for dot in range(1, len(own)) if own[dot] == "."} | {own}
        return frozenset(ending(name) for name in names if PurePath(plain_name(name)).stem.lower() in stems)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The first lines of a text, without their ends; none for another file."""
        return tuple(lines(self._text)[:LINES])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of a table's columns; none where it is no table."""
        if not self.is_table or not self._text:
            return ()
        try:
            return table.columns_of(self._file)
        except DataError:
            return ()

    @property
    def row(self) -> dict[str, str]:
        """The first row of a table, by the names of its columns; empty where there is none."""
        return next(iter(self.rows), {})

    @cached_property
    def rows(self) -> tuple[dict[str, str], ...]:
        """The first rows of a table, up to one that cannot be read, by the names of its columns."""
        rows = list[dict[str, str]]()
        with suppress(DataError):
            written = table.read_table(self._file, columns=self.columns) if self.columns else iter(())
            rows.extend(row.values for row in islice(written, LINES))
        return tuple(rows)

    @property
    def _file(self) -> File:
        return File(self.argument, (PurePath(self.argument).name,), self._text.encode())

    @cached_property
    def _text(self) -> str:
        """The beginning of a text, up to the end of a line where it goes on; empty where the file is no text. Other
        encodings than UTF-8 lose their letters beyond ASCII, which matter to no reader's marks."""
        content = self._head()
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\0" in content and not utf_16:
            return ""
        text = content.decode("utf-16" if utf_16 else "utf-8", "replace").removeprefix("\ufeff")
        text = normal_line_ends(text)
        whole = text if len(content) < HEAD else text[: text.rfind("\n") + 1] or text
        if self.suffix in JSON_LINES:  # one broken line says nothing of those before it
            return "\n".join(whole.split("\n")[:LINES])
        return whole

    def _head(self) -> bytes:
        if self.content is not None:
            return self.content
        if not self.path.is_file():
            return b""
        with suppress(DataError), open_file(self.path) as file:
            return file.read(HEAD)
        return b""


def _is_shown(path: PurePath) -> bool:
    return not is_hidden(path.name)


def _files_below(folder: Path) -> Iterator[Place]:
    for parent, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not is_hidden(name))
        for name in sorted(names):
            if is_hidden(name) or is_document(name):
                continue
            path = Path(parent, name)
            yield from _files_in(path) if is_archive(name) else (Place(str(path)),)


def _files_in(archive: Path) -> Iterator[Place]:
    with suppress(DataError):
        for member in islice(members(archive, most=HEAD), MEMBERS):
            if not is_document(member.path[-1]):
                yield Place("/".join((str(archive), *member.path)), member.content)
