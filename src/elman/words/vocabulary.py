"""Vocabularies of characters, bytes, words and sub-words, which map tokens to ids and back.

A vocabulary is the codec of a text model: it is saved with the model, so that a prime is read as the training text was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, SupportsIndex

import msgspec
import numpy as np
import regex
from jaxtyping import Integer
from msgspec import UNSET

from elman._errors import VocabularyError
from elman._normal_form import normalise, settled
from elman._types import NormalForm, Unknown
from elman.words._vocabulary import (
    ByteVocabulary,
    SavedElisions,
    SavedForm,
    SavedRules,
    StreamDecoder,
    Vocabulary,
    WordVocabulary,
    cut_words,
    form_of,
    joined,
    merged,
    most_frequent,
    rules_of,
    saved_elisions,
    saved_form,
    whole_words,
)
from elman.words.boundaries import MARK, RUN, SPACE, pattern_of
from elman.words.elision import cut_counts, elisions_of
from elman.words.joints import START, Joints, kinds_of
from elman.words.portable import PARTS, portable
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


def _pattern(word: str, mark: str, space: str) -> str:
    return rf" ?{word}(?:['’-]{word})*| ?{mark}|{space}"


_LETTERS = re.compile(_pattern(r"\w+", r"[^\w\s]", r"\s"))
_UNICODE = regex.compile(_pattern(RUN, MARK, SPACE))


class Characters(Vocabulary, frozen=True, tag="characters"):
    """A vocabulary of characters, sorted by code point unless it has grown; id 0 is padding.

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

    def grown(self, other: Any) -> Any:
        """This vocabulary with the characters of another one that it lacks, after its own.

        >>> Characters.of(["hello"]).grown(Characters.of(["hall"])).tokens
        ('\\x00', 'e', 'h', 'l', 'o', 'a')
        """
        return msgspec.structs.replace(self, tokens=joined(self.tokens, other.tokens))

    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The ids of the characters."""
        points, table = _code_points(text), _table(self.tokens)
        ids = table[np.minimum(points, len(table) - 1)]
        missing = np.flatnonzero(ids == 0)
        if len(missing) and unknown == "error":
            raise VocabularyError.at(text[missing[0]], int(missing[0]), repr(text[:40]))
        return ids[ids > 0].astype(np.int32)

    def unknown_in(self, text: str) -> str:
        """The different characters of a text that the vocabulary lacks, in their order.

        >>> Characters.of(["hello"]).unknown_in("hallo, all")
        'a, '
        """
        normal, table = self.normal(text), _table(self.tokens)
        ids = table[np.minimum(_code_points(normal), len(table) - 1)]
        return "".join(dict.fromkeys(normal[place] for place in np.flatnonzero(ids == 0)))

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`; padding is left out."""
        return "".join(self.tokens[i] for i in ids if i != 0)

    def token(self, id: int) -> str:
        """The character with this id."""
        return self.tokens[id]

    def text(self, id: int) -> str | None:
        """The character with this id; None for the padding."""
        return self.tokens[id] if id else None

    def settled(self, text: str) -> int:
        """All of it, but for a character that may combine with what follows in a normal form. Where it is lower-cased,
        a word with a sigma, which has another form at the end of one, is settled as a whole."""
        length = settled(text, form_of(self.normal_form))
        whole = super().settled(text)
        return min(whole, length) if self.lower and "Σ" in text[whole:] else length


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
        return np.frombuffer(self.spelt(text, unknown).encode(), np.uint8).astype(np.int32)

    def settled(self, text: str) -> int:
        """All of it."""
        return len(text)

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
    >>> Words.of(["l'or l'air l'eau l'art; or air eau art"]).words_of("l'ami")
    ["l'", 'ami']
    """

    lower: bool = False
    normal_form: SavedForm = UNSET
    rules: SavedRules = UNSET
    elisions: SavedElisions = UNSET
    """The elisions, words before an apostrophe, such as l' in French."""
    pairs: tuple[str, ...] | msgspec.UnsetType = UNSET
    """The kinds of characters that end a word and begin the next; models saved before have none, and join any."""

    @classmethod
    def of(
        cls, texts: Iterable[str], *, lower: bool = False, min_count: int = 1, normal_form: NormalForm = "none"
    ) -> Words:
        """The vocabulary of `texts`, most frequent word first.

        Raises:
            DataError: a `min_count` that leaves no word.
        """
        empty = cls(tokens=(PADDING, UNKNOWN_WORD), lower=lower, normal_form=saved_form(normal_form), rules="unicode")
        counts, pairs, before = Counter[str](), set[tuple[str, str]](), START
        for text in whole_words(texts):
            words = empty.words_of(empty.normal(text))
            counts.update(words)
            pairs.update(zip([before, *(word[-1] for word in words)], [word[0] for word in words], strict=False))
            before = words[-1][-1] if words else before
        pairs.add((before, START))
        elisions = elisions_of(counts)
        if elisions:
            pairs |= {("'", "a"), ("’", "a")}
        tokens = (*empty.tokens, *most_frequent(cut_counts(counts, elisions), min_count))
        return msgspec.structs.replace(empty, tokens=tokens, elisions=saved_elisions(elisions), pairs=kinds_of(pairs))

    def words_of(self, text: str) -> list[str]:
        """The words of a normal text, with the space before them."""
        words = pattern_of(text, rules_of(self.rules), unicode=_UNICODE, letters=_LETTERS).findall(text)
        return cut_words(words, self.elisions)

    def grown(self, other: Any) -> Any:
        """This vocabulary with the words, elisions and joints of another one that it lacks, its words after its own."""
        pairs = UNSET if self.pairs is UNSET else merged(self.pairs, other.pairs)
        return msgspec.structs.replace(
            super().grown(other), elisions=merged(self.elisions, other.elisions), pairs=pairs
        )

    def reading(self) -> dict[str, Any]:
        """The pattern of words for programs without this package."""
        parts = PARTS[rules_of(self.rules)]
        return portable(_pattern(parts.word, parts.mark, parts.space))

    def joints(self) -> Joints | None:
        """The words and marks that stand side by side in the training text, by what they end and begin with."""
        if isinstance(self.pairs, msgspec.UnsetType):
            return None
        return Joints.of(self.tokens, self.pairs, reserved=self.reserved)

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
