"""A session of a language model: it reads text in pieces, and writes text that goes on from there."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float, Int

from elman import artefact
from elman._errors import ArtefactError, ConfigError, DataError
from elman._types import Unknown, Whole
from elman.tasks.decoding import Sampling
from elman.tasks.language_modelling.desk import CHOSEN, TextState, start_state
from elman.tasks.session import Session
from elman.tasks.stops import Stops

if TYPE_CHECKING:
    from elman.tasks.language_modelling.fitted import FittedLanguageModel


class Ends(NamedTuple):
    """The ends of a stream that are not whole yet."""

    raw: bytes = b""
    """The bytes of a character that were read, without the rest of it."""
    text: str = ""
    """The text whose tokens depend on what follows, such as the beginning of a word."""
    written: bytes = b""
    """The bytes of a character that were written, without the rest of it."""


_WHOLE = Ends()


class _Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a state that are no arrays."""

    last: Whole
    seed: Whole
    drawn: Whole
    read: Whole
    written: Whole
    raw: bytes
    text: str
    unfinished: bytes


class TextSession(Session["FittedLanguageModel"]):
    """A text that a language model reads and writes.

    >>> task = elman.LanguageModelling(hidden_size=16, embedding_size=8, batch_size=4, unroll_length=16)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=200, learning_rate=0.02)
    >>> session = fitted.session(seed=1)
    >>> session.feed("hello wor").shape, session.feed("ld. hello").shape
    ((7,), (9,))
    >>> session.next(7, temperature=0), session.position
    (' world.', 25)
    >>> other = session.fork()
    >>> session.next(20) == other.next(20), session.diff(other)
    (True, {})
    >>> again = fitted.session(session.to_bytes())
    >>> again.next(20) == session.next(20)
    True
    """

    def __init__(
        self, fitted: FittedLanguageModel, state: TextState, *, read: int = 0, written: int = 0, ends: Ends = _WHOLE
    ):
        super().__init__(fitted)
        self.state, self.read, self.written, self.ends = state, read, written, ends
        """The state of the model, the tokens that were read and written, and the ends that are not whole yet."""

    @property
    def position(self) -> int:
        """The number of tokens, read and written, so far."""
        return self.read + self.written

    def feed(self, new: str | bytes, *, unknown: Unknown = "error") -> Float[np.ndarray, " token"]:
        """Reads text, or its bytes in UTF-8, which may be cut anywhere. A character, and where the text is lower-cased,
        put into a normal form or read as words also the last word, waits until it is whole: until more of it comes,
        `flush` or `next`.

        Returns -ln of the probability of each token that was read, given all before it; the first of all has none.

        Raises:
            VocabularyError: a character that the model does not know, unless `unknown="skip"` leaves it out.
            DataError: bytes that are no UTF-8.
        """
        return self._read(self.reading(new, unknown=unknown))

    def flush(self) -> Float[np.ndarray, " token"]:
        """Reads what waits for more of its word; returns what `feed` does.

        Raises:
            DataError: bytes that end within a character.
        """
        return self._read(self.reading("", unknown="skip", ended=True))

    def next(self, count: int = 200, *, stop: str = "", seed: int | None = None, **sampling: Any) -> str:
        """Writes the next text. Without any before it, it begins behind a line end.

        Args:
            count: the most tokens: characters, bytes or words. A character that its bytes cut comes with the next text.
            stop: the text before which to end; the session goes on behind it.
            seed: another seed, whose draws begin anew; by default those of the session go on.
            sampling: `temperature`, `top_k`, `top_p` of `Sampling`.

        Raises:
            ConfigError: an unknown or impossible option.
        """
        return "".join(self.stream(count, stop=stop, seed=seed, **sampling))

    def stream(self, count: int = 200, *, stop: str = "", seed: int | None = None, **sampling: Any) -> Iterator[str]:
        """Yields the text of `next` piece by piece, as it is written."""
        return self._run(self.writing(count, stop=stop, seed=seed, **sampling))

    def feed_plain(self, new: Any) -> Float[np.ndarray, " token"]:
        """Reads text, as `feed` does."""
        if not isinstance(new, str):
            raise DataError(f"expected a text; got {type(new).__name__}")
        return self.feed(new)

    def rest_plain(self) -> Float[np.ndarray, " token"]:
        """Reads the end that waits, as `flush` does."""
        return self.flush()

    def next_plain(self, **options: Any) -> str:
        """Writes the next text, as `next` does."""
        return self.next(**options)

    def fork(self, *, seed: int | None = None) -> TextSession:
        """Returns a session in the same state, which goes on by itself: with the same text, or with another one where
        another seed is given."""
        state = self.state if seed is None else self.state._replace(seed=_checked(seed), drawn=0)
        return TextSession(self.fitted, state, read=self.read, written=self.written, ends=self.ends)

    def _read(self, turn: Turn) -> Float[np.ndarray, " token"]:
        for _ in self._run(turn):
            pass
        return turn.nats

    def contents(self) -> artefact.SavedState:
        """The state, as plain values and arrays."""
        state, ends = self.state, self.ends
        values = _Values(
            state.last, state.seed, state.drawn, self.read, self.written, ends.raw, ends.text, ends.written
        )
        return artefact.SavedState(msgspec.to_builtins(values), artefact.named_arrays(_arrays(state)))

    @classmethod
    def restored(cls, fitted: FittedLanguageModel, saved: artefact.SavedState) -> TextSession:
        """The session in a saved state.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        try:
            values = msgspec.convert(saved.values, _Values)
            _checked(values.seed)
        except (msgspec.ValidationError, ConfigError) as error:
            raise ArtefactError(f"the session: its values are not what elman writes ({error})") from None
        empty = start_state(fitted.model, seed=values.seed)
        arrays = artefact.fill(_arrays(empty), saved.arrays, what="the session", put=np.asarray)
        if values.last >= len(empty.logits) or not all(np.isfinite(one).all() for one in saved.arrays.values()):
            raise ArtefactError("the session: a token or a number that no state of this model has")
        state = empty._replace(**arrays, last=values.last, drawn=values.drawn)
        ends = Ends(values.raw, values.text, values.unfinished)
        return cls(fitted, state, read=values.read, written=values.written, ends=ends)

    def reading(self, new: str | bytes, *, unknown: Unknown = "error", ended: bool = False) -> Turn:
        """The turn that reads text as `feed` does, for those who run turns of several sessions together; `ended` reads
        what waits, too."""
        ends, codec = self.ends, self.fitted.codec
        if isinstance(new, bytes) and codec.kind == "bytes":
            raw, rest, ids = b"", "", np.frombuffer(new, np.uint8).astype(np.int32)
        else:
            raw, text = _decoded(ends.raw, new, ended=ended)
            text = ends.text + text
            settled = len(text) if ended else codec.settled(text)
            ids, rest = codec.encode(text[:settled], unknown=unknown), text[settled:]
            codec.encode(rest, unknown=unknown)  # what cannot be read is refused at once
        return Turn(self, ids, ends=Ends(raw, rest, b"" if len(ids) else ends.written))

    def writing(self, count: int, *, stop: str = "", seed: int | None = None, **sampling: Any) -> Turn:
        """The turn that writes text as `next` does."""
        rule = Sampling(**sampling)
        fresh: dict[str, Any] = {} if seed is None else {"seed": _checked(seed), "drawn": 0}
        if not isinstance(count, int) or count < 0:
            raise ConfigError(f"count: expected a number of tokens, 0 or more; got {count!r}")
        if not isinstance(stop, str):
            raise ConfigError(f"stop: expected a text; got {stop!r}")
        before = self.reading("", unknown="skip", ended=True) if count else Turn(self, _NONE, ends=self.ends)
        if count and not self.position and not len(before.ids):
            before.ids = np.array([self.fitted.first_token], np.int32)
        before.count, before.rule, before.stops = count, rule, Stops([self.fitted.codec.normal(stop)])
        before.state = before.state._replace(**fresh)
        return before

    def _run(self, turn: Turn) -> Iterator[str]:
        desk, slots = self.fitted.desk(1), np.zeros(1, np.int64)
        desk.put(0, turn.state, turn.rule)
        while not turn.ended:
            ids = turn.tokens(desk.room(slots))[None]
            piece = turn.take(ids[0], desk.walk(slots, ids)[0])
            turn.commit(desk.take(0))
            if piece:
                yield piece
        turn.commit()


_NONE = np.zeros(0, np.int32)


class Turn:
    """Tokens of a session that are read, and tokens that are written behind them, some at a time. Whoever runs it takes
    `tokens`, walks, gives the result to `take`, and the state after it to `commit`, until it has `ended`."""

    def __init__(self, session: TextSession, ids: Int[np.ndarray, " token"], *, ends: Ends):
        self.session, self.state, self.ids, self.ends = session, session.state, ids, ends
        """The session, its state before, the tokens to read, and the ends that are not whole after them."""
        self.count, self.rule, self.stops = 0, Sampling(), Stops([])
        """The most tokens to write, how they are chosen, and the text before which to end."""
        self.done = 0
        """The tokens that were read and written."""
        self._before, self._nats = (session.read, session.written), [_NO_NATS]
        self._seen = session.ends
        self._decoder = session.fitted.codec.stream(ends.written)

    @property
    def ended(self) -> bool:
        """True if nothing is left to read or write."""
        return self.stops.ended or self.done == len(self.ids) + self.count

    @property
    def nats(self) -> Float[np.ndarray, " token"]:
        """-ln of the probability of each token that was read; the first of all has none."""
        return np.concatenate(self._nats)[0 if sum(self._before) else 1 :]

    def tokens(self, most: int) -> Int[np.ndarray, " token"]:
        """The next tokens, `most` or fewer: those to read, and CHOSEN for each one to write. A stop may come after each
        that is written, and what is read is not read with it."""
        left = len(self.ids) - self.done
        steps = min(most, left + self.count)
        if self.stops.texts:
            steps = min(most, left) if left > 0 else 1
        ids = np.full(steps, CHOSEN, np.int32)
        if left > 0:
            ids[:left] = self.ids[self.done : self.done + steps]
        return ids

    def take(self, ids: Int[np.ndarray, " token"], nats: Float[np.ndarray, " read"]) -> str:
        """Takes the tokens that were read and written, and -ln of the probability of those that were read at the least;
        returns the text that is certain by now."""
        read = max(0, min(len(ids), len(self.ids) - self.done))
        self.done += len(ids)
        if read:
            self._nats.append(nats[:read])
        if read == len(ids):
            return ""
        piece = self.stops.feed(self._decoder.feed(ids[read:].tolist()))
        return piece + self.stops.rest() if self.ended else piece

    def check_current(self) -> None:
        """Refuses a session that was moved on by another turn since this one began: its text would be lost.

        Raises:
            ConfigError: such a session.
        """
        if self.session.ends is not self._seen:  # which every commit replaces
            raise ConfigError("the session has gone on meanwhile; read a stream to its end first, or fork the session")

    def commit(self, state: TextState | None = None) -> None:
        """Moves the session on to the state after all tokens so far, if all that is to be read was.

        Raises:
            ConfigError: as for `check_current`.
        """
        self.check_current()
        if self.done < len(self.ids):
            return
        session, (read, written) = self.session, self._before
        session.state = session.state if state is None else state
        session.read, session.written = read + len(self.ids), written + self.done - len(self.ids)
        session.ends = self._seen = self.ends._replace(written=self._decoder.waiting)


_NO_NATS = np.zeros(0, np.float32)


def _arrays(state: TextState) -> dict[str, Any]:
    return {"carry": state.carry, "logits": state.logits}


def _checked(seed: int) -> int:
    return Sampling(seed=seed).seed


def _decoded(raw: bytes, new: str | bytes, *, ended: bool) -> tuple[bytes, str]:
    """The bytes of an unfinished character, and the text before it."""
    if isinstance(new, str):
        if raw and (new or ended):
            raise DataError("the bytes so far end within a character; feed the rest of it first")
        return raw, new
    if not isinstance(new, bytes):
        raise DataError(f"expected a text or its bytes in UTF-8; got {type(new).__name__}")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(raw + new)
    except UnicodeDecodeError as error:
        raise DataError(f"expected text in UTF-8; {error.reason}, byte {error.start - len(raw) + 1}") from None
    return decoder.getstate()[0], text
