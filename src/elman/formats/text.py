"""Reads text from files, also compressed, folders, archives or standard input, in pieces, so that it may be of any
size; archives are in memory.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from elman._errors import DataError
from elman.formats.archives import archive_above, members
from elman.formats.compression import PIECE, errors_named, open_file
from elman.formats.line_ends import LineEnds
from elman.formats.names import TEXTS, ending, is_archive, is_hidden, printable

_RAW = " (a language model can read raw bytes: --vocabulary bytes)"


@runtime_checkable
class ByteStream(Protocol):
    """The interface of an open file, a copied pipe, or bytes in memory."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, place: int, /) -> int: ...
    def close(self) -> None: ...


_DOCUMENTS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "an archive or an office document (.docx, .xlsx, .odt)",
    b"\xd0\xcf\x11\xe0": "an office document (.doc, .xls)",
}
"""The first bytes of documents that are no text."""


class TextSource:
    """Named texts that can be read any number of times, as bytes or as characters.

    >>> source = TextSource.embedded()
    >>> next(source.characters())[:3].isprintable()
    True
    """

    def __init__(self, name: str, files: Sequence[tuple[str, Path | ByteStream]], *, places: Sequence[str] = ()):
        self.name, self.places, self._files = name, tuple(places), list(files)
        for _, place in files:
            if not isinstance(place, Path):
                weakref.finalize(self, place.close)

    @classmethod
    def open(cls, *places: str | Path) -> TextSource:
        """The text of files and folders, in this order; "-" is standard input.

        Raises:
            DataError: a missing file, or a folder without text files.
        """
        files: list[tuple[str, Path | ByteStream]] = []
        for place in places:
            files += [("standard input", _spool(standard_input()))] if str(place) == "-" else _files_of(Path(place))
        return cls(", ".join(printable(place) for place in places), files, places=absolute_places(*places))

    @classmethod
    def of_text(cls, name: str, text: str) -> TextSource:
        """The source of a text in memory."""
        return cls(name, [(name, io.BytesIO(text.encode("utf-8", "surrogatepass")))])

    @classmethod
    def embedded(cls) -> TextSource:
        """English prose that comes with every CPython: the help texts of the language, about half a million characters.
        Their length changes with the version of Python, so they serve to try things out, not to compare figures."""
        from pydoc_data.topics import topics

        return cls.of_text("the help texts of Python", "\n\n".join(topics[name] for name in sorted(topics)))

    def raw(self) -> Iterator[bytes]:
        """Reads the decompressed bytes in pieces; adds a line end between files where one is missing."""
        for number, (name, place) in enumerate(self._files):
            last = b"\n"
            for piece in pieces(name, place):
                yield piece
                last = piece[-1:]
            if number + 1 < len(self._files) and last != b"\n":
                yield b"\n"

    def characters(self) -> Iterator[str]:
        """Reads the text in pieces, with "\\n" as line ends (see `line_ends`) and without a byte order mark.

        Raises:
            DataError: bytes that are not UTF-8, or a binary file.
        """
        for number, (name, place) in enumerate(self._files):
            last = "\n"
            for text in decode_text(name, pieces(name, place)):
                yield text
                last = text[-1]
            if number + 1 < len(self._files) and last != "\n":
                yield "\n"


def absolute_places(*places: str | Path) -> tuple[str, ...]:
    """The places as they can be read again from any folder: absolute paths, and "-" for standard input.

    >>> absolute_places("-", "/texts/../a.txt")
    ('-', '/texts/../a.txt')
    """
    return tuple("-" if str(place) == "-" else printable(Path(place).absolute()) for place in places)


def standard_input() -> io.BufferedIOBase:
    """Standard input as bytes.

    Raises:
        DataError: standard input is closed.
    """
    if sys.stdin is None:
        raise DataError("standard input: closed; pipe a text in, or name a file")
    return cast(io.BufferedIOBase, sys.stdin.buffer)


def _spool(stream: ByteStream) -> ByteStream:
    """A copy of a stream that can be read again: in memory when small, else in a temporary file."""
    copy = tempfile.SpooledTemporaryFile(max_size=64 * PIECE)  # noqa: SIM115 - lives as long as the source
    while piece := stream.read(PIECE):
        copy.write(piece)
    return cast(ByteStream, copy)


def _files_of(place: Path) -> list[tuple[str, Path | ByteStream]]:
    if place.is_dir():
        texts = sorted(file for file in files_below(place) if file.is_file() and _is_text_name(file))
        if not texts:
            raise DataError(
                f"{place}: no text in this folder; expected files ending in {', '.join(TEXTS)} (or .gz, .xz)"
            )
        return [(str(file), file) for file in texts]
    if archive := place if is_archive(place) and place.is_file() else archive_above(place):
        return _members_of(place, archive)
    if not place.exists():
        raise DataError(f"{place}: no such file or folder")
    if not place.is_file():  # a pipe or a device, which can be read only once
        with open(place, "rb") as stream:
            return [(str(place), _spool(stream))]
    return [(str(place), place)]


def _members_of(place: Path, archive: Path) -> list[tuple[str, Path | ByteStream]]:
    """The texts in an archive, or those that a path into it leads to; a file alone may have any name."""
    steps = place.relative_to(archive).parts
    every = sorted((one.path, one.content) for one in members(archive) if one.path[: len(steps)] == steps)
    held = [one for one in every if len(every) == 1 or ending(one[0][-1]) in TEXTS]
    if not held:
        raise DataError(f"{place}: no text in this archive; expected files ending in {', '.join(TEXTS)}")
    return [("/".join((str(archive), *path)), io.BytesIO(content)) for path, content in held]


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and in its subfolders, in no particular order; no pipes, sockets and devices, which can be
    read without an end. A link to nothing is one that cannot be read.

    Raises:
        DataError: a folder that cannot be read.
    """

    def unreadable(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")

    for parent, _, names in os.walk(folder, onerror=unreadable):
        paths = (Path(parent) / name for name in names)
        yield from (path for path in paths if path.is_file() or not path.exists())


def _is_text_name(file: Path) -> bool:
    return ending(file) in TEXTS and not is_hidden(file.name)


def pieces(name: str, place: Path | ByteStream) -> Iterator[bytes]:
    """Reads the decompressed bytes of a file, a mebibyte at a time; messages name it as `name`.

    Raises:
        DataError: a file that cannot be read, whose compression is damaged, or that expands to too much.
    """
    if isinstance(place, Path):
        with open_file(place, name=name) as stream:
            while piece := stream.read(PIECE):
                yield piece
        return
    with errors_named(name):
        place.seek(0)
        while piece := place.read(PIECE):
            yield piece


def refuse_document(name: str, content: bytes) -> None:
    r"""Refuses a document where text is expected; `name` is the file's in the message.

    >>> refuse_document("a.txt", b"some text")
    >>> refuse_document("a.pdf", b"%PDF-1.4\n")
    Traceback (most recent call last):
    elman._errors.DataError: a.pdf: a PDF; expected text: save it as plain text (.txt), or a table as .csv

    Raises:
        DataError: such a document.
    """
    for mark, kind in _DOCUMENTS.items():
        if content.startswith(mark):
            raise DataError(f"{name}: {kind}; expected text: save it as plain text (.txt), or a table as .csv")


def decode_text(name: str, pieces: Iterator[bytes]) -> Iterator[str]:
    """Decodes pieces of UTF-8 as text, with "\\n" as line ends; messages name the file as `name`.

    Raises:
        DataError: bytes that are not UTF-8, or a binary file.
    """
    utf8, ends = codecs.getincrementaldecoder("utf-8")(), LineEnds()
    offset, first = 0, True

    def decode(piece: bytes, final: bool) -> str:
        waiting = len(utf8.getstate()[0])
        try:
            return utf8.decode(piece, final)
        except UnicodeDecodeError as error:
            place = offset - waiting + error.start
            raise DataError(
                f"{name}: not UTF-8 at byte {place} (0x{error.object[error.start]:02x}); convert it to UTF-8{_RAW}"
            ) from None

    for piece in pieces:
        if first:
            refuse_document(name, piece)
        if (null := piece.find(b"\0")) >= 0:
            raise DataError(f"{name}: a binary file (a zero byte at {offset + null}); expected text{_RAW}")
        text = decode(piece, False)
        offset += len(piece)
        text, first = text.removeprefix("\ufeff") if first else text, first and not text
        if text := ends.feed(text):
            yield text
    if text := ends.feed(decode(b"", True), final=True):
        yield text
