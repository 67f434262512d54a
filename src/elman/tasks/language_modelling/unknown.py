"""The characters of a text that a model does not know, in words."""

from __future__ import annotations

from collections import Counter

from elman._errors import quantity
from elman.formats.text import TextSource
from elman.words.vocabulary import AnyVocabulary

SHOWN = 10
"""The most characters that are named."""


def left_out(source: TextSource, codec: AnyVocabulary) -> tuple[str, ...]:
    """A sentence on the characters of a text that a model does not know, with the line of the first; none where it
    knows all.

    >>> from elman.words import Characters
    >>> left_out(TextSource.of_text("t", "one\\ntwö, öne"), Characters.of(["one two,\\n"]))
    ("t: 2 characters that the model does not know were left out, first in line 2: 'ö' (U+00F6) 2 times",)
    """
    counts, line, first = Counter[str](), 1, 0
    for piece in source.characters():
        text = codec.normal(piece)
        unknown = codec.unknown_in(text)
        counts.update({one: text.count(one) for one in unknown})
        if unknown and not first:
            first = line + text.count("\n", 0, min(map(text.index, unknown)))
        line += text.count("\n")
    if not counts:
        return ()
    named = [f"{one!r} (U+{ord(one):04X}) {quantity(count, 'time')}" for one, count in counts.most_common(SHOWN)]
    named += [f"{len(counts) - SHOWN:,} others"] if len(counts) > SHOWN else []
    total = quantity(counts.total(), "character")
    where = f"{total} that the model does not know were left out, first in line {first:,}"
    return (f"{source.name}: {where}: {', '.join(named)}",)
