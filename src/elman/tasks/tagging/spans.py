"""Spans of tagged sequences, such as the names of a sentence, in the schemes by which tags mark them.

A tag is O (or _), outside of spans, or a mark and the label of its span, such as B-PER. For a span of three tokens, of
two and of one, and a second one of the same label right behind the first:

| scheme | three | two | one | right behind | |
|---|---|---|---|---|---|
| IOB2, or BIO | B I I | B I | B | B I | Tjong Kim Sang and Veenstra, 1999 |
| IO | I I I | I I | I | (one with the first) | |
| IOB1 | I I I | I I | I | B I | Ramshaw and Marcus, 1995; CoNLL-2003 |
| IOE2 | I I E | I E | E | I E | |
| IOE1 | I I I | I I | I | I I (the first ends with E) | |
| BIOES, or IOBES | B I E | B E | S | B E | |
| BILOU, or BIOLU | B I L | B L | U | B L | Ratinov and Roth, 2009; spaCy |
| BMES | B M E | B E | S | B E | Chinese word segmentation |
| BMEWO | B M E | B E | W | B E | Borthwick, 1999; LingPipe |
| BIOS | B I I | B I | S | B I | |

BMEWO+, as LingPipe writes it, is BMEWO with tags that say what is beside a token outside of spans, such as BB_O_PER for
the first one behind a PER, MM_O for one inside, or O_PER for one before a PER. They follow from the spans: they are
read as O.

In ill-formed sequences, which a scheme does not write, spans are those of conlleval, the script of the CoNLL-2000 task,
and where marks end spans those of seqeval: a span begins where a mark says so, where the label is another than before,
and behind O or a mark that ends a span. `Scheme.problems` names what is ill-formed, and `Scheme.repair` writes these
spans in the scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple, get_args

from elman._show import Shown

SchemeName = Literal["IOB2", "IO", "IOB1", "IOE2", "IOE1", "BIOES", "BILOU", "BMES", "BMEWO", "BIOS"]
"""Names of the schemes; of several that read the same tags alike, the first is chosen."""

Notation = Literal["B-X", "B_X", "X-B", "X_B", "B"]
"""Ways of writing a tag: the mark before or behind the label and what separates them, or the mark alone."""

OUTSIDE = ("O", "_")
"""Tags outside of spans: the usual one, and that of a feature in CoNLL-U that a word does not have."""


class Mark(NamedTuple):
    """The place of a token in its span, as far as its mark says it; None where the tokens beside it decide."""

    first: bool | None
    last: bool | None


_ANYWHERE, _FIRST, _INNER = Mark(None, None), Mark(True, False), Mark(False, False)
_LAST, _ALONE = Mark(False, True), Mark(True, True)

_MARKS: dict[SchemeName, dict[str, Mark]] = {
    "IOB2": {"B": Mark(True, None), "I": Mark(False, None)},
    "IO": {"I": _ANYWHERE},
    "IOB1": {"I": _ANYWHERE, "B": Mark(True, None)},
    "IOE2": {"I": Mark(None, False), "E": Mark(None, True)},
    "IOE1": {"I": _ANYWHERE, "E": Mark(None, True)},
    "BIOES": {"B": _FIRST, "I": _INNER, "E": _LAST, "S": _ALONE},
    "BILOU": {"B": _FIRST, "I": _INNER, "L": _LAST, "U": _ALONE},
    "BMES": {"B": _FIRST, "M": _INNER, "E": _LAST, "S": _ALONE},
    "BMEWO": {"B": _FIRST, "M": _INNER, "E": _LAST, "W": _ALONE},
    "BIOS": {"B": _FIRST, "I": Mark(False, None), "S": _ALONE},
}

_CONTEXT = re.compile(r"(?:BB|EE|WW)([-_])O\1.+|O[-_].+|.+[-_]O")
"""Tags of BMEWO+ outside of spans; before and behind a sentence stand BOS and EOS, or OOS."""


class Span(NamedTuple):
    """The tokens from `start` up to, but not including, `stop`, with one `label`."""

    label: str
    start: int
    stop: int


class Problem(NamedTuple):
    """A tag that its scheme does not allow where it stands, with its place, counted from 0, and the reason."""

    place: int
    tag: str
    reason: str


class _Token(NamedTuple):
    """A token of a span."""

    label: str
    first: bool | None
    last: bool | None


@dataclass(frozen=True)
class Scheme(Shown):
    """A scheme of tags, and the way in which they are written.

    >>> scheme = Scheme("BILOU")
    >>> scheme.spans(["U-PER", "O", "B-LOC", "L-LOC"])
    [Span(label='PER', start=0, stop=1), Span(label='LOC', start=2, stop=4)]
    >>> scheme.tags([Span("ORG", 1, 4)], 4)
    ['O', 'B-ORG', 'I-ORG', 'L-ORG']
    """

    name: SchemeName = "IOB2"
    notation: Notation = "B-X"
    outside: str = "O"
    """The tag outside of spans."""

    @classmethod
    def of(
        cls, sequences: Iterable[Sequence[str]], *, names: Sequence[SchemeName] = get_args(SchemeName)
    ) -> Scheme | None:
        """The scheme of the tags of sequences: of those called `names`, the first that has all tags and in which all
        sequences are well-formed, or else the first that has all tags; None where there is none, as for parts of
        speech.

        >>> Scheme.of([["O", "B-PER"], ["B-PER", "I-PER"]]), Scheme.of([["O", "I-PER", "B-PER"]]).name
        (Scheme(name='IOB2', notation='B-X', outside='O'), 'IOB1')
        >>> Scheme.of([["PER_S", "_"]]), Scheme.of([["NOUN", "O"]]), Scheme.of([["O"]])
        (Scheme(name='BIOES', notation='X_B', outside='_'), None, None)
        """
        several = [tuple(tags) for tags in sequences]
        kinds = {tag for tags in several for tag in tags}
        outside = next((tag for tag in OUTSIDE if tag in kinds), OUTSIDE[0])
        marked = kinds - {outside}
        every = (cls(name, notation, outside) for notation in get_args(Notation) for name in names)
        fitting = [scheme for scheme in every if scheme._is_likely({*scheme.without_context(marked)} - {outside})]
        whole = (
            scheme
            for scheme in fitting
            if not any(next(scheme.problems(scheme.without_context(tags)), None) for tags in several)
        )
        return next(whole, fitting[0] if fitting else None)

    def without_context(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The tags, where those of BMEWO+ that say what is beside a token outside of spans are O.

        >>> Scheme("BMEWO", "B_X").without_context(["EE_O_PER", "W_PER", "BB_O_PER", "MM_O"])
        ('O', 'W_PER', 'O', 'O')
        """
        if self.name != "BMEWO":
            return tuple(tags)
        return tuple(self.outside if _CONTEXT.fullmatch(tag) and self._token(tag) is None else tag for tag in tags)

    def has(self, tag: str) -> bool:
        """True for a tag that belongs to the scheme, wherever it stands.

        >>> Scheme("IOB2").has("O"), Scheme("IOB2").has("E-PER"), Scheme("BIOES").has("E-PER")
        (True, False, True)
        """
        return tag == self.outside or self._token(tag) is not None

    def spans(self, tags: Sequence[str]) -> list[Span]:
        """The spans of one sequence of tags, in order.

        >>> Scheme("IOB2").spans(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"])
        [Span(label='PER', start=0, stop=2), Span(label='LOC', start=3, stop=4), Span(label='LOC', start=4, stop=5)]
        >>> Scheme("IOB2").spans(["I-PER", "I-LOC"])  # ill-formed
        [Span(label='PER', start=0, stop=1), Span(label='LOC', start=1, stop=2)]
        """
        spans, before = [], None
        for place, token in enumerate(map(self._token, tags)):
            if token is not None:
                start = spans.pop().start if _joined(before, token) else place
                spans.append(Span(token.label, start, place + 1))
            before = token
        return spans

    def problems(self, tags: Sequence[str]) -> Iterator[Problem]:
        """The ill-formed tags of a sequence, in order; `next(scheme.problems(tags), None)` is the first.

        >>> next(Scheme("IOB2").problems(["O", "I-PER", "I-PER"]))
        Problem(place=1, tag='I-PER', reason='I-PER cannot follow O')
        >>> next(Scheme("BIOES").problems(["S-PER", "B-LOC"]))
        Problem(place=1, tag='B-LOC', reason='B-LOC cannot be the last tag')
        >>> next(Scheme("IOB2").problems(["O", "B-PER", "E-PER"]))
        Problem(place=2, tag='E-PER', reason="'E-PER' is no tag of IOB2")
        """
        for place, (before, tag) in enumerate(zip([None, *tags], tags, strict=False)):
            if not self.has(tag):
                yield Problem(place, tag, f"{tag!r} is no tag of {self.name}")
            elif not self.can_follow(before, tag):
                where = f"follow {before}" if place else "be the first tag"
                yield Problem(place, tag, f"{tag} cannot {where}")
        if tags and not self.can_follow(tags[-1], None):
            yield Problem(len(tags) - 1, tags[-1], f"{tags[-1]} cannot be the last tag")

    def can_follow(self, before: str | None, after: str | None) -> bool:
        """True where tag `after` may follow tag `before` in a well-formed sequence; None stands for its start and its
        end.

        >>> scheme = Scheme("IOB2")
        >>> scheme.can_follow("B-PER", "I-PER"), scheme.can_follow("B-PER", "I-LOC"), scheme.can_follow(None, "I-PER")
        (True, False, False)
        """
        left, right = self._token(before), self._token(after)
        if _joined(left, right):
            return True
        ends, begins = left.last if left else None, right.first if right else None
        if ends is False or begins is False:
            return False
        # Where a mark that says nothing would do, one that says more is written only to keep two spans apart.
        apart = left is not None and right is not None and left.label == right.label
        return apart or _ANYWHERE not in _MARKS[self.name].values() or True not in (ends, begins)

    def repair(self, tags: Sequence[str]) -> list[str]:
        """Well-formed tags for the spans of ill-formed ones.

        >>> Scheme("IOB2").repair(["I-PER", "I-PER", "O", "B-LOC", "I-PER"])
        ['B-PER', 'I-PER', 'O', 'B-LOC', 'B-PER']
        >>> Scheme("BIOES").repair(["I-PER", "I-PER", "B-LOC", "O"])
        ['B-PER', 'E-PER', 'S-LOC', 'O']
        """
        return self.tags(self.spans(tags), len(tags))

    def tags(self, spans: Iterable[Span], length: int) -> list[str]:
        """The tags of a sequence with these spans.

        >>> Scheme("BIOES").tags([Span("PER", 0, 2), Span("LOC", 3, 4)], 4)
        ['B-PER', 'E-PER', 'O', 'S-LOC']
        >>> Scheme("IOB1", "X-B").tags([Span("PER", 0, 2), Span("PER", 2, 3)], 3)
        ['PER-I', 'PER-I', 'PER-B']
        """
        tags, several = [self.outside] * length, list(spans)
        begins = {(span.label, span.start) for span in several}
        ends = {(span.label, span.stop) for span in several}
        is_first_marked = "B" in _MARKS[self.name]
        for span in several:
            touches = (span.label, span.start) in ends if is_first_marked else (span.label, span.stop) in begins
            tags[span.start : span.stop] = list(self.ways(span))[-1 if touches else 0]
        return tags

    def ways(self, span: Span) -> Iterator[tuple[str, ...]]:
        """The ways to tag a span: one, or in IOB1 and IOE1 also that which keeps it apart from the one beside it.

        >>> list(Scheme("IOB1").ways(Span("PER", 3, 5)))
        [('I-PER', 'I-PER'), ('B-PER', 'I-PER')]
        """
        last = span.stop - span.start - 1
        choices = [
            [
                self._write(name, span.label)
                for name, mark in _MARKS[self.name].items()
                if mark.first in (None, place == 0) and mark.last in (None, place == last)
            ]
            for place in range(last + 1)
        ]
        return product(*choices)

    def joins(self, before: str, after: str) -> bool:
        """True where tag `after`, behind tag `before`, goes on with its span.

        >>> Scheme("IO").joins("I-PER", "I-PER"), Scheme("IOB1").joins("I-PER", "B-PER"), Scheme("IO").joins("O", "O")
        (True, False, False)
        """
        return _joined(self._token(before), self._token(after))

    def _is_likely(self, marked: set[str]) -> bool:
        """True for tags that all belong to the scheme. Marks alone are likely where B or I is one of them: single
        letters may be tags of any kind."""
        return bool(marked) and all(map(self._token, marked)) and (self.notation != "B" or not marked.isdisjoint("BI"))

    def _token(self, tag: str | None) -> _Token | None:
        return None if tag is None else _parse(self.name, self.notation, tag)

    def _write(self, mark: str, label: str) -> str:
        if self.notation == "B":
            return mark
        separator = self.notation[1]
        return separator.join((mark, label) if self.notation[0] == "B" else (label, mark))


IOB2 = Scheme("IOB2")
"""The scheme of most files."""


@lru_cache(maxsize=1 << 14)
def _parse(name: SchemeName, notation: Notation, tag: str) -> _Token | None:
    if notation == "B":
        mark, label = tag, ""
    elif notation[0] == "B":
        mark, _, label = tag.partition(notation[1])
    else:
        label, _, mark = tag.rpartition(notation[1])
    place = _MARKS[name].get(mark) if label or notation == "B" else None
    return None if place is None else _Token(label, *place)


def _joined(before: _Token | None, after: _Token | None) -> bool:
    """True for two tokens of one span."""
    if before is None or after is None or before.label != after.label:
        return False
    return before.last is not True and after.first is not True
