"""The sessions of a service: in memory while they are used, on disk when they were idle or the service stops."""

from __future__ import annotations

import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from elman._errors import quantity
from elman._terminal import say
from elman.serving.limits import Limits
from elman.serving.metrics import Measures
from elman.serving.models import Model, Models
from elman.serving.problems import Problem
from elman.serving.store import Store
from elman.tasks.session import Session
from elman.web.answers import compute

STOP_SECONDS = 10.0
"""The time in which sessions that are in use come to an end when the service stops."""


@dataclass
class Live:
    """A session in memory."""

    id: str
    model: Model
    session: Session | None = None
    """The state; None while it is read from disk."""
    busy: bool = True
    changed: bool = True
    """True if it is not on disk as it is."""
    used: float = field(default_factory=time.monotonic)
    left: anyio.Event | None = None
    """The event of a session that leaves the memory: it has left."""

    @property
    def state(self) -> Session:
        """The state of a session that has been read."""
        assert self.session is not None
        return self.session

    @property
    def position(self) -> int:
        """The tokens, samples or rows that it has read and written."""
        return self.state.position

    @property
    def about(self) -> dict[str, Any]:
        """The session as answers show it."""
        return {"id": self.id, "model": self.model.name, "position": self.position, "saved": not self.changed}


class Sessions:
    """All sessions, by their names: 128 random bits, which nobody guesses."""

    def __init__(self, models: Models, store: Store, limits: Limits, measures: Measures):
        self.models, self.store, self.limits, self.measures = models, store, limits, measures
        self._live: OrderedDict[str, Live] = OrderedDict()  # the longest idle first
        measures.watch_sessions("memory", lambda: len(self._live))
        measures.watch_sessions("disk", lambda: self.stored)

    @property
    def stored(self) -> int:
        """The number of sessions that are on disk alone."""
        return len(self.store) - sum(id in self.store for id in self._live)

    async def add(self, model: Model, session: Session) -> Live:
        """Adds a session.

        Raises:
            Problem: too many sessions.
        """
        if len(self._live) + self.stored >= self.limits.stored:
            raise Problem("too-many-sessions", f"there are {self.limits.stored:,} sessions, the most that are kept")
        await self._make_room(coming=1)
        live = Live(secrets.token_hex(16), model, session)
        self._live[live.id] = live
        self.measures.moves.labels("created").inc()
        self._release(live)
        return live

    @asynccontextmanager
    async def use(self, id: str) -> AsyncGenerator[Live]:
        """A session for a block, in which nobody else uses it; one on disk is read first.

        Raises:
            Problem: no such session, or one that is in use.
        """
        live = await self._take(id)
        try:
            yield live
        finally:
            self._release(live)

    async def _take(self, id: str) -> Live:
        live = self._live.get(id)
        while live is not None and live.left is not None:
            await live.left.wait()
            live = self._live.get(id)
        if live is None:
            return await self._read(id)
        if live.busy:
            raise Problem("session-in-use", f"session {id} answers another request", Retry_After="1")
        live.busy = True
        return live

    async def _read(self, id: str) -> Live:
        name = self.store.model_of(id)
        if name is None:
            raise Problem("unknown-session", f"no session {id[:60]!r}")
        model = self.models[name]
        live = self._live[id] = Live(id, model, changed=False)
        try:
            await self._make_room()
            live.session = await self._saved(live)
        except BaseException:
            self._live.pop(id, None)
            raise
        self.measures.moves.labels("read").inc()
        return live

    def _release(self, live: Live) -> None:
        live.busy, live.used = False, time.monotonic()
        if live.id in self._live:
            self._live.move_to_end(live.id)

    async def save(self, live: Live) -> None:
        """Writes a session that is in use to disk.

        Raises:
            OSError: it could not be written.
        """
        state = await compute(live.state.to_bytes)
        await compute(self.store.write, live.model.name, live.id, state)
        live.changed = False
        self.measures.moves.labels("written").inc()

    async def restore(self, live: Live) -> None:
        """Takes a session that is in use back to where it was saved last.

        Raises:
            Problem: it was never saved.
        """
        if live.id not in self.store:
            raise Problem("nothing-saved", f"session {live.id} was never saved")
        live.session, live.changed = await self._saved(live), False

    async def _saved(self, live: Live) -> Session:
        state = await compute(self.store.read, live.id)
        return await live.model.run(live.model.fitted.session, state)

    async def delete(self, id: str) -> None:
        """Deletes a session, in memory and on disk.

        Raises:
            Problem: no such session, or one that is in use.
        """
        if id not in self._live and id in self.store:  # which needs no reading
            await compute(self.store.delete, id)
        else:
            async with self.use(id):
                await compute(self.store.delete, id)
                self._live.pop(id, None)
        self.measures.moves.labels("deleted").inc()

    async def _make_room(self, coming: int = 0) -> None:
        while len(self._live) + coming > self.limits.sessions:
            live = next((one for one in self._live.values() if not one.busy), None)
            if live is None:
                detail = f"{quantity(len(self._live), 'session')} are in use, the most that the service has room for"
                raise Problem("too-many-sessions", detail, Retry_After="1")
            await self._evict(live)

    async def _evict(self, live: Live) -> None:
        """Writes a session to disk, if it is not there as it is, and takes it out of the memory."""
        live.busy, live.left = True, anyio.Event()
        try:
            if live.changed:
                await self.save(live)
            self._live.pop(live.id, None)
            self.measures.moves.labels("evicted").inc()
        finally:
            live.left.set()
            live.busy, live.left = False, None

    async def evict_idle(self) -> None:
        """Takes idle sessions out of the memory, again and again."""
        while True:
            await anyio.sleep(min(self.limits.idle_seconds / 4, 5.0))
            before = time.monotonic() - self.limits.idle_seconds
            for live in [one for one in self._live.values() if one.used < before]:
                if live.busy or live.used >= before or live.id not in self._live:
                    continue
                try:
                    await self._evict(live)
                except Exception as error:  # it stays in the memory; the next look tries again
                    say(f"elman serve: session {live.id} could not be written: {error}", sys.stderr)
                    break

    async def save_all(self) -> None:
        """Writes all sessions to disk; those in use when they are no more, or after some time as they are."""
        ended = time.monotonic() + STOP_SECONDS
        while any(live.busy for live in self._live.values()) and time.monotonic() < ended:
            await anyio.sleep(0.02)
        for live in [*self._live.values()]:
            if live.changed and live.session is not None:
                try:
                    await self.save(live)
                except Exception as error:
                    say(f"elman serve: session {live.id} could not be written, and is lost: {error}", sys.stderr)
        self._live.clear()
