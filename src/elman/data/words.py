"""Words without the spaces between them, and sentences, for tasks that read text and write none.

Raw text is split as the Penn Treebank is (Marcus et al., 1993): marks from words, and `do n't`, `it 's`. Text that is
split so already, with a space around each mark, keeps its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import SupportsIndex

import numpy as np
from jaxtyping import Integer

from elman._errors import DataError
from elman._types import Unknown
from elman.data.vocabulary import PADDING, UNKNOWN_WORD, Vocabulary

_WORD = re.compile(
    r"""
    \w+?(?=n't\b)                                       # do of don't
    | n't\b
    | '(?:s|re|ve|ll|d|m)\b
    | \d+(?:[.,:/]\d+)+                                 # 1,000.50 and 10:30
    | \w+(?:-\w+|'(?!(?:s|re|ve|ll|d|m)\b)\w+)*         # words, re-imagining, o'clock
    | \.{2,} | -{2,} | `` | '' | -[lr][crs]b-           # -lrb- is the Treebank's bracket
    | [^\w\s]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*\s+(?=[^\s.!?…])|\n")


def split_words(text: str) -> list[str]:
    """The words and marks of a text.

    >>> split_words("It's 10:30, don't re-read it...")
    ['It', "'s", '10:30', ',', 'do', "n't", 're-read', 'it', '...']
    """
    return _WORD.findall(text.replace("’", "'"))


def split_sentences(text: str) -> list[str]:
    """The sentences of a text: its lines, cut after full stops, question and exclamation marks too.

    >>> split_sentences('She left . . . "Why?" Nobody knew.\\nThe end')
    ['She left . . .', '"Why?"', 'Nobody knew.', 'The end']
    """
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    cut = (text[start:end].strip() for start, end in pairwise(starts))
    return [sentence for sentence in cut if sentence]


class Lexicon(Vocabulary, frozen=True, tag="lexicon"):
    """The words and marks of `split_words`. Id 0 is padding and 1 stands for every word seen fewer than `min_count`
    times.

    >>> lexicon = Lexicon.of(["The cat, the dog"], lower=True)
    >>> lexicon.tokens
    ('\\x00', '<unk>', 'the', ',', 'cat', 'dog')
    >>> lexicon.decode(lexicon.encode("The dog, the bird."))
    'the dog , the <unk> <unk>'
    """

    tokens: tuple[str, ...]
    lower: bool = False
    added: int = 0
    """How many words, the last, are in no text but came from elsewhere."""

    @classmethod
    def of(cls, texts: Iterable[str], *, lower: bool = False, min_count: int = 1, more: Iterable[str] = ()) -> Lexicon:
        """The words of `texts`, most frequent first, then those of `more` that are words for `split_words` too.

        Raises:
            DataError: a `min_count` that leaves none.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split_words(text.lower() if lower else text))
        kept = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
        if not kept and counts:
            raise DataError(
                f"min_count {min_count} leaves no word; the most frequent appears {max(counts.values())} times"
            )
        others = dict.fromkeys(word.lower() if lower else word for word in more)
        for word in kept:
            others.pop(word, None)
        added = [word for word in others if split_words(word) == [word]]
        return cls(tokens=(PADDING, UNKNOWN_WORD, *kept, *added), lower=lower, added=len(added))

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
        index = _index(self.tokens)
        ids = (index.get(word, 1) for word in split_words(text.lower() if self.lower else text))
        return np.fromiter((i for i in ids if i != 1 or unknown == "error"), np.int32)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The words with a space between them; padding is left out."""
        return " ".join(self.tokens[i] for i in ids if i != 0)

    def token(self, id: int) -> str:
        """The word."""
        return self.tokens[id]


@lru_cache(maxsize=8)
def _index(tokens: tuple[str, ...]) -> dict[str, int]:
    return {token: i for i, token in enumerate(tokens)}
