"""Reads files that fit in memory: in folders, compressed, in an archive, or from a pipe."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from elman._errors import ConfigError, DataError, nearest
from elman.formats.archives import archive_above, members
from elman.formats.line_ends import normal_line_ends
from elman.formats.names import PARTS, ending, is_archive, is_document, is_hidden, plain_name, printable
from elman.formats.text import files_below, pieces, refuse_document, standard_input

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class File(NamedTuple):
    """A file in memory."""

    name: str
    """The file's name in messages."""
    path: tuple[str, ...]
    """The path relative to the place that was read, or to that place's parent where several places were read."""
    content: bytes
    """The decompressed bytes."""

    @property
    def suffix(self) -> str:
        """The ending that names the format, in lower case and without that of a compression.

        >>> File("a/b.CSV.gz", ("b.CSV.gz",), b"").suffix
        '.csv'
        """
        return ending(self.path[-1])

    @property
    def stem(self) -> str:
        """The name without folder and suffix."""
        return PurePosixPath(plain_name(self.path[-1])).stem


def read_files(*places: str | Path) -> list[File]:
    """Reads files, and the files in folders and archives, in order of name; "-" is standard input. Hidden files are
    left out.

    Raises:
        DataError: a missing or empty place, or a file that cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.txt").write_text("one")
    ...     [(file.path, file.content) for file in read_files(folder)]
    [(('a.txt',), b'one')]
    """
    content: list[File] = []
    for place in places:
        files = list(_read(place))
        if not files:
            raise DataError(f"{place}: no file in it")
        if len(places) > 1:
            files = [file._replace(path=(*_top(place, files), *file.path)) for file in files]
        content += files
    return content


def data_files(*places: str | Path) -> list[File]:
    """Reads files as `read_files` does, but not those whose names mark them as documents: README, LICENSE and the like.

    Raises:
        DataError: no file with data, or one that cannot be read.
    """
    files = [file for file in read_files(*places) if not is_document(file.path[-1])]
    if not files:
        raise DataError(f"{', '.join(map(str, places))}: no file with data")
    return files


def by_part(files: Sequence[File]) -> dict[str, list[File]]:
    """Groups files by part: train, validation or test, as their own names or their folders' say. Empty where no file
    is for training.

    >>> files = [File(name, (name,), b"") for name in ("en-ud-dev.conllu", "en-ud-train.conllu")]
    >>> {part: [file.name for file in group] for part, group in by_part(files).items()}
    {'validation': ['en-ud-dev.conllu'], 'train': ['en-ud-train.conllu']}

    Raises:
        DataError: a file whose name gives no part, beside others whose names do.
    """
    marked = [(_part_of(file), file) for file in files]
    if not any(part == "train" for part, _ in marked):
        return {}
    parts: dict[str, list[File]] = {}
    for part, file in marked:
        if part is None:
            raise DataError(
                f"{file.name}: its name says neither train, validation (dev) nor test, as others do; "
                "move it away, or name the files to read one by one"
            )
        parts.setdefault(part, []).append(file)
    return parts


def text_of(file: File, encoding: str | None = None) -> str:
    r"""Decodes a file as text, with "\n" as line ends (see `line_ends`) and without a byte order mark. Without an
    encoding it must be UTF-8, and messages name no option for another.

    >>> text_of(File("a.txt", ("a.txt",), b"caf\xe9\r\n"), "latin-1")
    'café\n'

    Raises:
        DataError: bytes that are not text in this encoding, or a binary file.
        ConfigError: an encoding that Python does not know.
    """
    named = encoding or "utf-8"
    check_encoding(named)
    refuse_document(file.name, file.content)
    try:
        text = file.content.decode(named)
    except UnicodeDecodeError as error:
        line, byte = file.content.count(b"\n", 0, error.start) + 1, file.content[error.start]
        other = "utf-16" if file.content.startswith(_UTF_16) else "latin-1" if _plain(named) == "utf-8" else "utf-8"
        mend = f"say how the file is encoded, such as with --encoding {other}" if encoding else "convert it to UTF-8"
        raise DataError(f"{file.name}, line {line}: not {named.upper()} (byte 0x{byte:02x}); {mend}") from None
    if (null := text.find("\0")) >= 0:
        raise DataError(f"{file.name}: a binary file (a zero at character {null:,}); expected text")
    return normal_line_ends(text.removeprefix("\ufeff"))


def lines(text: str) -> list[str]:
    r"""Splits a text into lines, without their ends and without empty lines at the end. Only "\n" ends a line.

    >>> lines("one\n\ntwo\x85\n\n")
    ['one', '', 'two\x85']
    """
    return text.rstrip("\n").split("\n") if text.rstrip("\n") else []


def check_encoding(encoding: str) -> None:
    """Refuses a name that is not a text encoding.

    >>> check_encoding("latin-1")

    Raises:
        ConfigError: an unknown encoding; names some that are known.
    """
    try:
        "".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):  # the second of names with a zero, and of "undefined"
        raise ConfigError(f"encoding: Python knows no {encoding!r}; expected utf-8, latin-1, cp1252, ...") from None


def _part_of(file: File) -> str | None:
    for step in file.path:
        parts = {PARTS[word] for word in re.split(r"[\W_]+", step.lower()) if word in PARTS}
        if len(parts) == 1:
            return parts.pop()
    return None


def _read(place: str | Path) -> Iterator[File]:
    if str(place) == "-":
        yield File("standard input", ("standard input",), standard_input().read(-1))
        return
    path = Path(place)
    if path.is_dir():
        for file in sorted(files_below(path)):
            below = file.relative_to(path).parts
            if not any(map(is_hidden, below)):
                yield from _members(file, below[:-1]) if is_archive(file) else [_file(file, below)]
    elif not path.exists():
        yield from _inside(path)
    elif is_archive(path):
        yield from _members(path, ())
    else:
        yield _file(path, (path.name,))


def _file(path: Path, below: tuple[str, ...]) -> File:
    return File(str(path), tuple(map(printable, below)), b"".join(pieces(str(path), path)))


def _members(archive: Path, below: tuple[str, ...]) -> Iterator[File]:
    files = (File("/".join((str(archive), *path)), (*below, *path), content) for path, content in members(archive))
    yield from sorted(files, key=lambda file: file.name)


def _inside(path: Path) -> Iterator[File]:
    """The file in an archive that a path leads to, or the files in its folder."""
    if (archive := archive_above(path)) is None:
        raise DataError(f"{path}: no such file or folder")
    steps, found = path.relative_to(archive).parts, False
    files = [*_members(archive, ())]
    for file in files:
        if file.path[: len(steps)] == steps:
            found = True
            yield file._replace(path=file.path[len(steps) :] or steps[-1:])
    if not found:
        there = ["/".join(file.path) for file in files]
        raise DataError(f"{path}: no such file in the archive{nearest('/'.join(steps), there)}")


def _top(place: str | Path, files: Sequence[File]) -> tuple[str, ...]:
    """The folder that distinguishes the files of this place from those of others; none for a single file."""
    path = Path(place)
    is_file = str(place) == "-" or (path.is_file() and not is_archive(path))
    in_archive = not path.exists() and [file.path for file in files] == [(path.name,)]
    return () if is_file or in_archive else (path.name,)


def _plain(encoding: str) -> str:
    return codecs.lookup(encoding).name
