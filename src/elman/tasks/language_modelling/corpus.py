"""Reads a text as ids and splits it by place: in memory when small, else written once to a cache on disk and mapped.

The cache file's name is a hash of the content and of the settings by which it is encoded, so that a changed text or
setting makes a new file and no file is ever stale.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Integer

from elman._cache import cache_folder
from elman._errors import DataError, VocabularyError
from elman._normal_form import normal_pieces
from elman._show import Shown
from elman._types import NormalForm, Unknown, VocabularyKind
from elman.formats.frames import AnyFrame, read_frame, table_or_files
from elman.formats.text import TextSource
from elman.tasks.data import Data
from elman.tasks.fingerprint import digest
from elman.words._vocabulary import form_of
from elman.words.streams import Tokens
from elman.words.vocabulary import AnyVocabulary, Bytes, Characters, Subwords, Words, whole_words

IN_MEMORY = 64 << 20
"""The most bytes of a text whose ids are kept in memory; those of longer ones are on disk."""

CACHE_VERSION = 1
"""The version of the encoding, raised when a text gets other ids."""

LARGEST_SHARE = 250_000
"""The most tokens that a share sets aside: more would make an evaluation slow and no surer. A count has no limit."""


@dataclass(frozen=True)
class TextPart(Shown):
    """A contiguous part of a text as ids."""

    name: str
    tokens: Tokens
    codec: AnyVocabulary
    digest: str
    """A hash of the whole text, of the settings by which it is encoded, and of the place of the part."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Sentences on what was left out as it was read to be measured."""

    def __len__(self) -> int:
        return len(self.tokens)


class MappedTokens:
    """Ids in a file. Each slice maps and copies only its own ids, so resident memory does not grow with the file."""

    def __init__(self, path: Path, dtype: np.dtype, start: int, stop: int):
        self._path, self._dtype, self._start, self._stop = path, dtype, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, part: slice) -> Integer[np.ndarray, " time"]:
        start, stop, step = part.indices(len(self))
        if step != 1 or stop <= start:
            return np.array([self[place : place + 1][0] for place in range(start, stop, step)], self._dtype)
        offset = (self._start + start) * self._dtype.itemsize
        return np.array(np.memmap(self._path, self._dtype, "r", offset, (stop - start,)))

    def between(self, start: int, stop: int) -> MappedTokens:
        """The ids from `start` to `stop`, which are not read yet."""
        return MappedTokens(self._path, self._dtype, self._start + start, self._start + stop)


def source_of(*places: str | Path | AnyFrame) -> TextSource:
    """The text of files and folders; or the texts of one table in memory, each with a line end behind it.

    Raises:
        DataError: as `TextSource.open`; or a text of the table that is missing or none, with its row.
    """
    table, files = table_or_files(places)
    if table is None:
        return TextSource.open(*files)
    frame = read_frame(table, alone="text")
    column = "text" if "text" in frame.own or len(frame.own) != 1 else frame.own[0]
    return TextSource.of_text(frame.name, "".join(f"{text}\n" for text in frame.texts(column)))


def read_corpus(
    source: TextSource,
    *,
    vocabulary: VocabularyKind = "characters",
    lower: bool = False,
    min_count: int = 1,
    vocabulary_size: int = 8000,
    normal_form: NormalForm = "none",
    validation: float = 0.05,
    test: float = 0.05,
    codec: AnyVocabulary | None = None,
    unknown: Unknown = "error",
    at_least: int = 2,
) -> Data[TextPart]:
    """Reads and encodes a text and splits it by place: first the training part, then validation, then test.

    Args:
        source: the text.
        vocabulary: kind of vocabulary.
        lower: lower-cases the text first.
        min_count: words that appear less often become `<unk>`.
        vocabulary_size: the most ids of a vocabulary of sub-words.
        normal_form: the normal form that the text is put into; bytes are read as they are.
        validation, test: below 1 a share of the text, of at most 250,000 tokens; from 1 on a count of tokens.
        codec: vocabulary that encodes the text; by default one made from the text.
        unknown: "skip" leaves out tokens that are not in `codec`.
        at_least: the fewest tokens that the text must have.

    Raises:
        DataError: a text that cannot be read, is empty or too short.
        VocabularyError: a token that is not in `codec`.

    >>> data = read_corpus(TextSource.of_text("abc", "abcabcabca"), validation=2, test=0)
    >>> len(data.train), len(data.validation), data.train.tokens[:4].tolist()
    (8, 2, [1, 2, 3, 1])
    """
    content, size = _hash(source)
    if size == 0:
        raise DataError(f"{source.name}: empty; expected text of at least {at_least:,} tokens")
    made_with = codec or {
        "vocabulary": vocabulary,
        "lower": lower,
        "min_count": min_count,
        "vocabulary_size": vocabulary_size,
        # The hash of a text that both leave alone is as it was before there were normal forms and rules.
        **({} if normal_form == "none" or vocabulary == "bytes" else {"normal_form": normal_form}),
        **({"rules": "unicode", "elisions": True} if vocabulary == "words" else {}),
    }
    numbered = digest([content, CACHE_VERSION, made_with, unknown])

    def make_codec() -> AnyVocabulary:
        return codec or _vocabulary(source, vocabulary, lower, min_count, vocabulary_size, normal_form)

    if size > IN_MEMORY:
        used, tokens = _mapped(source, numbered, make_codec, unknown)
        count, cut = len(tokens), tokens.between
    else:
        used = make_codec()
        ids = np.concatenate([np.zeros(0, _dtype(used)), *_encoded(source, used, unknown)])
        count, cut = len(ids), lambda start, stop: ids[start:stop]
    if count < at_least:
        raise DataError(f"{source.name}: {count:,} {used.kind} of text; expected at least {at_least:,} for this split")

    held_out, tested = _part(count, validation), _part(count, test)
    train = count - held_out - tested
    if train < 2:
        raise DataError(
            f"{source.name}: {count} {used.kind} leave {max(train, 0)} to train on beside {held_out} for validation "
            f"and {tested} for test; use a longer text or smaller parts"
        )

    def part(name: str, start: int, stop: int) -> TextPart:
        return TextPart(name, cut(start, stop), used, digest([numbered, start, stop]))

    parts = (
        part("train", 0, train),
        part("validation", train, train + held_out),
        part("test", train + held_out, count),
    )
    sizes = {"validation": validation, "test": test, "at_least": at_least}
    return Data(
        *parts,
        codec=used,
        source=source.name,
        places=source.places,
        unit=used.unit,
        encoded=partial(_read_with, source, sizes),
    )


def _read_with(source: TextSource, sizes: Mapping[str, Any], codec: AnyVocabulary) -> Data[TextPart]:
    return read_corpus(source, codec=codec, **sizes)


def _part(count: int, size: float) -> int:
    return int(size) if size >= 1 else min(math.ceil(count * size), LARGEST_SHARE)


def _hash(source: TextSource) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    for piece in source.raw():
        digest.update(piece)
        size += len(piece)
    return digest.digest(), size


def _vocabulary(
    source: TextSource, kind: VocabularyKind, lower: bool, min_count: int, size: int, form: NormalForm
) -> AnyVocabulary:
    texts = normal_pieces(source.characters(), form)
    match kind:
        case "characters":
            return Characters.of(texts, lower=lower, normal_form=form)
        case "words":
            return Words.of(texts, lower=lower, min_count=min_count, normal_form=form)
        case "subwords":
            return Subwords.of(texts, size=size, lower=lower, normal_form=form)
        case "bytes":
            return Bytes()


def _encoded(source: TextSource, codec: AnyVocabulary, unknown: Unknown) -> Iterator[Integer[np.ndarray, " time"]]:
    if codec.kind == "bytes":
        yield from (np.frombuffer(piece, np.uint8) for piece in source.raw())
        return
    texts = normal_pieces(source.characters(), form_of(codec.normal_form))
    place, line, alone = 0, 1, len(source.places) < 2
    for text in texts if codec.kind == "characters" else whole_words(texts):
        text = codec.normal(text)
        try:
            yield codec.ids(text, unknown).astype(_dtype(codec))
        except VocabularyError as error:
            number = line + text.count("\n", 0, error.place)
            name = f"{source.name}, line {number:,}" if alone else source.name
            raise VocabularyError.at(error.token, place + error.place, name) from None
        place, line = place + len(text), line + text.count("\n")


def _dtype(codec: AnyVocabulary) -> np.dtype:
    return np.dtype(np.uint8 if codec.size <= 256 else np.uint16 if codec.size <= 65536 else np.int32)


class _CacheEntry(msgspec.Struct, frozen=True):
    """The description of a file of ids. It is written last, so that ids without it are unfinished and made again."""

    count: int
    codec: AnyVocabulary


def _mapped(
    source: TextSource, name: str, make_codec: Callable[[], AnyVocabulary], unknown: Unknown
) -> tuple[AnyVocabulary, MappedTokens]:
    try:
        folder = cache_folder("tokens")
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be created ({error.strerror}); set XDG_CACHE_HOME") from None
    path, description = folder / f"{name}.ids", folder / f"{name}.json"
    entry = _cached(path, description)
    if entry is None:
        codec, count = make_codec(), 0
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            with open(unfinished, "wb") as file:
                for ids in _encoded(source, codec, unknown):
                    file.write(ids.tobytes())
                    count += len(ids)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            entry = _CacheEntry(count, codec)
            unfinished.write_bytes(msgspec.json.encode(entry))
            os.replace(unfinished, description)
        except OSError as error:
            raise DataError(
                f"{path}: cannot write the encoded text ({error.strerror}); free space on disk, or set XDG_CACHE_HOME"
            ) from None
        finally:
            unfinished.unlink(missing_ok=True)
    return entry.codec, MappedTokens(path, _dtype(entry.codec), 0, entry.count)


def _cached(path: Path, description: Path) -> _CacheEntry | None:
    try:
        entry = msgspec.json.decode(description.read_bytes(), type=_CacheEntry)
        whole = path.stat().st_size == entry.count * _dtype(entry.codec).itemsize
    except (OSError, msgspec.MsgspecError):
        return None
    return entry if whole else None
