"""Base classes of vocabularies, which map tokens to ids and back."""

from __future__ import annotations

import abc
import codecs
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, SupportsIndex

import msgspec
import numpy as np
from jaxtyping import Bool, Integer

from elman._errors import ConfigError, DataError, VocabularyError
from elman._normal_form import normalise
from elman._show import Shown
from elman._types import NormalForm, Unknown, VocabularyKind
from elman.words.boundaries import WordRules
from elman.words.elision import cut_elisions
from elman.words.joints import Joints

SavedForm = NormalForm | msgspec.UnsetType
"""The normal form in a codec, which has no such field for "none": so the codecs of models saved before there were
normal forms are what they were, also for the hash by which a training is resumed."""

SavedRules = WordRules | msgspec.UnsetType
"""The rules of words in a codec; models saved before there were rules have none, and read runs of letters."""

SavedElisions = tuple[str, ...] | msgspec.UnsetType
"""The elisions of a text in a codec, behind which its words are cut; none where there are none, as in models saved
before they were looked for."""

SavedModels = Annotated[tuple[str, ...], msgspec.Meta(max_length=16)]
"""The settings of language models in a codec, as JSON."""

LONGEST_WORD = 1 << 22
"""The number of characters after which even a text without spaces is cut, to bound memory."""


class _AbstractStruct(msgspec.StructMeta, abc.ABCMeta):
    """The metaclass of structs with abstract methods."""


class Vocabulary(Shown, msgspec.Struct, frozen=True, tag_field="kind", metaclass=_AbstractStruct):
    """The interface of vocabularies: tokens and their ids. The first `reserved` ids stand for no text, such as padding
    and the unknown token."""

    kind: ClassVar[VocabularyKind]
    """The kind of tokens, as an option names it."""
    reserved: ClassVar[int]
    """The number of ids, from 0 on, that stand for no text, such as the padding."""
    unknown: ClassVar[int | None] = None
    """The id of the unknown token; None for a vocabulary without one."""
    separator: ClassVar[str] = ""
    """The text that `decode` puts between two tokens: a space, or nothing."""

    @property
    def lower(self) -> bool:
        """True if texts are lower-cased before they are encoded."""
        return False

    @property
    def normal_form(self) -> SavedForm:
        """The normal form that texts are put into before they are encoded."""
        return msgspec.UNSET

    @property
    def unit(self) -> str:
        """The name of one token: character, byte, word or subword."""
        return self.kind.removesuffix("s")

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The number of ids, which lie in [0, size)."""

    def normal(self, text: str) -> str:
        """The text as it is encoded: in the vocabulary's normal form, and lower-cased where `lower` is True."""
        return normalise(text, form_of(self.normal_form), lower=self.lower)

    def encode(self, text: str, *, unknown: Unknown = "error") -> Integer[np.ndarray, " time"]:
        """The ids of `text`, as `normal` spells it. An unknown word is `<unk>`, unless `unknown="skip"` leaves it out.

        Raises:
            VocabularyError: a character that is not in the vocabulary, unless `unknown="skip"` leaves it out. Its place
                is counted in the normal text.
        """
        check_unknown(unknown)
        return self.ids(self.normal(text), unknown)

    @abc.abstractmethod
    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The ids of a text that is spelt as `normal` spells it; see `encode`."""

    def unknown_in(self, text: str) -> str:
        """The different characters of a text that the vocabulary lacks, in their order; none by default."""
        return ""

    @abc.abstractmethod
    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`, without broken characters."""

    @abc.abstractmethod
    def token(self, id: int) -> str:
        """A readable form of one token."""

    @abc.abstractmethod
    def text(self, id: int) -> str | None:
        """The text of one token; None for reserved ids, and for bytes that are not whole characters."""

    def stream(self, waiting: bytes = b"") -> StreamDecoder:
        """A decoder for ids that arrive one by one, after the bytes of an unfinished character."""
        return StreamDecoder(self.decode)

    def settled(self, text: str) -> int:
        """The length of the beginning of a text whose ids nothing that follows can change: up to the last space or line
        end, behind which a word may go on.

        >>> from elman.words.vocabulary import Bytes, Words
        >>> Words.of(["a cat"]).settled("a ca"), Bytes().settled("a ca")
        (1, 4)
        """
        cut = max(text.rfind(" "), text.rfind("\n"), 0)
        return cut or (len(text) if len(text) > LONGEST_WORD else 0)

    def reading(self) -> dict[str, Any]:
        """The entries that `codec.json` has beside the vocabulary's own, for programs without this package."""
        return {}

    def joints(self) -> Joints | None:
        """The tokens that may stand side by side; None where all may."""
        return None

    def grown(self, other: Any) -> Any:
        """This vocabulary with the tokens of another one of its class that it lacks, after its own, which keep their
        ids. One that can spell any text stays as it is."""
        return self

    def output_mask(self) -> Bool[np.ndarray, " vocab"]:
        """A mask of the tokens that an output may contain: all but the reserved ones."""
        return np.arange(self.size) >= self.reserved


class ByteVocabulary(Vocabulary, frozen=True):
    """A vocabulary in which one character may take several tokens, and none is unknown."""

    @abc.abstractmethod
    def raw(self, ids: Iterable[SupportsIndex]) -> bytes:
        """The bytes of `ids`, which may begin or end within a character."""

    def spelt(self, text: str, unknown: Unknown) -> str:
        """A text that bytes can spell: a half of a surrogate pair, which JSON can hold, has none.

        Raises:
            VocabularyError: such a half, unless `unknown="skip"` leaves it out.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            if unknown == "error":
                raise VocabularyError.at(text[error.start], error.start, repr(text[:40])) from None
            return text.encode(errors="ignore").decode()
        return text

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of `ids`; bytes that are not whole characters are left out."""
        return self.stream().feed(ids)

    def text(self, id: int) -> str | None:
        """The text of one token; None for reserved ids, and for bytes that are not whole characters."""
        try:
            return self.raw([id]).decode() or None
        except UnicodeDecodeError:
            return None

    def stream(self, waiting: bytes = b"") -> StreamDecoder:
        """A decoder in which the bytes of an unfinished character wait for the rest, and others are left out."""
        return ByteDecoder(self.raw, waiting)


class WordVocabulary(Vocabulary, frozen=True):
    """A vocabulary of words, most frequent first. Id 0 is padding, and 1 stands for every unknown word."""

    kind = "words"
    reserved = 2
    unknown = 1

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) < self.reserved:
            raise ValueError("tokens: expected the padding and the unknown word, then words")

    @abc.abstractmethod
    def words_of(self, text: str) -> list[str]:
        """The words of a text that is spelt as `normal` spells it."""

    @property
    def size(self) -> int:
        """The number of words, with the unknown word and the padding."""
        return len(self.tokens)

    def grown(self, other: Any) -> Any:
        """This vocabulary with the words of another one that it lacks, after its own.

        >>> from elman.words.lexicon import Lexicon
        >>> Lexicon.of(["a cat"]).grown(Lexicon.of(["a dog"])).tokens
        ('\\x00', '<unk>', 'a', 'cat', 'dog')
        """
        return msgspec.structs.replace(self, tokens=joined(self.tokens, other.tokens))

    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The ids of the words."""
        known = ids_of(self.tokens)
        ids = (known.get(word, 1) for word in self.words_of(text))
        return np.fromiter((i for i in ids if i != 1 or unknown == "error"), np.int32)

    def token(self, id: int) -> str:
        """The word with this id."""
        return self.tokens[id]

    def text(self, id: int) -> str | None:
        """The word with this id; None for the padding and the unknown word."""
        return None if id < self.reserved else self.tokens[id]


class StreamDecoder:
    """Decodes ids as they arrive."""

    def __init__(self, decode: Callable[[Iterable[SupportsIndex]], str]):
        self._decode = decode

    def feed(self, ids: Iterable[SupportsIndex]) -> str:
        """Takes the next ids and returns the text that they complete.

        >>> from elman.words.vocabulary import Bytes
        >>> decoder = Bytes().stream()
        >>> decoder.feed([104, 195]), decoder.feed([169])
        ('h', 'é')
        """
        return self._decode(ids)

    @property
    def waiting(self) -> bytes:
        """The bytes of a character that is not whole yet."""
        return b""


class ByteDecoder(StreamDecoder):
    """Decodes ids that stand for bytes."""

    def __init__(self, raw: Callable[[Iterable[SupportsIndex]], bytes], waiting: bytes):
        self._characters = codecs.getincrementaldecoder("utf-8")("ignore")
        self._characters.setstate((waiting, 0))
        super().__init__(lambda ids: self._characters.decode(raw(ids)))

    @property
    def waiting(self) -> bytes:
        """The bytes of a character that is not whole yet."""
        return self._characters.getstate()[0]


def saved_form(form: NormalForm) -> SavedForm:
    """The normal form as a codec stores it."""
    return msgspec.UNSET if form == "none" else form


def form_of(saved: SavedForm) -> NormalForm:
    """The normal form that a codec stores."""
    return "none" if isinstance(saved, msgspec.UnsetType) else saved


def saved_elisions(elisions: tuple[str, ...]) -> SavedElisions:
    """The elisions as a codec stores them."""
    return elisions or msgspec.UNSET


def merged(saved: tuple[str, ...] | msgspec.UnsetType, more: tuple[str, ...] | msgspec.UnsetType) -> SavedElisions:
    """The sorted values of both; none where neither has any.

    >>> merged(("l'",), ("d'", "l'")), merged(msgspec.UNSET, msgspec.UNSET)
    (("d'", "l'"), UNSET)
    """
    both = {*(saved or ()), *(more or ())}
    return saved_elisions(tuple(sorted(both)))


def cut_words(words: list[str], saved: SavedElisions) -> list[str]:
    """The words cut behind the elisions that a codec stores."""
    return words if isinstance(saved, msgspec.UnsetType) else list(cut_elisions(words, saved))


def rules_of(saved: SavedRules) -> WordRules:
    """The rules of words that a codec stores."""
    return "letters" if isinstance(saved, msgspec.UnsetType) else saved


def check_unknown(unknown: Unknown) -> None:
    """Refuses an invalid way of treating unknown tokens.

    Raises:
        ConfigError: another value than "error" or "skip".
    """
    if unknown not in ("error", "skip"):
        raise ConfigError(f"unknown: expected 'error' or 'skip'; got {unknown!r}")


def whole_words(texts: Iterable[str]) -> Iterator[str]:
    """Cuts the text anew into pieces that end before a space or a line end, so that no word is cut in two.

    >>> list(whole_words(["the ca", "t sat"]))
    ['the', ' cat', ' sat']
    """
    rest = ""
    for text in texts:
        rest += text
        cut = max(rest.rfind(" "), rest.rfind("\n"))
        cut = len(rest) if cut <= 0 and len(rest) > LONGEST_WORD else cut
        if cut > 0:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def most_frequent(counts: Counter[str], min_count: int) -> list[str]:
    """The words that appear `min_count` times or more, most frequent first, ties in alphabetical order.

    >>> most_frequent(Counter({"the": 2, "dog": 1, "cat": 1}), 1)
    ['the', 'cat', 'dog']

    Raises:
        DataError: a `min_count` that leaves no word.
    """
    kept = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
    if not kept and counts:
        most = max(counts.values())
        raise DataError(f"min_count {min_count} leaves no word; the most frequent appears {most} times")
    return kept


def joined(names: Sequence[str], others: Iterable[str]) -> tuple[str, ...]:
    """The names, and after them the others that are not among them.

    >>> joined(("a", "b"), ["c", "b"])
    ('a', 'b', 'c')
    """
    return tuple(dict.fromkeys((*names, *others)))


@lru_cache(maxsize=32)
def ids_of(tokens: tuple[str, ...]) -> dict[str, int]:
    """The id of each token, which is its position.

    >>> ids_of(("a", "b"))
    {'a': 0, 'b': 1}
    """
    return {token: id for id, token in enumerate(tokens)}
