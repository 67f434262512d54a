"""Elisions, such as the French `l'` of `l'homme` and the Italian `dell'` of `dell'arte`, as a text itself tells them:
what stands before an apostrophe and several words that also stand alone. So `aujourd'hui`, `don't` and the Turkish
`İstanbul'da` are whole, without a list of any language.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

LEAST_WORDS = 4
"""The fewest words behind an apostrophe by which what is before it is an elision."""

_LONGEST = 8
"""The most letters of an elision; longer words before an apostrophe are none."""


def elisions_of(words: Iterable[str]) -> tuple[str, ...]:
    """The elisions in the words of a text, each with its apostrophe, in lower case and sorted.

    >>> elisions_of(["l'homme", "l'ami", "d'eau", "l'eau", "L'oie", "aujourd'hui", "homme", "ami", "eau", "oie"])
    ("l'",)
    """
    known = {word.strip().lower().replace("’", "'") for word in words}
    after: defaultdict[str, int] = defaultdict(int)
    for word in known:
        before, apostrophe, rest = word.partition("'")
        if apostrophe and 0 < len(before) <= _LONGEST and len(rest) > 1 and rest in known:
            after[before + apostrophe] += 1
    return tuple(sorted(elision for elision, count in after.items() if count >= LEAST_WORDS))


def cut_elisions(words: Iterable[str], elisions: Sequence[str]) -> Iterator[str]:
    """Cuts the words of a text behind elisions.

    >>> list(cut_elisions(["Jusqu'aujourd'hui", " l’homme"], ("jusqu'", "l'")))
    ["Jusqu'", "aujourd'hui", ' l’', 'homme']
    """
    known = frozenset(elisions)
    for word in words:
        while (size := _size(word)) and word[:size].strip().lower().replace("’", "'") in known and size < len(word):
            yield word[:size]
            word = word[size:]
        yield word


def cut_counts(counts: Mapping[str, int], elisions: Sequence[str]) -> Counter[str]:
    """The counts of words that are cut behind elisions.

    >>> cut_counts({"l'eau": 2, "eau": 1}, ("l'",))
    Counter({'eau': 3, "l'": 2})
    """
    cut = Counter[str]()
    for word, count in counts.items():
        for piece in cut_elisions([word], elisions):
            cut[piece] += count
    return cut


def _size(word: str) -> int:
    """The number of characters of a word up to its first apostrophe; 0 without one."""
    return word.replace("’", "'").find("'") + 1
