"""Splits text into words, without the spaces between them, and into sentences, for tasks that output no text.

Raw text is split as in the Penn Treebank (Marcus et al., 1993): marks from words, and `do n't`, `it 's`. Text that is
already split so, with a space around each mark, keeps its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, SupportsIndex

import msgspec
import regex
from msgspec import UNSET

from elman._types import NormalForm, Whole
from elman.words._vocabulary import (
    SavedElisions,
    SavedForm,
    SavedRules,
    WordVocabulary,
    cut_words,
    merged,
    most_frequent,
    rules_of,
    saved_elisions,
    saved_form,
)
from elman.words.boundaries import ROW, RUN, SHORTEST_ROW, VISIBLE_MARK, WordRules, pattern_of
from elman.words.elision import cut_counts, elisions_of
from elman.words.portable import PARTS, portable
from elman.words.vocabulary import PADDING, UNKNOWN_WORD

_NOT, _OF_VERBS = "[nN]'[tT]", "'(?:[sSſ]|[rR][eE]|[vV][eE]|[lL][lL]|[dD]|[mM])"
"""The ends of don't and of it's, in capitals too."""

_BETWEEN: dict[WordRules, str] = {"letters": ".,:/", "unicode": ".,:/٫٬\u202f"}
"""The marks between the digits of a number, by the rules of words."""


def _pattern(do: str, word: str, mark: str, *, rules: WordRules, digit: str = r"\d", end: str = r"\b") -> str:
    """The pattern made of these parts: the `do` of don't, a word without hyphens, a mark, a digit, the end of a
    word."""
    return (
        f"{do}(?={_NOT}{end})|{_NOT}{end}|{_OF_VERBS}{end}"
        f"|{digit}+(?:[{_BETWEEN[rules]}]{digit}+)+"  # 1,000.50 and 10:30
        f"|{word}(?:-{word}|'(?!{_OF_VERBS[1:]}{end}){word})*"  # re-imagining, o'clock
        rf"|\.{{2,}}|-{{2,}}|``|''|-[lLrR][cCrRsSſ][bB]-|{mark}"  # -lrb- is the Treebank's bracket
    )


_LETTERS = re.compile(_pattern(r"\w+?", r"\w+", r"[^\w\s]", rules="letters"))
_UNICODE = regex.compile(
    _pattern(rf"(?={ROW}(?<=[nN])'[tT]\b){SHORTEST_ROW}", RUN, VISIBLE_MARK, rules="unicode"),
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
    elisions: SavedElisions = UNSET
    """The elisions, words before an apostrophe, such as l' in French."""

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
        elisions = elisions_of(counts)
        kept = most_frequent(cut_counts(counts, elisions), min_count)
        others = dict.fromkeys(map(empty.normal, more))
        for word in kept:
            others.pop(word, None)
        added = [word for word in others if split_words(word) == [word]]
        return msgspec.structs.replace(
            empty, tokens=(*empty.tokens, *kept, *added), added=len(added), elisions=saved_elisions(elisions)
        )

    def grown(self, other: Any) -> Any:
        """This vocabulary with the words of another one that it lacks, after its own, among which none counts as added
        any more."""
        elisions = merged(self.elisions, other.elisions)
        return msgspec.structs.replace(super().grown(other), added=0, elisions=elisions)

    def words_of(self, text: str) -> list[str]:
        """The words and marks of a normal text."""
        return cut_words(split_words(text, rules_of(self.rules)), self.elisions)

    def reading(self) -> dict[str, Any]:
        """The pattern of words for programs without this package."""
        rules = rules_of(self.rules)
        parts = PARTS[rules]
        row = f"(?={parts.row}(?<=[nN])'[tT]{parts.end})" if rules == "unicode" else ""
        do = row + parts.shortest_row
        return portable(_pattern(do, parts.word, parts.visible_mark, rules=rules, digit=parts.digit, end=parts.end))

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The words with a space between them; padding is left out."""
        return " ".join(self.tokens[i] for i in ids if i != 0)
