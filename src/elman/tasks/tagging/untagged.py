"""Reads sentences to be tagged as they arrive: text, lines of one word each, columns, or CoNLL-U."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from elman._errors import RecordError
from elman.formats.columns import SentenceColumns, read_columns
from elman.formats.conllu import Sentence, read_conllu, sentence_of
from elman.formats.lines import Lines, in_groups
from elman.formats.names import CONLLU, WORD_COLUMNS
from elman.formats.sources import Source, open_sources
from elman.tasks.answers import Group, Input, lines_asked
from elman.tasks.output import Warning
from elman.tasks.tagging.reading import is_conllu
from elman.words.tokenise import Token, tokenise, unspaced_tokens

InputFormat = Literal["auto", "text", "words", "columns", "conllu"]

AT_MOST = 1024
"""The most sentences of one group."""


class Untagged(NamedTuple):
    """A sentence to be tagged."""

    sentence: Sentence
    text: str = ""
    """The line of text; empty where the sentence was read from words."""
    rows: tuple[tuple[str, ...], ...] = ()
    """The columns of each word, where it was read from columns."""
    is_conllu: bool = False
    """True where it was read from CoNLL-U, so that all of it but the tags is kept."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words; a sentence of comments alone has none."""
        return self.sentence.values("form")


_SAID = {
    "auto": "the first is read as words; --read text reads sentences",
    "words": "--read columns reads the first, if spaces separate it from others",
}


def sentences_asked(
    *places: str, read: InputFormat, tags: Sequence[str] = (), split: Callable[[str], list[Token]] = tokenise
) -> Iterator[Group | Warning]:
    """Yields the sentences of files, folders, archives or standard input ("-") as inputs, in groups as they arrive.

    Args:
        places: files, folders and archives.
        read: the form of the input, as in `TagPrediction`.
        tags: the tags of the model, by which tagged words are known.
        split: a function that splits a text into words.

    Raises:
        DataError: a missing file.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("It's here.")
    ...     file.flush()
    ...     [[one]] = sentences_asked(file.name, read="text")
    >>> one.asked.words
    ('It', "'s", 'here', '.')
    """
    for source in open_sources(*places):
        lines = source.lines()
        form, guess = _form(source, lines, tags)
        if guess and (read == "auto" or (read == "words" and any("\t" not in line for line in lines.ahead()[:1]))):
            yield Warning(f"{source.name}: the last column of every line is a tag; {_SAID[read]}")
        form = form if read == "auto" else read
        if form == "text":
            for group in lines_asked(lines):
                yield [one._replace(asked=_of_text(one.asked, split(one.asked))) if one.asked else one for one in group]
        else:
            yield from _blocks(lines, form)


def _form(source: Source, lines: Lines, tags: Sequence[str]) -> tuple[InputFormat, bool]:
    """The form that the name or the first lines of a file have, text for a pipe; and True where it is a guess."""
    if source.suffix in (*CONLLU, *WORD_COLUMNS):
        return "conllu" if source.suffix in CONLLU else "columns", False
    ahead = [] if source.is_pipe else lines.ahead()
    if is_conllu(ahead):
        return "conllu", False
    rows = [line.split("\t" if "\t" in line else None) for line in ahead if line.strip()]
    tagged = bool(rows) and all(len(row) > 1 and row[-1] in tags for row in rows)
    return ("columns", True) if tagged else ("text", False)


def _of_text(line: str, tokens: list[Token]) -> Untagged:
    starts = [place for place, token in enumerate(tokens) if not place or token.start != tokens[place - 1].start]
    ranges = {
        start: (stop, line[tokens[start].start : tokens[start].stop])
        for start, stop in pairwise([*starts, len(tokens)])
        if stop > start + 1
    }
    forms = [token.form for token in tokens]
    return Untagged(sentence_of(forms, text=line, unspaced=unspaced_tokens(tokens), ranges=ranges), line)


def _blocks(lines: Lines, form: InputFormat) -> Iterator[Group]:
    """The sentences of lines that an empty line ends."""

    def start() -> Iterator[Sentence | SentenceColumns]:
        _end_sentence(lines)
        place: dict[str, Any] = {"file": lines.name, "first": lines.number + 1}
        if form == "conllu":
            return read_conllu(lines, **place)
        return read_columns(lines, **place, least=1, spaced=form == "columns")

    for group in in_groups(lines, start, at_most=AT_MOST):
        yield [_asked(one) for one in group]


def _asked(one: Sentence | SentenceColumns | RecordError) -> Input:
    match one:
        case RecordError():
            return Input(None, error=one)
        case Sentence():
            return Input(Untagged(one, is_conllu=True))
        case SentenceColumns():
            return Input(Untagged(sentence_of(one.words), rows=one.fields))


def _end_sentence(lines: Lines) -> None:
    """Reads on to the end of a sentence of which a line could not be read."""
    while lines.last.strip(" "):
        with suppress(RecordError):
            if next(lines, None) is None:
                return
