"""`elman neighbours`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from elman._errors import ConfigError
from elman._types import NormalForm
from elman.cli._parse import call

if TYPE_CHECKING:
    from elman.formats.vectors.vectors import Vectors


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "neighbours", arguments)


def main(
    place: tyro.conf.Positional[Path],
    words: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="WORD ...")],
    /,
    count: int = 10,
    normal_form: NormalForm = "NFC",
) -> int:
    """Show the words whose vectors are nearest to a word's, with the cosine. For three words A B C: the words that are
    to C as B is to A.

    Args:
        place: A file of word vectors (fastText .bin or .vec, word2vec, GloVe; .gz, .xz) or a saved model.
        words: One word, or three.
        count: Number of words to show.
        normal_form: Normal form of Unicode in which the words of a file are compared; none compares their spelling. A
            saved model has its own.
    """
    if len(words) not in (1, 3):
        raise ConfigError(f"expected one word, or three for an analogy; got {len(words)}")
    if count < 1:
        raise ConfigError(f"count: expected at least 1; got {count}")
    vectors = open_place(place, normal_form)
    neighbours = vectors.neighbours(words[0], count) if len(words) == 1 else vectors.analogy(*words, count=count)
    for word, cosine in neighbours:
        print(f"{cosine:.4f}\t{word!r}" if word.strip() != word or not word else f"{cosine:.4f}\t{word}")
    return 0


def open_place(place: Path, normal_form: NormalForm = "NFC") -> Vectors:
    """Opens the vectors of a file, or of a saved model."""
    if not place.is_dir():
        from elman.formats.vectors.files import open_vectors

        return open_vectors(place, normal_form=normal_form)
    from elman.inspection.words import word_vectors
    from elman.tasks.load import load

    return word_vectors(load(place))
