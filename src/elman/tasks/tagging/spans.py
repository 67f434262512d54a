"""Spans of tagged sequences, such as the names of a sentence, in the schemes IOB2 (Ramshaw and Marcus, 1995; Tjong Kim
Sang and Veenstra, 1999) and BIOES.

| tag | IOB2 | BIOES |
|---|---|---|
| B-label | first of a span | first of a span of two and more |
| I-label | any other of a span | neither first nor last |
| E-label | | last of a span of two and more |
| S-label | | a span of one |
| O | outside | outside |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

Scheme = Literal["IOB2", "BIOES"]

_PREFIXES: dict[Scheme, frozenset[str]] = {"IOB2": frozenset("BI"), "BIOES": frozenset("BIES")}


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


def scheme_of(tags: Iterable[str]) -> Scheme | None:
    """The scheme of a set of tags; None where they mark no spans, as parts of speech do not.

    >>> scheme_of(["O", "B-PER", "I-PER"]), scheme_of(["S-PER", "O"]), scheme_of(["NOUN", "O"]), scheme_of(["O"])
    ('IOB2', 'BIOES', None, None)
    """
    marks = [tag for tag in tags if tag != "O"]
    for scheme in get_args(Scheme):
        if marks and all(_split_tag(tag, scheme) for tag in marks):
            return scheme
    return None


def is_tag(tag: str, *, scheme: Scheme = "IOB2") -> bool:
    """True for a tag that belongs to a scheme, wherever it stands.

    >>> is_tag("O"), is_tag("E-PER"), is_tag("E-PER", scheme="BIOES"), is_tag("NOUN")
    (True, False, True, False)
    """
    return _split_tag(tag, scheme) is not None


def spans_of(tags: Sequence[str], *, scheme: Scheme = "IOB2") -> list[Span]:
    """The well-formed spans of one sequence of tags, in order. A span that does not begin with B- or S-, or in BIOES
    does not end with E- or S-, does not count; `problems` names it.

    >>> spans_of(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"])
    [Span(label='PER', start=0, stop=2), Span(label='LOC', start=3, stop=4), Span(label='LOC', start=4, stop=5)]
    >>> spans_of(["I-PER", "B-PER", "I-LOC"])
    [Span(label='PER', start=1, stop=2)]
    >>> spans_of(["S-PER", "B-LOC", "E-LOC", "B-LOC", "I-LOC"], scheme="BIOES")
    [Span(label='PER', start=0, stop=1), Span(label='LOC', start=1, stop=3)]
    """
    spans, start, reading = [], 0, None
    for place, tag in enumerate([*tags, "O"]):
        prefix, label = _split_tag(tag, scheme) or ("O", "")
        goes_on = prefix in ("I", "E") and label == reading
        if scheme == "IOB2" and reading is not None and not goes_on:
            spans.append(Span(reading, start, place))
        if prefix == "S" or (prefix == "E" and goes_on):
            spans.append(Span(label, start if goes_on else place, place + 1))
        if prefix == "B":
            start, reading = place, label
        elif prefix != "I" or not goes_on:
            reading = None
    return spans


def problems(tags: Sequence[str], *, scheme: Scheme = "IOB2") -> Iterator[Problem]:
    """The ill-formed tags of a sequence, in order; `next(problems(tags), None)` is the first.

    >>> next(problems(["O", "I-PER", "I-PER"]))
    Problem(place=1, tag='I-PER', reason='I-PER cannot follow O')
    >>> next(problems(["S-PER", "B-LOC"], scheme="BIOES"))
    Problem(place=1, tag='B-LOC', reason='B-LOC cannot be the last tag')
    >>> next(problems(["O", "B-PER", "E-PER"]))
    Problem(place=2, tag='E-PER', reason="'E-PER' is no tag of IOB2")
    >>> next(problems(["B-PER", "I-PER"]), None) is None
    True
    """
    before, reading = "", None  # the tag before, and the label of the open span
    for place, tag in enumerate(tags):
        parts = _split_tag(tag, scheme)
        prefix, label = parts or ("O", "")
        unfinished = reading is not None and scheme == "BIOES"
        goes_on = prefix in ("I", "E") and label == reading
        if parts is None:
            yield Problem(place, tag, f"{tag!r} is no tag of {scheme}")
        elif (prefix in ("I", "E") or unfinished) and not goes_on:
            yield Problem(place, tag, f"{tag} cannot follow {before}" if place else f"{tag} cannot be the first tag")
        before, reading = tag, label if prefix in ("B", "I") else None
    if scheme == "BIOES" and reading is not None:
        yield Problem(len(tags) - 1, before, f"{before} cannot be the last tag")


def repair_tags(tags: Sequence[str], *, scheme: Scheme = "IOB2") -> list[str]:
    """Well-formed tags for the spans that ill-formed tags seem to mean. A span begins at B- and S-, wherever the label
    changes, and at an I- or E- that continues no span. IOB1, in which B- marks only a span right after another of its
    label, becomes IOB2.

    >>> repair_tags(["I-PER", "I-PER", "O", "B-LOC", "I-PER"])
    ['B-PER', 'I-PER', 'O', 'B-LOC', 'B-PER']
    >>> repair_tags(["I-PER", "I-PER", "B-LOC", "O"], scheme="BIOES")
    ['B-PER', 'E-PER', 'S-LOC', 'O']
    """
    starts: list[list] = []  # of spans: label, first token, token after the last
    open_label = None
    for place, tag in enumerate(tags):
        prefix, label = _split_tag(tag, scheme) or ("O", "")
        if prefix != "O" and (prefix in "BS" or label != open_label):
            starts.append([label, place, place])
        if prefix != "O":
            starts[-1][2] = place + 1
        open_label = label if prefix in ("B", "I") else None
    return tags_of([Span(*span) for span in starts], len(tags), scheme=scheme)


def tags_of(spans: Iterable[Span], length: int, *, scheme: Scheme = "IOB2") -> list[str]:
    """The tags of a sequence with these spans.

    >>> tags_of([Span("PER", 0, 2), Span("LOC", 3, 4)], 4, scheme="BIOES")
    ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    tags = ["O"] * length
    for label, start, stop in spans:
        tags[start:stop] = [f"B-{label}", *(stop - start - 1) * [f"I-{label}"]]
        if scheme == "BIOES":
            tags[stop - 1] = f"{'E' if stop - start > 1 else 'S'}-{label}"
    return tags


def can_follow(before: str | None, after: str | None, *, scheme: Scheme = "IOB2") -> bool:
    """True where tag `after` may follow tag `before` in a well-formed sequence; None stands for its start and its end.

    >>> can_follow("B-PER", "I-PER"), can_follow("B-PER", "I-LOC"), can_follow(None, "I-PER"), can_follow("B-PER", None)
    (True, False, False, True)
    """
    left = None if before is None else _split_tag(before, scheme)
    right = None if after is None else _split_tag(after, scheme)
    reading = left[1] if left and left[0] in ("B", "I") else None
    goes_on = right is not None and right[0] in ("I", "E")
    if goes_on:
        return right is not None and right[1] == reading
    return scheme == "IOB2" or reading is None


def _split_tag(tag: str, scheme: Scheme) -> tuple[str, str] | None:
    """The prefix and the label of a tag; None for a text that is not a tag of `scheme`."""
    prefix, _, label = tag.partition("-")
    known = prefix in _PREFIXES[scheme] if label else tag == "O"
    return (prefix, label) if known else None
