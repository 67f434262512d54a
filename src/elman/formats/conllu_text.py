"""The text of sentences in CoNLL-U, word by word: by `# text = ...`, or by SpaceAfter=No where there is no text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from elman.formats.conllu import Sentence

_TEXT = "# text = "
_NO_SPACE = re.compile(r"(?:^|\|)SpaceAfter=No(?:$|\|)")


class _Written(NamedTuple):
    """A string of the text, and the words that it stands for: one, or those of a range, such as `1-2`."""

    form: str
    misc: str
    words: list[str]


def surfaces_of(sentence: Sentence) -> tuple[str, ...]:
    """The text of each word with the white space after it. Several words that are written as another, such as de and le
    as du, have the text of the first. Empty for a sentence that does not tell its spaces.

    >>> from elman.formats.conllu import read_conllu
    >>> rows = ["1-2 du", "1 de", "2 le", "3 vin", "4 ."]
    >>> lines = ["\\t".join((row + " _" * 8).split()) for row in rows]
    >>> [sentence] = read_conllu(["# text = du vin.", *lines])
    >>> surfaces_of(sentence)
    ('du ', '', 'vin', '.')
    """
    written = [*_written(sentence)]
    spaces = _spaces_of_text(sentence, written) or _spaces_of_marks(written)
    surfaces: list[str] = []
    for (form, _, words), space in zip(written, spaces, strict=False):
        pieces = words if "".join(words) == form else [form]
        surfaces += [*pieces[:-1], pieces[-1] + space, *("" for _ in words[len(pieces) :])]
    return tuple(surfaces)


def _written(sentence: Sentence) -> Iterator[_Written]:
    stop, several = 0, None
    for line in sentence.lines:
        if not line[0].isdigit():
            continue
        id, form, *_, misc = line.split("\t")
        if "-" in id:
            stop, several = int(id.partition("-")[2]), _Written(form, misc, [])
        elif several:
            several.words.append(form)
            if int(id) == stop:
                yield several
                several = None
        elif "." not in id:
            yield _Written(form, misc, [form])


def _spaces_of_text(sentence: Sentence, written: list[_Written]) -> list[str]:
    """The white space after each string in the sentence's text; none if the text is another."""
    line = next((line for line in sentence.lines if line.startswith(_TEXT)), "")
    text, place, spaces = line.removeprefix(_TEXT).strip(), 0, list[str]()
    for one in written:
        if not text.startswith(one.form, place):
            return []
        place += len(one.form)
        end = len(text) - len(text[place:].lstrip())
        spaces.append(text[place:end])
        place = end
    return spaces if place == len(text) else []


def _spaces_of_marks(written: list[_Written]) -> list[str]:
    """The white space after each string by the column misc; none where it says nothing."""
    tight = [bool(_NO_SPACE.search(one.misc)) for one in written]
    return ["" if is_tight else " " for is_tight in tight] if any(tight) else []
