"""Reads lines as they arrive, so that commands can be used as filters, and the records that are made of lines.

A line or record that cannot be read is a `RecordError`; those before it are not lost, and those after it can be read.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from elman._errors import DataError, RecordError
from elman.formats.line_ends import LineEnds

AT_MOST = 256
"""The most records of one group."""

_BROKEN = re.compile("[\0\udc80-\udcff]")
"""A zero, or a byte that is no text of the encoding and is decoded as a lone surrogate."""

Record = TypeVar("Record")


class Lines:
    """The lines of a text, one by one, without their ends. A line that is not text raises a `RecordError`; the next
    call goes on with the line after it.

    >>> lines = Lines("the text", iter(["one\\nt", "wo\\n"]))
    >>> next(lines), lines.number, lines.waits
    ('one', 1, True)
    >>> list(lines)
    ['two']
    """

    def __init__(self, name: str, texts: Iterator[str]):
        self.name = name
        self.number = 0
        """The number of the last line, counted from 1."""
        self.last = ""
        """The last line."""
        self._texts = texts
        self._there, self._rest = deque[str](), list[str]()
        self._filled = 0  # lines of `_there` that are not empty

    @classmethod
    def decoded(cls, name: str, pieces: Iterator[bytes], encoding: str = "utf-8") -> Lines:
        """The lines of bytes; messages name them as `name`.

        Raises:
            ConfigError: an encoding that Python does not know.
        """
        return cls(name, _texts(name, pieces, encoding))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while not self._there:
            self._arrive()
        self.number += 1
        self.last = self._there.popleft()
        self._filled -= bool(self.last.strip())
        if broken := _BROKEN.search(self.last):
            byte = ord(broken[0]) & 0xFF
            why = f"not text (byte 0x{byte:02x}); convert it to UTF-8" if byte else "a zero byte; expected text"
            raise RecordError(f"{self.name}, line {self.number}: {why}")
        return self.last

    @property
    def waits(self) -> bool:
        """True if no line has arrived yet but empty ones, which may be no records."""
        return not self._filled

    def ahead(self) -> list[str]:
        """The next lines, as many as have arrived; it waits for the first. They are still there to be read."""
        with suppress(StopIteration):
            while not self._there:
                self._arrive()
        return list(self._there)

    def _arrive(self) -> None:
        text = next(self._texts, None)
        if text is None:
            if not self._rest:
                raise StopIteration
            text = "\n"  # the last line may have no end
        *lines, last = text.split("\n")
        if lines:
            lines[0], self._rest = "".join([*self._rest, lines[0]]), []
        if last:
            self._rest.append(last)
        self._there.extend(lines)
        self._filled += sum(bool(line.strip()) for line in lines)


def each_line(lines: Lines) -> Iterator[str | RecordError]:
    """Yields each line, or the error of one that is not text; see `Lines`."""
    while True:
        try:
            yield next(lines)
        except StopIteration:
            return
        except RecordError as error:
            yield error


def all_readable(records: Iterable[Record | RecordError]) -> Iterator[Record]:
    """Yields records, all of which have to be readable.

    Raises:
        RecordError: the error of the first one that is not.
    """
    for record in records:
        if isinstance(record, RecordError):
            raise record
        yield record


def in_groups(
    lines: Lines, start: Callable[[], Iterator[Record]], *, at_most: int = AT_MOST
) -> Iterator[list[Record | RecordError]]:
    """Yields the records that are made of lines, in groups as they arrive: a pipe that is fed line by line gives a
    group for each record. A record that cannot be read is its error.

    Args:
        lines: the lines.
        start: a function that returns an iterator over the records of the lines that are left; it is called again
            after an error.
        at_most: the most records of a group.

    Raises:
        DataError: as `start` and its iterator, after the records before it.

    >>> lines = Lines.decoded("the text", iter([b"one\\ntwo\\n", b"\\xff\\nlast"]))
    >>> list(in_groups(lines, lambda: lines))
    [['one', 'two'], [RecordError('the text, line 3: not text (byte 0xff); convert it to UTF-8')], ['last']]
    """
    group: list[Record | RecordError] = []
    records = start()
    while True:
        try:
            group.append(next(records))
        except StopIteration:
            break
        except RecordError as error:
            group.append(error)
            records = start()
        except DataError:
            if group:
                yield group
            raise
        if lines.waits or len(group) >= at_most:
            yield group
            group = []
    if group:
        yield group


def _texts(name: str, pieces: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder, ends, first = codecs.getincrementaldecoder(encoding)("surrogateescape"), LineEnds(), True
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            text, first = text.removeprefix("\ufeff") if first else text, first and not text
            yield ends.feed(text)
        yield ends.feed(decoder.decode(b"", final=True), final=True)
    except UnicodeError:  # of encodings whose broken bytes no surrogates can stand for, such as UTF-16
        raise DataError(f"{name}: not {encoding.upper()}; say how the file is encoded with --encoding") from None
