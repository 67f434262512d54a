"""Constraints on outputs: a set of allowed tokens, and a regular expression that an output must match.

Both become tables: of the state of an output after one more token, and of the least number of tokens from each state
until the output may end. A decoder that skips tokens after which the end is too far can only write allowed outputs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int

from elman._errors import ConfigError, quantity
from elman.tasks.seq2seq.regular import Automaton, State
from elman.words.joints import Joints

MOST_STATES = 20_000
"""Most states of a table."""
MOST_ENTRIES = 1 << 25
"""Most entries of a table: states times tokens."""

_FAR = 1 << 30


class Constraint(NamedTuple):
    """The tables of a constraint for a decoder. An output begins in state 0; token 0 is its end and always -1."""

    after: Int[np.ndarray | Array, "state vocab"]
    """The state after each token; -1 where no allowed output continues with it."""
    left: Int[np.ndarray | Array, " state"]
    """The least number of tokens until the output may end; 0 where it may end."""


def allow_tokens(allowed: Bool[np.ndarray, " vocab"], joints: Joints | None = None) -> Constraint:
    """The constraint that outputs consist of the allowed tokens, side by side as `joints` allows them.

    >>> allow_tokens(np.array([True, True, False])).after.tolist()
    [[-1, 0, -1]]
    """
    if joints is None:
        after = np.where(allowed, 0, -1)[None]
    else:
        after = np.where(allowed & joints.fits[:, joints.first], joints.last, -1)
    after[:, 0] = -1
    return Constraint(after.astype(np.int32), np.zeros(len(after), np.int32))


def match_pattern(
    pattern: str,
    texts: Sequence[str | None],
    *,
    separator: str = "",
    allowed: Bool[np.ndarray, " vocab"] | None = None,
    backwards: bool = False,
) -> Constraint:
    """The constraint that the whole text of an output matches a regular expression.

    Args:
        pattern: the expression in Python's syntax, without lookaround and backreferences.
        texts: the text of each token; None for a token that has none and is never written.
        separator: the text between tokens: "" or a space.
        allowed: False for tokens that must not be written.
        backwards: outputs are written from their last token to the first.

    Raises:
        ConfigError: a pattern that an automaton cannot match, is too large, or that no output of these tokens matches.

    >>> match_pattern("a|ab", [None, "a", "b"]).after.tolist()
    [[-1, 1, -1], [-1, -1, 2], [-1, -1, -1]]
    """
    automaton = Automaton(pattern, backwards=backwards)
    pieces = {
        token: text[::-1] if backwards else text
        for token, text in enumerate(texts)
        if text is not None and token and (allowed is None or allowed[token])
    }
    rows, accepting = _explore(automaton, pieces, separator, len(texts))
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
    """Refuses a constraint that only outputs of more than `longest` tokens meet."""
    if constraint.left[0] > longest:
        raise ConfigError(
            f"{what}: the shortest matching output has {quantity(int(constraint.left[0]), 'token')}, and outputs have "
            f"at most {longest:,}; allow longer ones with max_length"
        )


def _explore(
    automaton: Automaton, pieces: dict[int, str], separator: str, vocab: int
) -> tuple[Int[np.ndarray, "state vocab"], list[bool]]:
    """The table of the states that outputs reach, and whether they may end there. No separator precedes the first
    token."""
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
    """The least number of tokens from each state to one that accepts."""
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
    return shown if len(texts) <= 40 else f"{shown} ... ({quantity(len(texts), 'token')})"
