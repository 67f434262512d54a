"""What every vocabulary is: tokens, numbers, and the way from one to the other."""

from __future__ import annotations

import abc
import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import SupportsIndex

import msgspec
import numpy as np
from jaxtyping import Integer

from elman._errors import ConfigError, DataError
from elman._types import Unknown

LONGEST_WORD = 1 << 22
"""Characters after which a text without spaces is cut all the same, to bound memory."""


class _AbstractStruct(msgspec.StructMeta, abc.ABCMeta):
    """Structs with abstract methods."""


class Vocabulary(msgspec.Struct, frozen=True, tag_field="kind", metaclass=_AbstractStruct):
    """Tokens and their numbers."""

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """What one token is called: character, byte, word or subword."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many ids there are; ids lie in [0, size)."""

    @abc.abstractmethod
    def encode(self, text: str, *, unknown: Unknown = "error") -> Integer[np.ndarray, " time"]:
        """The ids of `text`.

        Raises:
            VocabularyError: a token that is not in the vocabulary, unless `unknown="skip"` leaves it out.
        """

    @abc.abstractmethod
    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`; never a broken character."""

    @abc.abstractmethod
    def token(self, id: int) -> str:
        """One token, readable."""

    def stream(self) -> StreamDecoder:
        """Decodes ids as they are produced."""
        return StreamDecoder(self)


class ByteVocabulary(Vocabulary, frozen=True):
    """A vocabulary in which one character may take several tokens."""

    @abc.abstractmethod
    def raw(self, ids: Iterable[SupportsIndex]) -> bytes:
        """The bytes of `ids`, which may begin or end within a character."""

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`; an unfinished last character is left out, invalid bytes become U+FFFD."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(self.raw(ids))


class WordVocabulary(Vocabulary, frozen=True):
    """A table of words, most frequent first. Id 0 is padding, and 1 stands for every word that is not in it."""

    tokens: tuple[str, ...]

    @abc.abstractmethod
    def words_of(self, text: str) -> list[str]:
        """The words of `text`, as the table has them."""

    @property
    def unit(self) -> str:
        """word"""
        return "word"

    @property
    def size(self) -> int:
        """Words, the unknown word and the padding."""
        return len(self.tokens)

    def encode(self, text: str, *, unknown: Unknown = "error") -> Integer[np.ndarray, " time"]:
        """The ids of the words; a word that was not seen is `<unk>`, or left out with `unknown="skip"`."""
        check_unknown(unknown)
        known = ids_of(self.tokens)
        ids = (known.get(word, 1) for word in self.words_of(text))
        return np.fromiter((i for i in ids if i != 1 or unknown == "error"), np.int32)

    def token(self, id: int) -> str:
        """The word."""
        return self.tokens[id]


class StreamDecoder:
    """Text from ids as they come; bytes of an unfinished character wait for the rest."""

    def __init__(self, vocabulary: Vocabulary):
        self._vocabulary = vocabulary
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Iterable[SupportsIndex]) -> str:
        """The text that `ids` complete.

        >>> from elman.data import Bytes
        >>> decoder = Bytes().stream()
        >>> decoder.feed([104, 195]), decoder.feed([169])
        ('h', 'é')
        """
        if isinstance(self._vocabulary, ByteVocabulary):
            return self._bytes.decode(self._vocabulary.raw(ids))
        return self._vocabulary.decode(ids)


def check_unknown(unknown: Unknown) -> None:
    """Refuses what is no way to treat unknown tokens.

    Raises:
        ConfigError: names the ways.
    """
    if unknown not in ("error", "skip"):
        raise ConfigError(f"unknown: expected 'error' or 'skip'; got {unknown!r}")


def whole_words(texts: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that end before a space or a line end, so that no word is cut in two.

    >>> list(whole_words(["the ca", "t sat"]))
    ['the', ' cat', ' sat']
    """
    rest = ""
    for text in texts:
        rest += text
        cut = max(rest.rfind(" "), rest.rfind("\n"))
        cut = len(rest) if cut <= 0 and len(rest) > LONGEST_WORD else cut
        if cut > 0:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def most_frequent(counts: Counter[str], min_count: int) -> list[str]:
    """The words that were seen `min_count` times or more, most frequent first, and of equals in order of letters.

    >>> most_frequent(Counter({"the": 2, "dog": 1, "cat": 1}), 1)
    ['the', 'cat', 'dog']

    Raises:
        DataError: a `min_count` that leaves none.
    """
    kept = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
    if not kept and counts:
        most = max(counts.values())
        raise DataError(f"min_count {min_count} leaves no word; the most frequent appears {most} times")
    return kept


@lru_cache(maxsize=32)
def ids_of(tokens: tuple[str, ...]) -> dict[str, int]:
    """The id of each token: its place.

    >>> ids_of(("a", "b"))
    {'a': 0, 'b': 1}
    """
    return {token: id for id, token in enumerate(tokens)}
