"""Encodes the sources and targets of pairs as ids, by characters, words or sub-words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, SupportsIndex

import msgspec
import numpy as np
from jaxtyping import Integer
from msgspec import UNSET

from elman._errors import VocabularyError
from elman._show import Shown
from elman._types import NormalForm, Unknown
from elman.tasks.seq2seq.reading import Pair
from elman.tasks.settings import SUBWORDS
from elman.words._vocabulary import SavedForm, WordVocabulary, most_frequent, saved_form
from elman.words.portable import PARTS, portable
from elman.words.vocabulary import PADDING, UNKNOWN_WORD, Characters, Subwords, Words

PER_SUBWORD = 400
"""The characters of text for each sub-word to learn: fewer make the output layer slow and its rows rare."""

Unit = Literal["characters", "words", "subwords"]
"""Kinds of tokens in a pair: characters, words, or pieces of words."""


class SpacedTokens(WordVocabulary, frozen=True, tag="spaced"):
    """A vocabulary of tokens with spaces between them, such as phones, or words split beforehand. Id 0 is padding; 1 is
    any token that appeared fewer than `min_count` times.

    >>> vocabulary = SpacedTokens.of(["AH B", "AH T"])
    >>> vocabulary.tokens, vocabulary.encode("T AH Q").tolist(), vocabulary.decode([4, 2])
    (('\\x00', '<unk>', 'AH', 'B', 'T'), [4, 2, 1], 'T AH')
    """

    separator = " "

    normal_form: SavedForm = UNSET

    @classmethod
    def of(cls, texts: Iterable[str], *, min_count: int = 1, normal_form: NormalForm = "none") -> SpacedTokens:
        """The vocabulary of `texts`, most frequent token first.

        Raises:
            DataError: a `min_count` that leaves no token.
        """
        empty = cls(tokens=(PADDING, UNKNOWN_WORD), normal_form=saved_form(normal_form))
        counts = Counter[str]()
        for text in texts:
            counts.update(empty.words_of(empty.normal(text)))
        return msgspec.structs.replace(empty, tokens=(*empty.tokens, *most_frequent(counts, min_count)))

    def words_of(self, text: str) -> list[str]:
        """The tokens of a normal text, which spaces separate."""
        return text.split()

    def reading(self) -> dict[str, Any]:
        """The pattern of tokens for programs without this package."""
        return portable(f"[^{PARTS['letters'].space[1:]}+")

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The tokens with a space between them; padding is left out."""
        return " ".join(self.tokens[i] for i in ids if i != 0)


Side = Characters | SpacedTokens | Subwords | Words


class RaggedIds(NamedTuple):
    """A ragged array of the ids of many texts: row r is `ids[starts[r] : starts[r + 1]]`."""

    ids: Integer[np.ndarray, " token"]
    starts: Integer[np.ndarray, " border"]

    @property
    def lengths(self) -> Integer[np.ndarray, " row"]:
        """The number of tokens of each row."""
        return np.diff(self.starts)

    def pad(
        self, chosen: Sequence[int] | np.ndarray, *, rows: int, length: int, reverse: bool = False
    ) -> tuple[Integer[np.ndarray, "batch time"], Integer[np.ndarray, " batch"]]:
        """The chosen rows as one array padded with zeros, to `rows` rows of `length`, and the length of each row.
        `reverse` puts the last token first.

        >>> texts = RaggedIds(np.array([5, 6, 7]), np.array([0, 2, 3]))
        >>> ids, lengths = texts.pad([0, 1], rows=3, length=4, reverse=True)
        >>> ids.tolist(), lengths.tolist()
        ([[6, 5, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0]], [2, 1, 0])
        """
        places = np.asarray(chosen, np.int64)
        lengths = np.zeros(rows, np.int32)
        lengths[: len(places)] = self.starts[places + 1] - self.starts[places]
        steps, firsts = np.arange(length), np.zeros((rows, 1), np.int64)
        firsts[: len(places), 0] = self.starts[places + 1] - 1 if reverse else self.starts[places]
        at = (firsts - steps if reverse else firsts + steps).clip(0, max(len(self.ids) - 1, 0))
        real = steps < lengths[:, None]
        return np.where(real, self.ids[at] if len(self.ids) else 0, 0).astype(np.int32), lengths


class PairCodec(Shown, msgspec.Struct, frozen=True):
    """The vocabularies of sources and of targets. In each, id 0 is padding; it also marks the start and end of targets.

    >>> codec = PairCodec.of([Pair("ab", ("K AE", "T"))], target="words")
    >>> codec.source.size, codec.target.tokens
    (3, ('\\x00', '<unk>', 'AE', 'K', 'T'))
    """

    source: Side
    target: Side

    @classmethod
    def of(
        cls,
        pairs: Sequence[Pair],
        *,
        source: Unit = "characters",
        target: Unit = "characters",
        min_count: int = 1,
        size: int | None = None,
        normal_form: NormalForm = "none",
    ) -> PairCodec:
        """The codec of pairs. `size` is the size of a vocabulary of sub-words: by default one for each `PER_SUBWORD`
        characters, from 1,000 to 8,000.

        Raises:
            DataError: a `min_count` that leaves no word.
        """
        sources = (pair.source for pair in pairs)
        targets = (target for pair in pairs for target in pair.targets)
        return cls(
            source=_vocabulary(sources, source, min_count, size, normal_form),
            target=_vocabulary(targets, target, min_count, size, normal_form),
        )

    def grown(self, other: PairCodec) -> PairCodec:
        """This codec with the tokens of another one that it lacks, after its own."""
        return PairCodec(self.source.grown(other.source), self.target.grown(other.target))

    @property
    def answer_unit(self) -> str:
        """The unit by which answers are compared: "character" or "word"."""
        return "character" if self.target.kind == "characters" else "word"

    @property
    def sentences(self) -> bool:
        """True if the answers are sentences, few of which are exactly those of a person."""
        return self.target.kind == "subwords" or self.source.kind == self.target.kind == "words"

    def rows(self, side: Literal["source", "target"], texts: Sequence[str], *, unknown: Unknown = "error") -> RaggedIds:
        """The ids of many texts.

        Raises:
            VocabularyError: a character that is not in the vocabulary, unless `unknown="skip"` leaves it out.
        """
        vocabulary: Side = getattr(self, side)
        texts = [vocabulary.normal(text) for text in texts]
        if vocabulary.kind == "characters" and unknown == "error":
            whole = "".join(texts)  # one call for all texts is many times quicker
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
            try:
                return RaggedIds(vocabulary.ids(whole, unknown), np.concatenate([[0], np.cumsum(lengths)]))
            except VocabularyError as error:
                row = int(np.searchsorted(np.cumsum(lengths), error.place, side="right"))
                place = error.place - int(lengths[:row].sum())
                raise VocabularyError.at(error.token, place, f"the {side} {texts[row][:60]!r}") from None
        ids = [vocabulary.ids(text, unknown) for text in texts]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        return RaggedIds(np.concatenate([np.zeros(0, np.int32), *ids]), np.concatenate([[0], np.cumsum(lengths)]))


def is_running_text(texts: Iterable[str]) -> bool:
    """True if marks stand next to words, as people write them; False for words and marks with spaces between them, and
    for phones.

    >>> is_running_text(["Stop, please!"]), is_running_text(["Stop , please !"]), is_running_text(["S T AA P"])
    (True, False, False)
    """
    ends = Counter(len(word) > 1 for text in texts for word in text.split() if word[-1] in ".,;:!?…،؟।")
    return ends[True] > ends[False]


def _vocabulary(texts: Iterable[str], unit: Unit, min_count: int, size: int | None, form: NormalForm) -> Side:
    match unit:
        case "characters":
            return Characters.of(texts, normal_form=form)
        case "words":
            texts = list(texts)
            if is_running_text(texts):
                words = Words.of((text + "\n" for text in texts), min_count=min_count, normal_form=form)
                return msgspec.structs.replace(words, tokens=tuple(word for word in words.tokens if word != "\n"))
            return SpacedTokens.of(texts, min_count=min_count, normal_form=form)
        case "subwords":
            lines = [text + "\n" for text in texts]
            fitting = min(max(1000, sum(map(len, lines)) // PER_SUBWORD), SUBWORDS)
            return Subwords.of(lines, size=size or fitting, normal_form=form)
