"""Vocabularies and tokenisers: from text to ids and back, and the windows and streams of ids that networks train on."""

from elman.words.streams import Batch, Streams, next_token_windows
from elman.words.subwords import Subwords
from elman.words.vocabulary import Bytes, Characters, Vocabulary, Words

__all__ = ["Batch", "Bytes", "Characters", "Streams", "Subwords", "Vocabulary", "Words", "next_token_windows"]
