"""Encodes texts for a network that classifies them, and names the classes. The codec is saved with the model, so that
texts are read in use as they were in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Integer
from msgspec import UNSET

from elman._errors import DataError
from elman._normal_form import normalise
from elman._show import Shown, brief, brief_table
from elman._types import Unknown, VocabularyKind, Whole
from elman.tasks.buckets import pad, padded_length
from elman.tasks.classification.batches import Inputs
from elman.tasks.classification.labels import LabelForm
from elman.tasks.classification.reading import LabelledText
from elman.words._vocabulary import SavedForm, SavedModels, SavedRules, form_of, ids_of, joined, rules_of
from elman.words.lexicon import Lexicon, split_sentences, split_words
from elman.words.vocabulary import Bytes, Characters, Subwords, Words

Pieces = Literal["none", "words", "sentences"]
"""Ways of cutting a text into pieces, for a network that first reads each piece by itself."""

LONGEST_PIECE = {"words": 24, "sentences": 64}
"""The most tokens of a piece; a longer piece is cut into several."""


class ReadingSettings(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """Settings by which texts are read."""

    vocabulary: VocabularyKind = "words"
    vocabulary_size: Whole = 8000
    """Size of a vocabulary of sub-words."""
    pieces: Pieces = "none"
    lower: bool = True
    """Texts are lower-cased."""
    min_count: Whole = 1
    """Words that appear less often in training are `<unk>`."""
    max_length: Annotated[int, msgspec.Meta(ge=1, lt=2**53)] = 1024
    """The most tokens that are read of a text; the rest is left out."""
    normal_form: SavedForm = UNSET
    rules: SavedRules = UNSET
    """The rules of words where texts are cut into words."""

    def normal(self, text: str) -> str:
        """The text in normal form, and lower-cased where `lower` is True."""
        return normalise(text, form_of(self.normal_form), lower=self.lower)

    def cut(self, text: str) -> list[str]:
        """The pieces of a text."""
        match self.pieces:
            case "words":
                return split_words(text, rules_of(self.rules))
            case "sentences":
                return split_sentences(text)
            case "none":
                return [text]


class EncodedText(NamedTuple):
    """The ids of a text, piece by piece (one piece where texts are not cut), and the index of its class; the indices of
    its labels where it may have several, -1 for one that did not occur in training."""

    pieces: tuple[Integer[np.ndarray, " _"], ...]
    label: int | tuple[int, ...]

    __repr__, _repr_html_ = brief, brief_table


class TextCodec(Shown, msgspec.Struct, frozen=True, tag="text"):
    """Encodes texts as ids: a vocabulary, the settings by which texts are read, and the names of the classes.

    >>> codec = TextCodec.of(["good film", "bad film"], labels=("neg", "pos"), reading=ReadingSettings())
    >>> [ids.tolist() for ids in codec.encode("A good film!")]
    [[1, 4, 2, 1]]
    """

    vocabulary: Characters | Bytes | Subwords | Words | Lexicon
    labels: tuple[str, ...]
    reading: ReadingSettings
    language_models: SavedModels = ()
    """Settings of the language models that read the texts first, as JSON."""
    form: LabelForm = LabelForm()
    """The form in which labels are written, and whether a text may have several."""

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        labels: Sequence[str],
        reading: ReadingSettings,
        more: Iterable[str] = (),
        form: LabelForm = LabelForm(),
    ) -> TextCodec:
        """The codec of training texts; the vocabulary also keeps the words of `more`.

        Raises:
            DataError: a `min_count` that leaves no word.
            ConfigError: sub-words that cannot be learned.
        """
        vocabulary = _vocabulary(map(reading.normal, texts), reading, map(reading.normal, more))
        return cls(vocabulary, tuple(labels), reading, form=form)

    def grown(self, other: TextCodec) -> TextCodec:
        """This codec with the tokens and labels of another one that it lacks; texts are as long as the other reads
        them."""
        return msgspec.structs.replace(
            self,
            vocabulary=self.vocabulary.grown(other.vocabulary),
            labels=joined(self.labels, other.labels),
            reading=msgspec.structs.replace(self.reading, max_length=other.reading.max_length),
        )

    @property
    def unit(self) -> str:
        """text"""
        return "text"

    @property
    def several(self) -> bool:
        """True if a text may have several labels, or none."""
        return self.form.several

    def encode(self, text: str) -> tuple[Integer[np.ndarray, " _"], ...]:
        """The ids of a text, piece by piece; at least one piece. Characters outside the vocabulary are left out."""
        unknown: Unknown = "skip" if self.vocabulary.unknown is None else "error"
        normal = self.reading.normal
        pieces = [self.vocabulary.encode(normal(piece), unknown=unknown) for piece in self.reading.cut(text)]
        return tuple(_shorten(pieces, self.reading)) or (np.zeros(0, np.int32),)

    def example(self, text: LabelledText) -> EncodedText:
        """A text with its class or its labels, encoded.

        Raises:
            DataError: several labels of a text that has one class.
        """
        known = ids_of(self.labels)
        labels = [known.get(label, -1) for label in self.form.labels(text.label, text.place)]
        return EncodedText(self.encode(text.text), tuple(sorted(labels)) if self.several else labels[0])

    def unknown_words(self, texts: Iterable[EncodedText]) -> float | None:
        """The share of the words of texts that are not in the vocabulary; None where no token can be unknown."""
        unknown = self.vocabulary.unknown
        if unknown is None:
            return None
        counts = [(int((ids == unknown).sum()), len(ids)) for text in texts for ids in text.pieces]
        return sum(count for count, _ in counts) / max(sum(length for _, length in counts), 1)

    def is_label(self, written: str) -> bool:
        """True for a label of the model, or for several, as files have them."""
        try:
            labels = self.form.labels(normalise(written, form_of(self.reading.normal_form)))
        except DataError:
            return False
        return bool(labels) and {*labels} <= {*self.labels}

    def unlabelled(self, text: str) -> EncodedText:
        """A text without labels, encoded."""
        return EncodedText(self.encode(text), () if self.several else 0)

    def size(self, text: EncodedText) -> int:
        """The length by which texts are batched: the number of pieces, or of ids where texts are not cut."""
        return len(text.pieces[0]) if self.reading.pieces == "none" else len(text.pieces)

    def inputs(self, texts: Sequence[EncodedText], *, rows: int, length: int) -> Inputs:
        """Texts, whose `size` is at most `length`, as padded arrays of `rows` rows."""
        if self.reading.pieces == "none":
            return Inputs(*pad([text.pieces[0] for text in texts], rows=rows, length=length), None)
        longest = padded_length(max(len(piece) for text in texts for piece in text.pieces))
        values, outer = np.zeros((rows, length, longest), np.int32), np.zeros(rows, np.int32)
        inner = np.zeros((rows, length), np.int32)
        for row, text in enumerate(texts):
            outer[row] = count = len(text.pieces)
            values[row, :count], inner[row, :count] = pad(text.pieces, rows=count, length=longest)
        return Inputs(values, outer, inner)

    def trial(self, random: np.random.Generator) -> EncodedText:
        """A text of random ids, with which a model can be checked."""
        lengths = random.integers(1, 20, 1 if self.reading.pieces == "none" else random.integers(1, 8))
        pieces = tuple(random.integers(0, self.vocabulary.size, n).astype(np.int32) for n in lengths)
        return EncodedText(pieces, () if self.several else 0)


def _vocabulary(
    texts: Iterable[str], reading: ReadingSettings, more: Iterable[str]
) -> Characters | Bytes | Subwords | Lexicon:
    match reading.vocabulary:
        case "words":
            return Lexicon.of(texts, min_count=reading.min_count, more=more)
        case "characters":
            return Characters.of(texts)
        case "bytes":
            return Bytes()
        case "subwords":
            return Subwords.of(texts, size=reading.vocabulary_size)


def _shorten(
    pieces: Iterable[Integer[np.ndarray, " _"]], reading: ReadingSettings
) -> Iterator[Integer[np.ndarray, " _"]]:
    """The pieces without empty ones, cut to the longest piece that is allowed, and in all to the longest text."""
    left, longest = reading.max_length, LONGEST_PIECE.get(reading.pieces, reading.max_length)
    for ids in pieces:
        ids = ids[:left]
        left -= len(ids)
        yield from (ids[start : start + longest] for start in range(0, len(ids), longest))
