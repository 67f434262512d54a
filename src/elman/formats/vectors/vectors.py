"""Word vectors: neighbours, analogies, and the vectors of a vocabulary.

The vectors of a file are read on demand (`open_vectors`), so that a file may be larger than memory; `WordVectors` holds
them in memory.
"""

from __future__ import annotations

import abc
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer

from elman._errors import DataError, quantity
from elman._normal_form import normalise
from elman._show import Shown
from elman._types import NormalForm

BLOCK = 4096
"""Words handled at a time."""

WAYS = ("as spelt", "in lower case", "from sub-words")
"""The ways in which a word of a vocabulary gets its vector, in order of preference."""

SPELLINGS = 50_000
"""Number of the most frequent words among which the nearest spelling of an unknown one is searched for."""


class Neighbour(NamedTuple):
    """A word and its cosine similarity, from -1 to 1."""

    word: str
    cosine: float


class Vectors(abc.ABC):
    """Word vectors, most frequent word first in most files. Words are compared and returned in `normal_form`; of
    equal words the first has the vector."""

    def __init__(self, name: str, width: int, normal_form: NormalForm = "none"):
        self.name, self.width, self.normal_form = name, width, normal_form

    @property
    @abc.abstractmethod
    def repeats(self) -> Integer[np.ndarray, " row"]:
        """The numbers of the rows whose word an earlier row has, in ascending order."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """The number of words."""

    @abc.abstractmethod
    def words(self) -> Iterator[str]:
        """All words, in order."""

    @abc.abstractmethod
    def blocks(self) -> Iterator[tuple[list[str], Float32[np.ndarray, "vocab feature"]]]:
        """All words with their vectors, in order, a few thousand at a time."""

    @abc.abstractmethod
    def select(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        """The vectors of those of `words` that have one in this spelling, apart from the normal form."""

    @abc.abstractmethod
    def compose(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        """Vectors composed from sub-words of `words`, for the words with known sub-words; none without sub-words."""

    def vector(self, word: str) -> Float32[np.ndarray, " feature"]:
        """The vector of `word`, or one composed from its sub-words where there are vectors of sub-words.

        Raises:
            DataError: an unknown word; names the nearest spelling.
        """
        return self._vectors([word])[0]

    def neighbours(self, word: str, count: int = 10) -> list[Neighbour]:
        """The `count` words whose vectors have the greatest cosine similarity to that of `word`, nearest first.

        Raises:
            DataError: an unknown word.
        """
        return self._nearest(_unit(self.vector(word)), count, leave_out={self._normal(word)})

    def analogy(self, a: str, b: str, c: str, count: int = 1) -> list[Neighbour]:
        """The words that are to `c` as `b` is to `a`: those nearest to b - a + c, of unit vectors, except the three
        themselves (Mikolov et al., 2013).

        >>> words = WordVectors("toy", ["man", "king", "woman", "queen"], np.array([[1, 0], [1, 2], [0, 1], [0, 3]]))
        >>> words.analogy("man", "king", "woman")[0].word
        'queen'

        Raises:
            DataError: an unknown word.
        """
        first, second, third = map(_unit, self._vectors([a, b, c]))
        return self._nearest(_unit(second - first + third), count, leave_out={*map(self._normal, (a, b, c))})

    def _normal(self, word: str) -> str:
        return normalise(word, self.normal_form)

    def _vectors(self, words: Sequence[str]) -> list[np.ndarray]:
        here = self.select(words)
        here |= self.compose(word for word in words if word not in here)
        for word in words:
            if word not in here:
                close = _nearest_spelling(self._normal(word), list(islice(self.words(), SPELLINGS)))
                raise DataError(f"{self.name}: no vector for {word!r}{close}")
        return [here[word] for word in words]

    def _nearest(self, unit: np.ndarray, count: int, *, leave_out: set[str]) -> list[Neighbour]:
        best: list[Neighbour] = []
        wanted, repeats, first = count + len(leave_out), self.repeats, 0
        for words, block in self.blocks():
            matrix = block.astype(np.float64)  # the squares of large float32 numbers are beyond float32
            lengths = np.linalg.norm(matrix, axis=1)
            cosines = matrix @ unit / np.where(lengths > 0, lengths, np.inf)
            start, stop = np.searchsorted(repeats, [first, first + len(words)])
            cosines[repeats[start:stop] - first] = -np.inf
            top = [row for row in np.argsort(-cosines, kind="stable")[:wanted] if np.isfinite(cosines[row])]
            best += [Neighbour(words[row], float(cosines[row])) for row in top if words[row] not in leave_out]
            best, first = sorted(best, key=lambda neighbour: -neighbour.cosine)[:count], first + len(words)
        return best


class WordVectors(Vectors):
    """Vectors in memory, such as the rows of a trained embedding.

    >>> vectors = WordVectors("toy", ["cat", "dog", "car"], np.array([[1, 0.1], [1, 0.2], [0, 1]]))
    >>> vectors.neighbours("cat", 1)[0].word
    'dog'
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        matrix: Float[np.ndarray, "vocab feature"] | np.ndarray,
        normal_form: NormalForm = "none",
    ):
        """Holds `matrix`, which has one row for each word.

        Raises:
            DataError: the number of rows is not that of words.
        """
        if len(words) != len(matrix):
            raise DataError(
                f"{name}: expected one vector a word; got {quantity(len(words), 'word')} and {len(matrix)} vectors"
            )
        super().__init__(name, matrix.shape[1], normal_form)
        self._matrix, self._list = np.asarray(matrix, np.float32), list(map(self._normal, words))
        self._rows = {word: row for row, word in reversed(list(enumerate(self._list)))}

    def __len__(self) -> int:
        return len(self._list)

    @property
    def repeats(self) -> Integer[np.ndarray, " row"]:
        return np.array([row for row, word in enumerate(self._list) if self._rows[word] != row], np.int64)

    def words(self) -> Iterator[str]:
        return iter(self._list)

    def blocks(self) -> Iterator[tuple[list[str], Float32[np.ndarray, "vocab feature"]]]:
        for start in range(0, len(self), BLOCK):
            yield self._list[start : start + BLOCK], self._matrix[start : start + BLOCK]

    def select(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        places = {word: self._rows.get(self._normal(word)) for word in words}
        return {word: self._matrix[row] for word, row in places.items() if row is not None}

    def compose(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        return {}


@dataclass(frozen=True)
class WordMatches(Shown):
    """Vectors for a list of words, one row for each, and the way in which each was found.

    >>> toy = WordVectors("toy", ["cat"], np.ones((1, 2)))
    >>> print(match(toy, ["cat", "Cat", "dog"]))
    vectors for 66.7% of 3 words (1 as spelt, 1 in lower case)
    """

    matrix: Float32[np.ndarray, "vocab feature"]
    """The vectors; zeros for a word without one."""
    ways: Integer[np.ndarray, " vocab"]
    """The way in which each was found, as an index into `WAYS`; -1 for a word without a vector."""

    @property
    def found(self) -> Bool[np.ndarray, " vocab"]:
        """The mask of words that have a vector."""
        return self.ways >= 0

    @property
    def share(self) -> float:
        """The share of the words that have a vector, 0 to 1."""
        return float(self.found.mean()) if len(self.ways) else 0.0

    def first(self, count: int) -> WordMatches:
        """The vectors of the first `count` words."""
        return WordMatches(self.matrix[:count], self.ways[:count])

    def __str__(self) -> str:
        counts = {name: int(np.sum(self.ways == way)) for way, name in enumerate(WAYS)}
        shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return f"vectors for {self.share:.1%} of {quantity(len(self.ways), 'word')}" + (f" ({shown})" if shown else "")


def match(vectors: Vectors, words: Sequence[str]) -> WordMatches:
    """Finds the vectors of `words`: as spelt, else in lower case, else composed from sub-words. Reads a file once.

    >>> toy = WordVectors("toy", ["cat"], np.ones((1, 2)))
    >>> match(toy, ["Cat", "dog"]).matrix.tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    here = vectors.select({*words, *(word.lower() for word in words)})
    missing = [word for word in dict.fromkeys(words) if word not in here and word.lower() not in here]
    composed = vectors.compose(word for word in missing if word)
    matrix, ways = np.zeros((len(words), vectors.width), np.float32), np.full(len(words), -1)
    for row, word in enumerate(words):
        for way, (source, key) in enumerate(((here, word), (here, word.lower()), (composed, word))):
            if key in source:
                matrix[row], ways[row] = source[key], way
                break
    return WordMatches(matrix, ways)


def _unit(vector: np.ndarray) -> np.ndarray:
    vector = vector.astype(np.float64)
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def _nearest_spelling(word: str, known: Sequence[str]) -> str:
    """The hint at the nearest spelling, as of `nearest`. Since `known` is long, it first compares only words of about
    the same length and with the same first letter."""
    alike = [other for other in known if abs(len(other) - len(word)) <= 2 and other[:1].lower() == word[:1].lower()]
    close = difflib.get_close_matches(word.lower(), alike, n=1) or difflib.get_close_matches(word.lower(), known, n=1)
    if close and normalise(close[0], "NFC") == normalise(word, "NFC"):
        return f"; it has {close[0]!r} in another normal form, which --normal-form NFC (normal_form='NFC') finds"
    return f"; did you mean {close[0]!r}?" if close else ""
