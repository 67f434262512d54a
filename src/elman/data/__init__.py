"""Reads data and encodes them as arrays, with NumPy and the standard library only."""

from elman.data.corpus import TextPart, read_corpus
from elman.data.examples import Data
from elman.data.shuffled import Shuffled
from elman.data.streams import Batch, Streams, next_token_windows
from elman.data.subwords import Subwords
from elman.data.vocabulary import Bytes, Characters, Vocabulary, Words

__all__ = [
    "Batch",
    "Bytes",
    "Characters",
    "Data",
    "Shuffled",
    "Streams",
    "Subwords",
    "TextPart",
    "Vocabulary",
    "Words",
    "next_token_windows",
    "read_corpus",
]
