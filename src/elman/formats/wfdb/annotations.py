"""Decodes and encodes WFDB annotations (`.atr` and others): marks at samples, in MIT's format, after the WFDB manual
(G. Moody, annot(5)).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from elman._errors import DataError, excerpt, quantity
from elman._show import brief, brief_table
from elman.formats.wfdb.header import RATES

SYMBOLS = {
    **{1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j", 12: "/", 13: "Q"},
    **{14: "~", 16: "|", 18: "s", 19: "T", 20: "*", 21: "D", 22: '"', 23: "=", 24: "p", 25: "B", 26: "^", 27: "t"},
    **{28: "+", 29: "u", 30: "?", 31: "!", 32: "[", 33: "]", 34: "e", 35: "n", 36: "@", 37: "x", 38: "f"},
    **{39: "(", 40: ")", 41: "r"},
}
"""The symbol of each code in files. Codes up to 49 without one are free for own use; a file may define their symbols,
else they are `[42]` and so on, as the manual writes them."""

_CODES = {symbol: code for code, symbol in SYMBOLS.items()}
_MOST = 49
_FREE = range(42, _MOST + 1)
_OWN = re.compile(r"\[([1-9][0-9]?)\]")
NOTE = SYMBOLS[22]
"""The symbol of a mark that is only its text."""

_NOTE, _SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _TEXT = 22, 59, 60, 61, 62, 63
_RESOLUTION = "## time resolution:"
_DEFINITIONS, _DEFINED = "## annotation type definitions", "## end of definitions"
_DEFINITION = re.compile(r"(?P<code>[0-9]{1,2})\s+(?P<symbol>\S+)")
FARTHEST = 1 << 31
"""The sample before which all marks lie."""


class Annotations(NamedTuple):
    """The annotations of a record, in the order of time."""

    samples: Int[np.ndarray, " mark"]
    """The sample of each mark, counted from 0, at `rate`, or at the record's rate where that is None."""
    symbols: tuple[str, ...]
    subtypes: Int[np.ndarray, " mark"]
    channels: Int[np.ndarray, " mark"]
    numbers: Int[np.ndarray, " mark"]
    notes: tuple[str, ...]
    """The text of each mark, "" where there is none."""
    rate: float | None = None
    """Samples a second; None where the file does not give them."""

    __repr__, _repr_html_ = brief, brief_table

    @classmethod
    def of(cls, samples: np.ndarray, symbols: tuple[str, ...], *, rate: float | None = None) -> Annotations:
        """Annotations that have a sample and a symbol only.

        >>> Annotations.of(np.array([5, 9]), ("N", "V")).notes
        ('', '')
        """
        none = np.zeros(len(samples), np.int64)
        return cls(np.asarray(samples, np.int64), tuple(symbols), none, none, none, ("",) * len(samples), rate)

    def without(self, symbol: str) -> Annotations:
        """All annotations but those of a symbol.

        >>> Annotations.of(np.array([5, 9]), ("N", "V")).without("N").samples.tolist()
        [9]
        """
        kept = [index for index, one in enumerate(self.symbols) if one != symbol]
        columns = (self.samples, self.subtypes, self.channels, self.numbers)
        samples, *numbers = (column[kept] for column in columns)
        return Annotations(
            samples,
            tuple(self.symbols[index] for index in kept),
            *numbers,
            tuple(self.notes[index] for index in kept),
            self.rate,
        )


def decode_annotations(content: bytes, place: str) -> Annotations:
    """Decodes the bytes of an annotation file; messages name it as `place`.

    Raises:
        DataError: a file that is cut short, or that is not an annotation file.

    >>> decode_annotations(encode_annotations(Annotations.of(np.array([70000]), ("N",))), "a.atr").samples.tolist()
    [70000]
    """
    if len(content) % 2:
        size = quantity(len(content), "byte")
        raise DataError(f"{place}: {size}; expected an even number: the file is cut short or damaged")
    symbols = {code: SYMBOLS.get(code, f"[{code}]") for code in range(1, _MOST + 1)}
    rows, rate = _without_header(_marks(content, place), symbols, place)
    for row in rows:
        if row.code not in symbols:
            raise DataError(f"{place}: a mark of code {row.code}, which has no meaning; is it a WFDB annotation file?")
    samples, _, subtypes, channels, numbers, texts = zip(*rows, strict=True) if rows else ((),) * 6
    return Annotations(
        np.array(samples, np.int64),
        tuple(symbols[row.code] for row in rows),
        *(np.array(values, np.int64) for values in (subtypes, channels, numbers)),
        texts,
        rate,
    )


def encode_annotations(annotations: Annotations) -> bytes:
    """Encodes annotations as the bytes of a file, which defines the symbols that are not WFDB's.

    Raises:
        DataError: marks out of order, a symbol with blanks in it, more than eight symbols that are not WFDB's, a value
            that the format cannot hold, or a note of more than 255 bytes.
    """
    out, before = bytearray(), _Mark(0, 0)
    for row in _rows(annotations):
        _check(row, before)
        out += _bytes(row, before)
        before = row
    return bytes(out) + b"\0\0"


class _Mark(NamedTuple):
    sample: int
    code: int
    subtype: int = 0
    channel: int = 0
    number: int = 0
    text: str = ""


def _marks(content: bytes, place: str) -> list[_Mark]:
    words = np.frombuffer(content, "<u2").tolist()
    marks: list[_Mark] = []
    at, time, channel, number = 0, 0, 0, 0
    while at < len(words) and words[at]:
        code, value = words[at] >> 10, words[at] & 0x3FF
        at += 1
        if code == _SKIP:
            if at + 2 > len(words):
                raise _cut(place)
            time += _signed(words[at] << 16 | words[at + 1], 32)
            at += 2
        elif code == 0:  # no mark, only time; the end of definitions is written so
            time += value
        elif code < _SKIP:
            time += value
            marks.append(_Mark(time, code, 0, channel, number))
        elif not marks:
            raise DataError(f"{place}: begins with a property before any mark; is it a WFDB annotation file?")
        elif code == _NUMBER:
            number = _signed(value & 0xFF, 8)
            marks[-1] = marks[-1]._replace(number=number)
        elif code == _CHANNEL:
            channel = value & 0xFF
            marks[-1] = marks[-1]._replace(channel=channel)
        elif code == _SUBTYPE:
            marks[-1] = marks[-1]._replace(subtype=_signed(value & 0xFF, 8))
        else:
            end = at + (value + 1) // 2
            if end > len(words):
                raise _cut(place)
            marks[-1] = marks[-1]._replace(text=_text(content[2 * at : 2 * at + value]))
            at = end
    if at == len(words):
        raise _cut(place)
    return marks


def _cut(place: str) -> DataError:
    return DataError(f"{place}: ends before its end mark: the file is cut short; fetch it again")


def _text(content: bytes) -> str:
    """The text of a note without the zero that ends it: UTF-8 where it is valid, else Latin-1."""
    content = content.rstrip(b"\0")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _without_header(rows: list[_Mark], symbols: dict[int, str], place: str) -> tuple[list[_Mark], float | None]:
    """The marks without the notes at the start that describe the file, and its rate; such notes may define symbols."""
    rate, defining = None, False
    for index, row in enumerate(rows):
        if row.sample or row.code != _NOTE:
            return rows[index:], rate
        if row.text.startswith(_RESOLUTION):
            rate = _rate(row.text.removeprefix(_RESOLUTION).strip(), place)
        elif row.text in (_DEFINITIONS, _DEFINED):
            defining = row.text == _DEFINITIONS
        elif defining and (match := _DEFINITION.match(row.text)):
            symbols[int(match["code"])] = match["symbol"]
        else:
            return rows[index:], rate
    return [], rate


def _rate(text: str, place: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{place}: expected samples a second as the time resolution; got {excerpt(text)}")
    return rate


def _rows(annotations: Annotations) -> list[_Mark]:
    rows = [] if annotations.rate is None else [_Mark(0, _NOTE, text=f"{_RESOLUTION} {_written(annotations.rate)}")]
    samples, symbols, *numbers, notes, _ = annotations
    codes = _codes(symbols)
    if own := [symbol for symbol in codes if symbol not in _CODES and not _nameless(symbol)]:
        described = [_DEFINITIONS, *(f"{codes[symbol]} {symbol} {symbol}" for symbol in own), _DEFINED]
        rows += [_Mark(0, _NOTE, text=text) for text in described]
    columns = [samples.tolist(), symbols, *(column.tolist() for column in numbers), notes]
    for sample, symbol, *rest in zip(*columns, strict=True):
        rows.append(_Mark(sample, codes[symbol], *rest))
    return rows


def _codes(symbols: Iterable[str]) -> dict[str, int]:
    """The code of each symbol; those that are not WFDB's get codes that are free."""
    used = dict.fromkeys(symbols)
    codes = {symbol: _CODES[symbol] for symbol in used if symbol in _CODES}
    codes |= {symbol: code for symbol in used if (code := _nameless(symbol))}
    free = [code for code in _FREE if code not in codes.values()]
    for symbol in used:
        if symbol in codes:
            continue
        if not symbol or not symbol.isprintable() or len(symbol.split()) != 1:
            raise DataError(f"{excerpt(symbol)} is no annotation symbol; expected one word, such as N")
        if not free:
            raise DataError(
                f"no code for the annotation symbol {excerpt(symbol)}; a file can define {len(_FREE)} beside "
                f"{' '.join(_CODES)}"
            )
        codes[symbol] = free.pop(0)
    return codes


def _nameless(symbol: str) -> int | None:
    """The code of a symbol such as `[42]`, which needs no definition."""
    match = _OWN.fullmatch(symbol)
    code = int(match[1]) if match else 0
    return code if code not in SYMBOLS and 0 < code <= _MOST else None


def _check(row: _Mark, before: _Mark) -> None:
    if not before.sample <= row.sample < FARTHEST:
        raise DataError(
            f"an annotation at sample {row.sample:,} after one at {before.sample:,}; expected samples from 0 on in "
            "order of time: sort them"
        )
    if not (-128 <= row.subtype <= 127 and -128 <= row.number <= 127 and 0 <= row.channel <= 255):
        raise DataError(
            f"the annotation at sample {row.sample:,} has subtype {row.subtype}, number {row.number} and channel "
            f"{row.channel}; expected -128 to 127, -128 to 127 and 0 to 255"
        )
    if len(row.text.encode()) > 255:
        raise DataError(f"the note at sample {row.sample:,} has {len(row.text.encode())} bytes; expected 255 at most")


def _bytes(row: _Mark, before: _Mark) -> bytes:
    out, step = bytearray(), row.sample - before.sample
    if step > 0x3FF:
        out += struct.pack("<HHH", _SKIP << 10, step >> 16, step & 0xFFFF)
        step = 0
    words = [row.code << 10 | step]
    if row.subtype:
        words.append(_SUBTYPE << 10 | row.subtype & 0xFF)
    if row.channel != before.channel:
        words.append(_CHANNEL << 10 | row.channel)
    if row.number != before.number:
        words.append(_NUMBER << 10 | row.number & 0xFF)
    out += struct.pack(f"<{len(words)}H", *words)
    if text := row.text.encode():
        out += struct.pack("<H", _TEXT << 10 | len(text)) + text + b"\0" * (len(text) % 2)
    return bytes(out)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _written(rate: float) -> str:
    return str(int(rate)) if rate == int(rate) else repr(float(rate))
