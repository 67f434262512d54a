"""Splits text into words, without the spaces between them, and into sentences, for tasks that output no text.

Raw text is split as in the Penn Treebank (Marcus et al., 1993): marks from words, and `do n't`, `it 's`. Text that is
already split so, with a space around each mark, keeps its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import SupportsIndex

import msgspec
import regex
from msgspec import UNSET

from elman._types import NormalForm, Whole
from elman.words._vocabulary import SavedForm, SavedRules, WordVocabulary, most_frequent, rules_of, saved_form
from elman.words.boundaries import ROW, RUN, SHORTEST_ROW, VISIBLE_MARK, WordRules, pattern_of
from elman.words.vocabulary import PADDING, UNKNOWN_WORD

_LETTERS = re.compile(
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
_UNICODE = regex.compile(
    rf"""
    (?={ROW}(?<=n)'t\b){SHORTEST_ROW}(?=n't\b)
    | n't\b
    | '(?:s|re|ve|ll|d|m)\b
    | \d+(?:[.,:/٫٬\u202f]\d+)+
    | {RUN}(?:-{RUN}|'(?!(?:s|re|ve|ll|d|m)\b){RUN})*
    | \.{{2,}} | -{{2,}} | `` | '' | -[lr][crs]b-
    | {VISIBLE_MARK}
    """,
    regex.VERBOSE | regex.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*\s+(?=[^\s.!?…])|\n")


def split_words(text: str, rules: WordRules = "unicode") -> list[str]:
    """Splits a text into words and punctuation marks; see `boundaries` for other scripts than the Latin one.

    >>> split_words("It's 10:30, don't re-read it...")
    ['It', "'s", '10:30', ',', 'do', "n't", 're-read', 'it', '...']
    >>> split_words("मौसम सुहाना है")
    ['मौसम', 'सुहाना', 'है']
    """
    text = text.replace("’", "'")
    return pattern_of(text, rules, unicode=_UNICODE, letters=_LETTERS).findall(text)


def split_sentences(text: str) -> list[str]:
    """Splits a text into sentences: at line ends, and after full stops, question and exclamation marks.

    >>> split_sentences('She left . . . "Why?" Nobody knew.\\nThe end')
    ['She left . . .', '"Why?"', 'Nobody knew.', 'The end']
    """
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    cut = (text[start:end].strip() for start, end in pairwise(starts))
    return [sentence for sentence in cut if sentence]


class Lexicon(WordVocabulary, frozen=True, tag="lexicon"):
    """A vocabulary of the words and marks of `split_words`. Id 0 is padding and 1 stands for every word that appeared
    fewer than `min_count` times.

    >>> lexicon = Lexicon.of(["The cat, the dog"], lower=True)
    >>> lexicon.tokens
    ('\\x00', '<unk>', 'the', ',', 'cat', 'dog')
    >>> lexicon.decode(lexicon.encode("The dog, the bird."))
    'the dog , the <unk> <unk>'
    """

    separator = " "

    lower: bool = False
    added: Whole = 0
    """The number of words, at the end of `tokens`, that are in no training text but were added from elsewhere."""
    normal_form: SavedForm = UNSET
    rules: SavedRules = UNSET

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        lower: bool = False,
        min_count: int = 1,
        more: Iterable[str] = (),
        normal_form: NormalForm = "none",
    ) -> Lexicon:
        """The vocabulary of `texts`, most frequent word first, then the words of `more` that `split_words` keeps whole.

        Raises:
            DataError: a `min_count` that leaves no word.
        """
        empty = cls(tokens=(PADDING, UNKNOWN_WORD), lower=lower, normal_form=saved_form(normal_form), rules="unicode")
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(empty.words_of(empty.normal(text)))
        kept = most_frequent(counts, min_count)
        others = dict.fromkeys(map(empty.normal, more))
        for word in kept:
            others.pop(word, None)
        added = [word for word in others if split_words(word) == [word]]
        return msgspec.structs.replace(empty, tokens=(*empty.tokens, *kept, *added), added=len(added))

    def words_of(self, text: str) -> list[str]:
        """The words and marks of a normal text."""
        return split_words(text, rules_of(self.rules))

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The words with a space between them; padding is left out."""
        return " ".join(self.tokens[i] for i in ids if i != 0)
