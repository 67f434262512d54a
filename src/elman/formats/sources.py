"""Opens files, the files of folders and archives, and standard input, to be read as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from elman.formats.files import File, check_encoding, data_files
from elman.formats.lines import Lines
from elman.formats.names import ending, is_archive
from elman.formats.text import PIECE, pieces, standard_input


class Source(NamedTuple):
    """A file, or standard input, that is read as it arrives."""

    name: str
    """The file's name in messages."""
    path: tuple[str, ...]
    """The path relative to the folder or archive that was opened; the name alone for a file."""
    pieces: Iterator[bytes]
    """The decompressed bytes; they can be read once."""
    is_pipe: bool = False
    """True for standard input and for pipes, whose writers may wait for answers."""

    @property
    def suffix(self) -> str:
        """The ending that names the format, in lower case and without that of a compression; empty for standard
        input."""
        return ending(self.path[-1])

    def lines(self, encoding: str = "utf-8") -> Lines:
        """The lines of the text.

        Raises:
            ConfigError: an encoding that Python does not know.
        """
        check_encoding(encoding)
        return Lines.decoded(self.name, self.pieces, encoding)

    def whole(self) -> File:
        """The whole file, in memory.

        Raises:
            DataError: a file that cannot be read.
        """
        return File(self.name, self.path, b"".join(self.pieces))


def open_sources(*places: str | Path) -> Iterator[Source]:
    """Opens files, the files in folders and archives but hidden ones and documents such as README, and standard input
    ("-"), in this order. A pipe is read as it is written.

    Raises:
        DataError: a missing file, or a folder without data.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("one\\ntwo")
    ...     file.flush()
    ...     [(source.suffix, list(source.lines())) for source in open_sources(file.name)]
    [('.txt', ['one', 'two'])]
    """
    for place in places:
        path = Path(place)
        if str(place) == "-":
            name = "standard input"
            yield Source(name, (name,), _as_written(standard_input()), is_pipe=True)
        elif path.is_dir() or (is_archive(path) and path.is_file()):
            for file in data_files(path):
                yield Source(file.name, file.path, iter([file.content]))
        elif path.is_file():
            yield Source(str(place), (path.name,), pieces(str(place), path))
        elif path.exists():
            yield Source(str(place), (path.name,), _piped(path), is_pipe=True)
        else:
            for file in data_files(path):  # in an archive, or an error
                yield Source(file.name, file.path, iter([file.content]))


def _piped(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as pipe:
        yield from _as_written(pipe)


def _as_written(stream: BufferedIOBase) -> Iterator[bytes]:
    return iter(lambda: stream.read1(PIECE), b"")
