"""Vocabularies of characters, bytes, words and sub-words, which map tokens to ids and back.

A vocabulary is the codec of a text model: it is saved with the model, so that a prime is read as the training text was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import SupportsIndex

import msgspec
import numpy as np
import regex
from jaxtyping import Integer
from msgspec import UNSET

from elman._errors import VocabularyError
from elman._normal_form import normalise
from elman._types import NormalForm, Unknown
from elman.words._vocabulary import (
    ByteVocabulary,
    SavedForm,
    SavedRules,
    StreamDecoder,
    Vocabulary,
    WordVocabulary,
    most_frequent,
    rules_of,
    saved_form,
    whole_words,
)
from elman.words.boundaries import MARK, RUN, SPACE, pattern_of
from elman.words.subwords import Subwords

__all__ = [
    "AnyVocabulary",
    "Bytes",
    "Characters",
    "StreamDecoder",
    "Subwords",
    "Vocabulary",
    "Words",
    "whole_words",
]

PADDING = "\0"
UNKNOWN_WORD = "<unk>"
_LETTERS = re.compile(r" ?\w+(?:['’-]\w+)*| ?[^\w\s]|\s")
_UNICODE = regex.compile(rf" ?{RUN}(?:['’-]{RUN})*| ?{MARK}|{SPACE}")


class Characters(Vocabulary, frozen=True, tag="characters"):
    """A vocabulary of characters, sorted by code point; id 0 is padding.

    >>> vocabulary = Characters.of(["hello"])
    >>> vocabulary.tokens, vocabulary.encode("hole").tolist()
    (('\\x00', 'e', 'h', 'l', 'o'), [2, 4, 3, 1])
    >>> vocabulary.decode([2, 1, 3, 3, 4])
    'hello'
    """

    kind = "characters"
    reserved = 1

    tokens: tuple[str, ...]
    lower: bool = False
    normal_form: SavedForm = UNSET

    def __post_init__(self) -> None:
        if self.tokens[:1] != (PADDING,) or any(len(token) != 1 for token in self.tokens):
            raise ValueError("expected the padding, then single characters")

    @classmethod
    def of(cls, texts: Iterable[str], *, lower: bool = False, normal_form: NormalForm = "none") -> Characters:
        """The vocabulary of `texts`, which are read once and never held in memory whole."""
        seen = np.zeros(0x110000, bool)
        for text in texts:
            seen[_code_points(normalise(text, normal_form, lower=lower))] = True
        seen[0] = False
        return cls(tokens=(PADDING, *map(chr, np.flatnonzero(seen))), lower=lower, normal_form=saved_form(normal_form))

    @property
    def size(self) -> int:
        """The number of ids: characters, and the padding."""
        return len(self.tokens)

    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The ids of the characters."""
        points, table = _code_points(text), _table(self.tokens)
        ids = table[np.minimum(points, len(table) - 1)]
        missing = np.flatnonzero(ids == 0)
        if len(missing) and unknown == "error":
            raise VocabularyError.at(text[missing[0]], int(missing[0]), repr(text[:40]))
        return ids[ids > 0].astype(np.int32)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`; padding is left out."""
        return "".join(self.tokens[i] for i in ids if i != 0)

    def token(self, id: int) -> str:
        """The character with this id."""
        return self.tokens[id]

    def text(self, id: int) -> str | None:
        """The character with this id; None for the padding."""
        return self.tokens[id] if id else None

    def stream(self) -> StreamDecoder:
        """A decoder for ids that arrive one by one."""
        return StreamDecoder(self.decode)


class Bytes(ByteVocabulary, frozen=True, tag="bytes"):
    """The vocabulary of the 256 bytes, for any text in UTF-8; the id of a byte is its value.

    >>> Bytes().encode("é").tolist(), Bytes().decode([104, 195, 169, 33])
    ([195, 169], 'hé!')
    """

    kind = "bytes"
    reserved = 0

    @property
    def size(self) -> int:
        """The number of ids, 256."""
        return 256

    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The UTF-8 bytes of the text; no byte is unknown."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def raw(self, ids: Iterable[SupportsIndex]) -> bytes:
        """The bytes of `ids`, each of which is a byte."""
        return bytes(map(int, ids))

    def token(self, id: int) -> str:
        """The character of an ASCII byte; another byte is shown by its number, such as `\\xe9`."""
        return chr(id) if id < 128 else f"\\x{id:02x}"


class Words(WordVocabulary, frozen=True, tag="words"):
    """A vocabulary of words, marks and line ends; a word keeps the space before it, so that joined tokens are the text.
    Id 0 is padding and 1 stands for every word that appeared fewer than `min_count` times.

    >>> vocabulary = Words.of(["the cat, the dog"])
    >>> vocabulary.tokens
    ('\\x00', '<unk>', ' cat', ' dog', ' the', ',', 'the')
    >>> vocabulary.decode(vocabulary.encode("the dog, the bird"))
    'the dog, the<unk>'
    """

    lower: bool = False
    normal_form: SavedForm = UNSET
    rules: SavedRules = UNSET

    @classmethod
    def of(
        cls, texts: Iterable[str], *, lower: bool = False, min_count: int = 1, normal_form: NormalForm = "none"
    ) -> Words:
        """The vocabulary of `texts`, most frequent word first.

        Raises:
            DataError: a `min_count` that leaves no word.
        """
        empty = cls(tokens=(PADDING, UNKNOWN_WORD), lower=lower, normal_form=saved_form(normal_form), rules="unicode")
        counts: Counter[str] = Counter()
        for text in whole_words(texts):
            counts.update(empty.words_of(empty.normal(text)))
        return msgspec.structs.replace(empty, tokens=(*empty.tokens, *most_frequent(counts, min_count)))

    def words_of(self, text: str) -> list[str]:
        """The words of a normal text, with the space before them."""
        return pattern_of(text, rules_of(self.rules), unicode=_UNICODE, letters=_LETTERS).findall(text)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of joined words, without padding."""
        return "".join(self.tokens[i] for i in ids if i != 0)


AnyVocabulary = Characters | Bytes | Words | Subwords


def _code_points(text: str) -> Integer[np.ndarray, " time"]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@lru_cache(maxsize=8)
def _table(tokens: tuple[str, ...]) -> Integer[np.ndarray, " code_point"]:
    """The id of each code point, 0 for unknown ones; the last entry stands for all code points beyond."""
    points = [ord(char) for char in tokens]
    table = np.zeros(max(points) + 2, np.int32)
    table[points] = np.arange(len(points))
    return table
