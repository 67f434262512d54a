"""Continuous batching: the steps of many sessions of a model run as one, and sessions join and leave at any step. The
text of each is the same bits as when it is served alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from elman._errors import ConfigError, ElmanError
from elman._types import Unknown
from elman.tasks.language_modelling.desk import CHOSEN
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.language_modelling.session import TextSession, Turn

READ_TOGETHER = 64
"""The most tokens that all sessions together read between two steps of those that write, so that these go on."""

FEW, AT_ONCE = 32, 8
"""Where few sessions write, a call takes several steps: FEW tokens of all sessions, and AT_ONCE of each at the most."""

PIECE = 8
"""The most tokens that wait for others before they are handed over, where many sessions write."""

TURN = 128
"""The tokens after which a session makes room for one that waits."""

UNREAD = 256
"""The tokens of a session that nobody has taken yet, at which it pauses."""


class Full(ElmanError):
    """All rows are taken, and as many sessions wait as may."""


class InUse(ElmanError):
    """A session that reads or writes already."""


class Closed(ElmanError):
    """A batch that is closed before the text was whole; the session stays behind the last token that was written."""


class _Job:
    """A turn of a session. Its text is handed over in the event loop that asked for it."""

    def __init__(self, turn: Turn):
        self.turn, self.loop = turn, asyncio.get_running_loop()
        self.pieces: deque[tuple[str, int]] = deque()
        """The text that nobody has taken yet, in pieces, each with its number of tokens."""
        self.changed = asyncio.Event()
        self.inside = self.ended = self.dropped = False
        """True while it has a row or waits for one; once its session stays where it is; once nobody wants it."""
        self.error: BaseException | None = None
        self.given = self.taken = self.since = 0
        """The tokens whose text was handed over (counted in the batch's thread alone) and taken (in the event loop
        alone), and those since it has joined."""

    @property
    def unread(self) -> int:
        """The tokens whose text nobody has taken yet."""
        return self.given - self.taken

    def hear(self, piece: tuple[str, int] | None, inside: bool, ended: bool, error: BaseException | None) -> None:
        """Takes news from the batch, in the event loop."""
        if piece is not None:
            self.pieces.append(piece)
        self.inside, self.ended, self.error = inside, ended, error
        self.changed.set()

    async def wait(self) -> None:
        """Waits for news."""
        self.changed.clear()
        await self.changed.wait()


class Batcher:
    """Steps the sessions of one language model together. One thread makes all steps; the methods are for event loops.

    >>> import asyncio
    >>> import elman
    >>> task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=3)
    >>> async def write(batcher, seed):
    ...     session = fitted.session(seed=seed)
    ...     await batcher.feed(session, "hello")
    ...     return "".join([piece async for piece in batcher.generate(session, 20)])
    >>> async def write_all():
    ...     async with Batcher(fitted, rows=2) as batcher:
    ...         return await asyncio.gather(*(write(batcher, seed) for seed in range(3)))
    >>> asyncio.run(write_all()) == [fitted.generate("hello", length=20, seed=seed) for seed in range(3)]
    True
    """

    def __init__(
        self,
        fitted: FittedLanguageModel,
        *,
        rows: int = 256,
        waiting: int = 4096,
        observe: Callable[[float, int], None] | None = None,
    ):
        """
        Args:
            fitted: the model; one with packed weights, `fitted.packed("int8")`, is served with these.
            rows: the most sessions in a step.
            waiting: the most sessions that wait for a row.
            observe: is called after each step, in the thread that makes them, with its seconds and its tokens.
        """
        if rows < 1 or waiting < 0:
            raise ConfigError(f"expected 1 row or more, and none or more that wait; got {rows} and {waiting}")
        self.fitted, self.rows = fitted, rows
        self._most_waiting, self._observe = waiting, observe
        self._desk = fitted.desk(rows)
        self._jobs: list[_Job | None] = [None] * rows
        self._free, self._waiting, self._sessions = list(range(rows))[::-1], deque[_Job](), set[int]()
        self._left = np.zeros(rows, np.int64)
        """The tokens that are left of each turn."""
        self._reading = np.zeros(rows, np.int64)
        """Those of them that are to be read."""
        self._alone = np.zeros(rows, bool)
        """True where a text may end after any token, so that each is looked at."""
        self._taken = np.zeros((rows, max(PIECE, AT_ONCE) + AT_ONCE), np.int32)
        self._count = np.zeros(rows, np.int64)
        """The tokens that were written and not handed over."""
        self._tick, self._news = 0, list[_News]()
        self._wake, self._closing = threading.Condition(), False
        self._thread = threading.Thread(target=self._serve, name="elman batcher", daemon=True)
        self._thread.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def active(self) -> int:
        """The sessions in the batch."""
        return self.rows - len(self._free)

    @property
    def waiting(self) -> int:
        """The sessions that wait for a row."""
        return len(self._waiting)

    async def feed(
        self, session: TextSession, new: str | bytes, *, unknown: Unknown = "error", ended: bool = False
    ) -> Float[np.ndarray, " token"]:
        """Reads text in a session as `TextSession.feed` does; with `ended` also what waits, as `flush` does. Where this
        is cancelled the session has read nothing.

        Raises:
            Full: no room.
            InUse: a session that reads or writes already.
        """
        turn = self._own(session).reading(new, unknown=unknown, ended=ended)
        async for _ in self._run(turn):
            pass
        return turn.nats

    def generate(
        self, session: TextSession, count: int = 200, *, stop: str = "", seed: int | None = None, **sampling: Any
    ) -> AsyncGenerator[str]:
        """Yields the text of `TextSession.next` piece by piece. Where this is cancelled or closed the session stays
        behind a whole token: the last that was written, which may be some after the last that was taken.

        Raises:
            Full: no room.
            InUse: a session that reads or writes already.
            ConfigError: as for `TextSession.next`; or a session that went on before the first piece was asked for.
        """
        return self._run(self._own(session).writing(count, stop=stop, seed=seed, **sampling))

    async def close(self) -> None:
        """Ends all turns, each behind a whole token, and the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _own(self, session: TextSession) -> TextSession:
        if session.fitted is not self.fitted:
            raise ConfigError("a session of another model; make one with this model's session()")
        if id(session) in self._sessions:
            raise InUse("the session reads or writes already; wait until it has, or fork it")
        return session

    async def _run(self, turn: Turn) -> AsyncGenerator[str]:
        self._own(turn.session)
        turn.check_current()
        if turn.ended:
            turn.commit()
            return
        job = _Job(turn)
        self._sessions.add(id(turn.session))
        try:
            self._join(job)
            while not job.ended or job.pieces:
                if not job.pieces:
                    await job.wait()
                while job.pieces:
                    piece, tokens = job.pieces.popleft()
                    job.taken += tokens
                    yield piece
                if not job.ended and not job.inside and job.unread <= UNREAD // 2:
                    self._join(job, again=True)
            if job.error is not None:
                raise job.error
        finally:
            job.dropped = True
            while job.inside:  # soon: until the end of the step
                with suppress(asyncio.CancelledError):
                    await job.wait()
            self._sessions.discard(id(turn.session))

    def _join(self, job: _Job, *, again: bool = False) -> None:
        with self._wake:
            if self._closing:
                raise Closed("the batch is closed; open another one")
            if not again and len(self._waiting) >= self._most_waiting + len(self._free):
                raise Full(f"all {self.rows} rows are taken, and {len(self._waiting)} sessions wait; try again later")
            job.inside = True
            self._waiting.append(job)
            self._wake.notify()

    # The thread that makes the steps.

    def _serve(self) -> None:
        while self._admit():
            try:
                self._step()
            except BaseException as error:  # of all sessions in the step, which stay where they were
                for slot in self._slots().tolist():
                    self._leave(slot, error=error, whole=False)
            self._tell()
        closed = Closed("the batch was closed")
        for slot in self._slots().tolist():
            self._drop(slot, closed)
        while self._waiting:
            job = self._waiting.popleft()
            self._news.append((job, None, False, True, closed))
        self._tell()

    def _admit(self) -> bool:
        """Waits until there is work, and gives rows to the sessions that wait; returns False once there is no more."""
        with self._wake:
            while not self._closing and not self._waiting and not self.active:
                self._wake.wait()
            if self._closing:
                return False
            while self._free and self._waiting:
                job = self._waiting.popleft()
                if job.dropped:
                    self._news.append((job, None, False, True, None))
                    continue
                self._sit(self._free.pop(), job)
            return True

    def _sit(self, slot: int, job: _Job) -> None:
        turn = job.turn
        self._desk.put(slot, turn.state, turn.rule)
        self._jobs[slot], job.since, self._count[slot] = job, 0, 0
        self._left[slot] = len(turn.ids) + turn.count - turn.done
        self._reading[slot] = max(0, len(turn.ids) - turn.done)
        self._alone[slot] = bool(turn.stops.texts)

    def _slots(self) -> Int[np.ndarray, " row"]:
        return np.array([slot for slot, job in enumerate(self._jobs) if job is not None], np.int64)

    def _step(self) -> None:
        before, tokens = perf_counter(), 0
        for slot in self._slots().tolist():
            if (job := self._jobs[slot]) is not None and job.dropped:
                self._drop(slot)
        slots = self._slots()
        readers, writers = slots[self._reading[slots] > 0], slots[self._reading[slots] == 0]
        if len(readers):
            tokens += self._read(readers)
        if len(writers):
            tokens += self._write(writers)
        if self._observe is not None and tokens:
            self._observe(perf_counter() - before, tokens)

    def _read(self, slots: Int[np.ndarray, " row"]) -> int:
        steps = max(1, READ_TOGETHER // len(slots))
        steps = int(min(steps, self._desk.room(slots), self._reading[slots].min()))
        jobs = [self._jobs[slot] for slot in slots.tolist()]
        ids = np.stack([job.turn.tokens(steps) for job in jobs if job is not None])
        nats = self._desk.walk(slots, ids)
        self._reading[slots] -= steps
        self._left[slots] -= steps
        for slot, job, own, given in zip(slots.tolist(), jobs, ids, nats, strict=True):
            assert job is not None
            job.turn.take(own, given)
            if job.turn.ended:
                self._leave(slot)
        return ids.size

    def _write(self, slots: Int[np.ndarray, " row"]) -> int:
        rows, alone = len(slots), self._alone[slots]
        steps = 1 if alone.any() else max(1, min(AT_ONCE, FEW // rows))
        steps = int(min(steps, self._desk.room(slots), self._left[slots].min()))
        ids = np.full((rows, steps), CHOSEN, np.int32)
        self._desk.walk(slots, ids)
        for step in range(steps):
            self._taken[slots, self._count[slots] + step] = ids[:, step]
        self._count[slots] += steps
        self._left[slots] -= steps
        self._tick += 1
        together = max(1, min(PIECE, rows // FEW))  # in turn, so that no step has all the work
        due = alone | (self._left[slots] == 0) | (self._count[slots] >= PIECE) | ((self._tick + slots) % together == 0)
        for slot in slots[due].tolist():
            self._look(slot)
        return ids.size

    def _drop(self, slot: int, error: BaseException | None = None) -> None:
        """Frees a row for good, behind the last token that was written."""
        try:
            self._look(slot)
            if self._jobs[slot] is not None:
                self._leave(slot, error=error)
        except BaseException as wrong:
            if self._jobs[slot] is not None:
                self._leave(slot, error=wrong, whole=False)

    def _look(self, slot: int) -> None:
        """Hands over what was written in a row, which it leaves if it has to."""
        job, count = self._jobs[slot], int(self._count[slot])
        assert job is not None
        if count:
            piece = job.turn.take(self._taken[slot, :count], _NOTHING)
            self._count[slot], job.since = 0, job.since + count
            if piece:
                job.given += count
                self._news.append((job, (piece, count), True, False, None))
        if job.turn.ended:
            self._leave(slot)
        elif job.unread >= UNREAD:
            self._leave(slot, ended=False)
        elif self._waiting and job.since >= TURN:
            self._leave(slot, ended=False, again=True)

    def _leave(
        self,
        slot: int,
        *,
        ended: bool = True,
        again: bool = False,
        error: BaseException | None = None,
        whole: bool = True,
    ) -> None:
        """Frees a row: for good, until somebody has read what was written, or (`again`) to wait for a row."""
        job = self._jobs[slot]
        assert job is not None
        if whole:
            job.turn.state = self._desk.take(slot)
            try:
                job.turn.commit(job.turn.state)
            except ConfigError as wrong:  # somebody used the session without the batch
                ended, again, error = True, False, wrong
        self._jobs[slot], self._count[slot] = None, 0
        self._free.append(slot)
        if again:
            with self._wake:
                self._waiting.append(job)
        else:
            self._news.append((job, None, False, ended, error))

    def _tell(self) -> None:
        """Hands over the news, in one call for each event loop."""
        news, self._news = self._news, []
        by_loop: dict[asyncio.AbstractEventLoop, list[_News]] = {}
        for one in news:
            by_loop.setdefault(one[0].loop, []).append(one)
        for loop, own in by_loop.items():
            with suppress(RuntimeError):  # it is closed, so nobody wants them
                loop.call_soon_threadsafe(_hear, own)


_News = tuple[_Job, tuple[str, int] | None, bool, bool, BaseException | None]

_NOTHING = np.zeros(0, np.float32)


def _hear(news: list[_News]) -> None:
    for job, piece, inside, ended, error in news:
        job.hear(piece, inside, ended, error)
