"""What an output may be: tokens that it may hold, and a regular expression that it must match.

Both become a table: in which state is an output after one more token? And how many tokens does it take from there, at
least, until it may end? A decoder that takes no token from where the end is too far can only write what is wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int

from elman._errors import ConfigError
from elman.decoding.regular import Automaton, State

MOST_STATES = 20_000
MOST_ENTRIES = 1 << 25
"""Entries of the largest table: states times tokens."""

_FAR = 1 << 30


class Constraint(NamedTuple):
    """A table for a decoder. An output begins in state 0; token 0 is its end and has no entry."""

    after: Int[np.ndarray | Array, "state vocab"]
    """The state after a token, -1 where no allowed output goes on so."""
    left: Int[np.ndarray | Array, " state"]
    """Tokens that are missing at least; 0 where the output may end."""


def allowing(allowed: Bool[np.ndarray, " vocab"]) -> Constraint:
    """Any output of the allowed tokens.

    >>> allowing(np.array([True, True, False])).after.tolist()
    [[-1, 0, -1]]
    """
    after = np.where(allowed, 0, -1).astype(np.int32)[None]
    after[:, 0] = -1
    return Constraint(after, np.zeros(1, np.int32))


def matching(
    pattern: str,
    texts: Sequence[str | None],
    *,
    separator: str = "",
    allowed: Bool[np.ndarray, " vocab"] | None = None,
    backwards: bool = False,
) -> Constraint:
    """Outputs whose text matches a whole regular expression.

    Args:
        pattern: in Python's syntax, without what looks around or back.
        texts: what each token writes; None for a token that writes nothing by itself and never comes.
        separator: what is between tokens: "" or a space.
        allowed: False for tokens that must not come.
        backwards: outputs are written from their last token to the first.

    Raises:
        ConfigError: a pattern that cannot be followed, is too large, or that no output of these tokens matches.

    >>> matching("a|ab", [None, "a", "b"]).after.tolist()
    [[-1, 1, -1], [-1, -1, 2], [-1, -1, -1]]
    """
    automaton = Automaton(pattern, backwards=backwards)
    pieces = {
        token: text[::-1] if backwards else text
        for token, text in enumerate(texts)
        if text is not None and token and (allowed is None or allowed[token])
    }
    rows, accepting = _explored(automaton, pieces, separator, len(texts))
    left = _distances(rows, accepting)
    if left[0] == _FAR:
        raise ConfigError(
            f"pattern {pattern!r}: no output can match it; outputs are made of {_some(list(pieces.values()))}"
        )
    useful = np.flatnonzero(left < _FAR)
    places = np.full(len(left) + 1, -1, np.int32)
    places[useful] = np.arange(len(useful))
    return Constraint(places[rows[useful]], left[useful])


def check_length(constraint: Constraint, longest: int, what: str) -> None:
    """Refuses a constraint that only longer outputs than `longest` tokens meet."""
    if constraint.left[0] > longest:
        raise ConfigError(
            f"{what}: the shortest output that matches takes {constraint.left[0]:,} tokens, and outputs have "
            f"at most {longest:,}; allow longer ones with max_length"
        )


def _explored(
    automaton: Automaton, pieces: dict[int, str], separator: str, vocab: int
) -> tuple[Int[np.ndarray, "state vocab"], list[bool]]:
    """The states that outputs reach, the first token's without a separator before it; and where they may end."""
    start = (automaton.start, False)
    numbers, waiting = {start: 0}, deque([start])
    rows, accepting = list[np.ndarray](), list[bool]()
    while waiting:
        state, begun = waiting.popleft()
        row = np.full(vocab, -1, np.int32)
        for token, text in pieces.items():
            after = _after(automaton, state, separator + text if begun else text)
            if not after:
                continue
            key = (after, bool(separator))
            if key not in numbers:
                numbers[key] = len(numbers)
                waiting.append(key)
            row[token] = numbers[key]
        rows.append(row)
        accepting.append(automaton.accepts(state))
        if len(numbers) > MOST_STATES or len(numbers) * vocab > MOST_ENTRIES:
            raise ConfigError(f"the pattern has more than {len(numbers):,} states; use a simpler one")
    return np.array(rows), accepting


def _after(automaton: Automaton, state: State, text: str) -> State:
    for character in text:
        state = automaton.after(state, character)
        if not state:
            break
    return state


def _distances(rows: Int[np.ndarray, "state vocab"], accepting: Sequence[bool]) -> Int[np.ndarray, " state"]:
    """The fewest tokens from each state to one that accepts."""
    sources, tokens = np.nonzero(rows >= 0)
    targets = rows[sources, tokens]
    left = np.where(accepting, 0, _FAR).astype(np.int32)
    near = left == 0
    for distance in range(1, len(left) + 1):
        reached = np.zeros(len(left), bool)
        reached[sources[near[targets]]] = True
        near = reached & (left == _FAR)
        if not near.any():
            break
        left[near] = distance
    return left


def _some(texts: Sequence[str]) -> str:
    shown = " ".join(sorted(texts)[:40])
    return shown if len(texts) <= 40 else f"{shown} ... ({len(texts):,} tokens)"
