"""Regular expressions as automata, which tell after every character whether a match is still possible.

Python's own parser reads the expression, so that the automaton accepts what `re.fullmatch` matches. The automaton is
Thompson's (1968): nodes joined by edges, some of which read a character and some nothing; a state is the set of nodes
that a text may have reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from re import _constants as op  # ty: ignore
from re import _parser  # ty: ignore
from typing import Any, NamedTuple

from elman._errors import ConfigError

MOST_NODES = 100_000
"""Most nodes of an expression, such as `a{99999}` or `(a{300}){300}`."""

State = frozenset[int]


class _Node(NamedTuple):
    """A node of the automaton: a character that `takes` accepts leads to `after`, the empty text to all of `free`."""

    takes: Callable[[str], bool] | None = None
    after: int = -1
    free: tuple[int, ...] = ()
    only: str = ""
    """The only place of the text, "start" or "end", where the edges to `free` are open; "" for all places."""


class Automaton:
    """The automaton of a regular expression, which reads a text character by character.

    >>> automaton = Automaton(r"[0-9]+(st|nd)")
    >>> state = automaton.start
    >>> for character in "42s":
    ...     state = automaton.after(state, character)
    >>> bool(state), automaton.accepts(state), automaton.accepts(automaton.after(state, "t"))
    (True, False, True)
    """

    def __init__(self, pattern: str, *, backwards: bool = False):
        """Parses `pattern`, in Python's syntax; `backwards` is for texts that are read from their last character to the
        first.

        Raises:
            ConfigError: not a regular expression; one that an automaton cannot match (lookaround, backreferences,
                possessive parts, word boundaries, other flags than `(?s)` and `(?a)`); or one that is too large.
        """
        self._pattern, self._nodes, self._backwards = pattern, [_Node()], backwards
        self._next: dict[tuple[State, str], State] = {}
        try:
            parsed = _parser.parse(pattern)
        except (re.error, OverflowError) as error:
            raise ConfigError(f"pattern {pattern!r}: not a regular expression: {error}") from None
        self._flags = parsed.state.flags
        if self._flags & ~(re.UNICODE | re.ASCII | re.DOTALL):
            raise self._unusable("a flag other than (?s) and (?a)")
        first = self._sequence(parsed, 0)
        self.start: State = self._reached([first], "start")
        """The state before the first character."""

    def after(self, state: State, character: str) -> State:
        """The state after one more character; empty if no match begins with the text so far."""
        following = self._next.get((state, character))
        if following is None:
            nodes = (self._nodes[place] for place in state)
            following = self._reached(node.after for node in nodes if node.takes is not None and node.takes(character))
            self._next[state, character] = following
        return following

    def accepts(self, state: State) -> bool:
        """True if the text so far matches the whole expression."""
        return 0 in self._reached(state, "end")

    def _reached(self, places: Iterable[int], only: str = "") -> State:
        nodes, waiting = set[int](), list(places)
        while waiting:
            place = waiting.pop()
            if place not in nodes:
                nodes.add(place)
                node = self._nodes[place]
                if node.only in ("", only):
                    waiting += node.free
        return frozenset(nodes)

    # Construction: each method connects a part of the expression to the node after it and returns its first node.

    def _add(self, node: _Node) -> int:
        if len(self._nodes) >= MOST_NODES:
            most = f"{MOST_NODES:,} characters and choices"
            raise ConfigError(f"pattern {self._pattern[:60]!r}: too large; expected at most {most}")
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _sequence(self, parts: Any, after: int) -> int:
        for part in list(parts) if self._backwards else reversed(list(parts)):
            after = self._part(*part, after)
        return after

    def _part(self, kind: Any, value: Any, after: int) -> int:
        match kind:
            case op.LITERAL | op.NOT_LITERAL | op.ANY | op.IN:
                return self._add(_Node(takes=self._taking(kind, value), after=after))
            case op.BRANCH:
                return self._add(_Node(free=tuple(self._sequence(way, after) for way in value[1])))
            case op.SUBPATTERN:
                _, added, removed, parts = value
                if (added | removed) & ~(re.UNICODE | re.ASCII | re.DOTALL):
                    raise self._unusable("a flag other than (?s) and (?a)")
                before, self._flags = self._flags, (self._flags | added) & ~removed
                first = self._sequence(parts, after)
                self._flags = before
                return first
            case op.MAX_REPEAT | op.MIN_REPEAT:  # greedy and lazy repetition match the same whole texts
                return self._repeated(*value, after)
            case op.AT if value in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
                return self._add(_Node(free=(after,), only="end" if self._backwards else "start"))
            case op.AT if value in (op.AT_END, op.AT_END_STRING):
                return self._add(_Node(free=(after,), only="start" if self._backwards else "end"))
        raise self._unusable(str(kind).lower().replace("_", " "))

    def _repeated(self, least: int, most: Any, parts: Any, after: int) -> int:
        if most is op.MAXREPEAT:
            first = self._add(_Node())
            self._nodes[first] = _Node(free=(self._sequence(parts, first), after))
        else:
            first = after
            for _ in range(most - least):
                first = self._add(_Node(free=(self._sequence(parts, first), after)))
        for _ in range(least):
            first = self._sequence(parts, first)
        return first

    def _taking(self, kind: Any, value: Any) -> Callable[[str], bool]:
        ascii_only = bool(self._flags & re.ASCII)
        match kind:
            case op.LITERAL:
                return partial(_is, value)
            case op.NOT_LITERAL:
                return lambda character: ord(character) != value
            case op.ANY:
                return (lambda character: True) if self._flags & re.DOTALL else (lambda character: character != "\n")
        items, negated = (value[1:], True) if value[0][0] is op.NEGATE else (value, False)
        tests = [_test(*item, ascii_only) for item in items]
        return lambda character: any(test(character) for test in tests) != negated

    def _unusable(self, what: str) -> ConfigError:
        return ConfigError(
            f"pattern {self._pattern!r}: {what} cannot be matched character by character; expected characters, "
            "classes, groups, choices and repetitions"
        )


def _is(code: int, character: str) -> bool:
    return ord(character) == code


def _test(kind: Any, value: Any, ascii_only: bool) -> Callable[[str], bool]:
    """The test of one item of a character class."""
    match kind:
        case op.LITERAL:
            return partial(_is, value)
        case op.RANGE:
            return lambda character: value[0] <= ord(character) <= value[1]
    name = str(value).removeprefix("CATEGORY_")
    plain, negated = _CATEGORIES[name.removeprefix("NOT_")], name.startswith("NOT_")
    return lambda character: (plain(character) and (not ascii_only or character in _ASCII)) != negated


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda character: character.isalnum() or character == "_",
}
_ASCII = frozenset(map(chr, range(128))) - frozenset("\x1c\x1d\x1e\x1f")  # these are spaces in Unicode only
