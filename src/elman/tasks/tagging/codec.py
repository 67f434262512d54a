"""Encodes tagged sentences: the vocabularies of words, of the letters in words, and of tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
from jaxtyping import Bool, Integer
from msgspec import UNSET

from elman._errors import ConfigError
from elman._normal_form import normalise
from elman._show import Shown
from elman._types import NormalForm, Whole
from elman.formats.conllu import find_column
from elman.tasks.tagging.reading import Form, TaggedWords
from elman.tasks.tagging.spans import Notation, Scheme, SchemeName, Span
from elman.words._vocabulary import (
    SavedForm,
    SavedModels,
    SavedRules,
    form_of,
    ids_of,
    joined,
    most_frequent,
    rules_of,
    saved_form,
)
from elman.words.cut_learning import learn_cuts
from elman.words.learned_cuts import LearnedCuts
from elman.words.tokenise import Token, tokenise
from elman.words.vocabulary import PADDING, UNKNOWN_WORD, AnyVocabulary

LETTERS = 24
"""The most letters that are read of a word; of a longer word, half from the front and half from the back."""


class TagCodec(Shown, msgspec.Struct, frozen=True):
    """The vocabularies of words, letters and tags. Of words and letters, id 0 is padding and id 1 is unknown.

    >>> codec = TagCodec.of([TaggedWords(("The", "cat", "the"), ("DET", "NOUN", "DET"))])
    >>> codec.words[2:], codec.letters[2:], codec.tags
    (('the', 'cat'), ('T', 'a', 'c', 'e', 'h', 't'), ('DET', 'NOUN'))
    >>> codec.word_ids(["THE", "dog"]).tolist(), codec.tag_ids(["NOUN", "VERB"]).tolist()
    ([2, 1], [1, -1])
    """

    words: tuple[str, ...]
    letters: tuple[str, ...]
    tags: tuple[str, ...]
    lower: bool = True
    """Words are lower-cased before they are looked up; their letters are not."""
    scheme: SchemeName | None = None
    """The scheme by which the tags mark spans; None where they mark none."""
    notation: Notation = "B-X"
    """The way in which the tags of spans are written."""
    outside: str = "O"
    """The tag outside of spans."""
    form: Form = "conllu"
    """The format of the training files, in which tagged sentences are written too."""
    column: str = "upos"
    """The column of the tags in the training files."""
    added: Whole = 0
    """The number of words, at the end of `words`, that are in no training sentence but were added from elsewhere."""
    language_models: SavedModels = ()
    """Settings of the language models that read the words first, as JSON."""
    normal_form: SavedForm = UNSET
    """The normal form in which words and letters are looked up; the sentences keep their spelling."""
    rules: SavedRules = UNSET
    """The rules by which a text is split into words."""
    cuts: LearnedCuts | msgspec.UnsetType = UNSET
    """The words into which a text is split as the training sentences were; models saved before have the rules alone."""

    def __post_init__(self) -> None:
        if self.form == "conllu":
            find_column(self.column)

    @classmethod
    def of(
        cls,
        sentences: Sequence[TaggedWords],
        *,
        lower: bool = True,
        min_count: int = 1,
        scheme: Scheme | None = None,
        form: Form = "conllu",
        column: str = "upos",
        more: Iterable[str] = (),
        normal_form: NormalForm = "none",
    ) -> TagCodec:
        """The codec of training sentences. The most frequent words come first, and after them the words of `more`;
        words that appear fewer than `min_count` times are unknown.

        Raises:
            DataError: a `min_count` that leaves no word.
        """
        words, letters, tags = Counter[str](), set[str](), set[str]()
        for sentence in sentences:
            words.update(normalise(word, normal_form, lower=lower) for word in sentence.words)
            letters.update(*(normalise(word, normal_form) for word in sentence.words))
            tags.update(sentence.tags)
        kept = most_frequent(words, min_count)
        others = dict.fromkeys(normalise(word, normal_form, lower=lower) for word in more)
        for word in kept:
            others.pop(word, None)
        return cls(
            words=(PADDING, UNKNOWN_WORD, *kept, *others),
            letters=(PADDING, UNKNOWN_WORD, *sorted(letters)),
            tags=tuple(sorted(tags)),
            lower=lower,
            scheme=None if scheme is None else scheme.name,
            notation="B-X" if scheme is None else scheme.notation,
            outside="O" if scheme is None else scheme.outside,
            form=form,
            column=column,
            added=len(others),
            normal_form=saved_form(normal_form),
            rules="unicode",
            cuts=learn_cuts((sentence.words, sentence.surfaces) for sentence in sentences),
        )

    def grown(self, other: TagCodec) -> TagCodec:
        """This codec with the words, letters and tags of another one that it lacks, after its own."""
        more = {name: joined(getattr(self, name), getattr(other, name)) for name in ("words", "letters", "tags")}
        return msgspec.structs.replace(self, **more, added=0)

    def read_by(self, language_models: tuple[str, ...], vocabulary: AnyVocabulary) -> TagCodec:
        """This codec with the words of language models instead of its own.

        Raises:
            ConfigError: the models' tokens are not words.

        >>> from elman.words.vocabulary import Words
        >>> codec = TagCodec.of([TaggedWords(("The", "cat"), ("DET", "NOUN"))])
        >>> codec.read_by((), Words.of(["the cat sat, cat"])).words[2:]
        ('cat', 'sat', ',', 'the')
        """
        if vocabulary.kind != "words":
            raise ConfigError(f"start_from: a tagger starts from models of words; got one of {vocabulary.kind}")
        tokens = [vocabulary.token(id) for id in range(vocabulary.size)]
        known = set(tokens)
        words = ("" if f" {token}" in known else token.removeprefix(" ") for token in tokens)
        kept = {"words": tuple(words), "lower": vocabulary.lower, "added": 0, "language_models": language_models}
        return msgspec.structs.replace(self, **kept)

    def tokens(self, text: str) -> list[Token]:
        """Splits a text into words as the training sentences were.

        >>> codec = TagCodec.of([TaggedWords(("L'", "ami", "d'", "Anne"), ("DET", "NOUN", "ADP", "PROPN"))] * 2)
        >>> [token.form for token in codec.tokens("L'amie d'Alain")]
        ["L'", 'amie', "d'", 'Alain']
        """
        if isinstance(self.cuts, msgspec.UnsetType):
            return tokenise(text, rules_of(self.rules))
        return self.cuts.tokens(text)

    def word_ids(self, words: Sequence[str]) -> Integer[np.ndarray, " time"]:
        """The ids of words; 1 for words that are not in the vocabulary."""
        known, form = ids_of(self.words), form_of(self.normal_form)
        return np.array([known.get(normalise(word, form, lower=self.lower), 1) for word in words], np.int32)

    def letter_ids(self, word: str) -> Integer[np.ndarray, " letter"]:
        """The ids of a word's letters, at most `LETTERS`, in normal form.

        >>> codec = TagCodec.of([TaggedWords(("ab", "b"), ("X", "Y"))])
        >>> codec.letter_ids("abc").tolist(), len(codec.letter_ids("b" * 100))
        ([2, 3, 1], 24)
        """
        half, word = LETTERS // 2, normalise(word, form_of(self.normal_form))
        read = word if len(word) <= LETTERS else word[:half] + word[-half:]
        known = ids_of(self.letters)
        return np.array([known.get(letter, 1) for letter in read], np.int32)

    def tag_ids(self, tags: Sequence[str]) -> Integer[np.ndarray, " time"]:
        """The ids of tags; -1 for tags that did not appear in training."""
        known = ids_of(self.tags)
        return np.array([known.get(tag, -1) for tag in tags], np.int32)

    @property
    def spans(self) -> Scheme | None:
        """The scheme and the notation of the tags; None where they mark no spans."""
        return None if self.scheme is None else Scheme(self.scheme, self.notation, self.outside)

    def masks_of(self, span: Span, length: int) -> Iterator[Bool[np.ndarray, "time tag"]]:
        """Yields masks of the tags of sequences of `length` that have exactly this span, one for each way to tag it; no
        sequence is in two masks.

        >>> codec = TagCodec(words=(), letters=(), tags=("B-X", "I-X", "O"), scheme="IOB2")
        >>> [mask.astype(int).tolist() for mask in codec.masks_of(Span("X", 0, 2), 3)]
        [[[1, 0, 0], [0, 1, 0], [1, 0, 1]]]
        """
        scheme = self.spans
        assert scheme is not None, "tags that mark no spans"
        for way in scheme.ways(span):
            mask = np.ones((length, len(self.tags)), bool)
            for step, tag in enumerate(way, start=span.start):
                mask[step] = np.array(self.tags) == tag
            if span.start > 0:
                mask[span.start - 1] = [not scheme.joins(known, way[0]) for known in self.tags]
            if span.stop < length:
                mask[span.stop] = [not scheme.joins(way[-1], known) for known in self.tags]
            yield mask

    @property
    def allowed(self) -> Bool[np.ndarray, "before after"] | None:
        """The mask of well-formed transitions from one tag to the next: the last row stands for the start of a sentence
        and the last column for its end. None where tags mark no spans.

        >>> TagCodec(words=(), letters=(), tags=("B-X", "I-X", "O"), scheme="IOB2").allowed.astype(int).tolist()
        [[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 1, 1]]
        """
        scheme = self.spans
        if scheme is None:
            return None
        ends = (*self.tags, None)
        return np.array([[scheme.can_follow(one, other) for other in ends] for one in ends])
