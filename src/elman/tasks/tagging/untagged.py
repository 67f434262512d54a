"""Reads sentences to be tagged as they arrive: text, lines of one word each, or CoNLL-U."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from elman._errors import ConfigError
from elman.formats.columns import DOCUMENT
from elman.formats.conllu import Sentence, read_conllu, sentence_of
from elman.formats.lines import arriving_lines
from elman.formats.names import CONLLU, ending
from elman.words.tokenise import tokenise, unspaced_tokens

InputFormat = Literal["text", "words", "conllu"]

LINES = 16384
"""The most lines of one group; a sentence may have many."""


def arriving_sentences(*places: str, read: InputFormat) -> Iterator[list[Sentence]]:
    """Reads the sentences of files, or of standard input ("-"), in groups as they arrive.

    Raises:
        DataError: a missing file, or malformed CoNLL-U, with file and line.
        ConfigError: a file to be read as text whose name is that of CoNLL-U.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("It's here.")
    ...     file.flush()
    ...     [[sentence]] = arriving_sentences(file.name, read="text")
    >>> sentence.values("form")
    ('It', "'s", 'here', '.')
    """
    for place in places:
        if read == "text" and ending(place) in CONLLU:
            raise ConfigError(f"read: {place} is CoNLL-U by its name, not text; say --read conllu")
        if read == "text":
            for lines in arriving_lines(place):
                yield [_of_text(line.strip()) for line in lines if line.strip()]
        else:
            yield from _blocks(place, _of_words if read == "words" else _of_conllu)


def _blocks(place: str, read: Callable[[list[str], str, int], list[Sentence]]) -> Iterator[list[Sentence]]:
    """Groups of whole sentences, each up to the last empty line that has arrived."""
    waiting: list[str] = []
    first, name = 1, "standard input" if place == "-" else place
    for lines in arriving_lines(place, at_most=LINES):
        waiting += lines
        ends = [number for number, line in enumerate(waiting, start=1) if not line.strip(" ")]
        if ends:
            yield read(waiting[: ends[-1]], name, first)
            waiting, first = waiting[ends[-1] :], first + ends[-1]
    yield read(waiting, name, first)


def _of_text(line: str) -> Sentence:
    tokens = tokenise(line)
    return sentence_of([token.form for token in tokens], text=line, unspaced=unspaced_tokens(tokens))


def _of_words(lines: list[str], name: str, first: int) -> list[Sentence]:
    """The sentences of lines of which each holds a word in its first column."""
    sentences, words = [], list[str]()
    for line in [*lines, ""]:
        columns = line.split("\t") if "\t" in line else line.split()
        if columns and columns[0].strip() and columns[0] != DOCUMENT:
            words.append(columns[0].strip())
        elif words:
            sentences.append(sentence_of(words))
            words = []
    return sentences


def _of_conllu(lines: list[str], name: str, first: int) -> list[Sentence]:
    return list(read_conllu(lines, file=name, first=first))
