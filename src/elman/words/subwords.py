"""Vocabularies of sub-words: pieces of words learned from text by byte pair encoding (Gage, 1994; Sennrich, Haddow and
Birch, 2016). An unknown character is spelt by its bytes, so that nothing is unknown.

The pieces are learned and applied by SentencePiece (Kudo and Richardson, 2018), an optional dependency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import chain
from typing import Any, SupportsIndex

import msgspec
import numpy as np
from jaxtyping import Integer
from msgspec import UNSET

from elman._errors import ConfigError, DataError
from elman._types import NormalForm, Unknown
from elman.words._vocabulary import ByteVocabulary, SavedForm, saved_form

LEARNED_FROM = 1 << 25
"""The most characters from which pieces are learned; more of the same text hardly changes them."""

SMALLEST = 300
"""The least size of a vocabulary: the padding, the unknown token, the 256 bytes and a few pieces."""

_FIRST_BYTE = 2
"""The id of byte 0."""

_SPACE = "\u2581"
"""SentencePiece's character for a space; where a text itself contains it, it is spelt by its bytes."""

_LINE = 4096
"""The most characters of a line from which SentencePiece learns; longer lines are cut."""


class Subwords(ByteVocabulary, frozen=True, tag="subwords"):
    r"""A vocabulary of pieces of words; a piece keeps the space before it. Id 0 is padding, 1 is never used, then come
    the 256 bytes, then the pieces, most frequent first.

    >>> vocabulary = Subwords.of(["low lower lowest\nslow slower slowest\n" * 9], size=300)
    >>> ids = vocabulary.encode("slower é")
    >>> [vocabulary.token(id) for id in ids.tolist()]
    ['s', 'lower', ' ', '\\xc3', '\\xa9']
    >>> vocabulary.decode(ids)
    'slower é'
    """

    kind = "subwords"
    reserved = _FIRST_BYTE

    model: bytes
    """The model in SentencePiece's format."""
    lower: bool = False
    normal_form: SavedForm = UNSET

    @classmethod
    def of(cls, texts: Iterable[str], *, size: int, lower: bool = False, normal_form: NormalForm = "none") -> Subwords:
        """Learns pieces from `texts`, which are read once. `size` is the number of ids; a short text gives fewer.

        Raises:
            ConfigError: `size` is too small, or SentencePiece is not installed.
            DataError: no text.
        """
        if size < SMALLEST:
            raise ConfigError(f"sub-words: expected a vocabulary of at least {SMALLEST}; got {size}")
        empty = cls(model=b"", lower=lower, normal_form=saved_form(normal_form))
        lines = list(_lines(map(empty.normal, texts)))
        if not lines:
            raise DataError("sub-words: there is no text to learn them from")
        model = BytesIO()
        _sentencepiece().SentencePieceTrainer.train(
            sentence_iterator=_without_rare_characters(lines, size),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            max_sentence_length=8 * _LINE,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
        return msgspec.structs.replace(empty, model=model.getvalue())

    @property
    def size(self) -> int:
        """The number of ids: pieces, bytes, the unknown token and the padding."""
        return len(_contents(self.model))

    def ids(self, text: str, unknown: Unknown) -> Integer[np.ndarray, " time"]:
        """The ids of the pieces; no text is unknown."""
        parts = _processor(self.model).encode(self.spelt(text, unknown).split(_SPACE))
        mark = [_FIRST_BYTE + byte for byte in _SPACE.encode()]
        ids = chain(parts[0], *(mark + part for part in parts[1:]))
        return np.fromiter(ids, np.int32)

    def raw(self, ids: Iterable[SupportsIndex]) -> bytes:
        """The bytes of the joined pieces, without padding."""
        contents = _contents(self.model)
        return b"".join(contents[i] for i in ids)

    def reading(self) -> dict[str, Any]:
        """The pieces for programs without SentencePiece, in order: of two that could be joined, the earlier one is."""
        return {"pieces": ["" if id < _FIRST_BYTE + 256 else self.token(id) for id in range(self.size)]}

    def token(self, id: int) -> str:
        r"""The piece with this id; a byte that is not a whole character is shown by its number, such as `\xe9`."""
        content = _contents(self.model)[id]
        return content.decode() if len(content) != 1 or content < b"\x80" else f"\\x{content[0]:02x}"


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of the first `LEARNED_FROM` characters, without characters that SentencePiece cannot learn from."""
    left = LEARNED_FROM
    for text in texts:
        for line in text[:left].replace("\0", " ").replace(_SPACE, " ").split("\n"):
            for start in range(0, len(line), _LINE):
                yield line[start : start + _LINE]
        left -= min(len(text), left)
        if not left:
            return


def _without_rare_characters(lines: list[str], size: int) -> Iterator[str]:
    """The lines with rare characters replaced by spaces. Each character takes a piece of its own, and half of the ids
    are reserved for longer pieces."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line)
    rare = [character for character, _ in counts.most_common()[(size - SMALLEST) // 2 + 8 :]]
    return (line.translate(str.maketrans(dict.fromkeys(rare, " "))) for line in lines)


@lru_cache(maxsize=4)
def _processor(model: bytes) -> Any:
    try:
        processor = _sentencepiece().SentencePieceProcessor(model_proto=model) if model else None
    except RuntimeError:
        processor = None
    if processor is None or processor.get_piece_size() < _FIRST_BYTE + 256:
        raise DataError("sub-words: the model is none of SentencePiece's with all bytes; restore it from a copy")
    return processor


@lru_cache(maxsize=4)
def _contents(model: bytes) -> list[bytes]:
    """The bytes of each id."""
    processor = _processor(model)
    pieces = [processor.id_to_piece(id).replace(_SPACE, " ").encode() for id in range(processor.get_piece_size())]
    return [b"", b"", *(bytes([byte]) for byte in range(256)), *pieces[_FIRST_BYTE + 256 :]]


def _sentencepiece() -> Any:
    try:
        import sentencepiece
    except ImportError:
        raise ConfigError("sub-words need SentencePiece: pip install 'elman[subwords]'") from None
    return sentencepiece
