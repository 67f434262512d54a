"""The limits of a service. Importing this module imports neither JAX nor a server."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from elman._config import Config

Count = Annotated[int, Meta(ge=1, lt=2**31)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Limits(Config, frozen=True, kw_only=True):
    """Limits of a service."""

    sessions: Count = 1000
    """Most sessions in memory; of more, those that are idle the longest are written to disk."""
    stored: Count = 100_000
    """Most sessions in memory and on disk together."""
    idle_seconds: Seconds = 300.0
    """Time after which an idle session is written to disk and leaves the memory."""
    length: Count = 4096
    """Most tokens, or steps of a forecast, of one request."""
    inputs: Count = 256
    """Most inputs of one request to predict."""
    body_kb: Count = 1024
    """Most kilobytes of a request or of a message of a stream."""
    rate: Annotated[float, Meta(ge=0)] = 200.0
    """Requests a second of one caller, after a burst of as many; 0 for no limit."""
    waiting: Count = 512
    """Most requests that wait for one model."""
    seconds: Seconds = 60.0
    """Time for an answer; a text that takes longer ends there."""
    stall_seconds: Seconds = 15.0
    """Time in which a client sends, or takes, the next piece."""
    connections: Count = 1000
    """Most open connections; those after them are closed."""

    @property
    def body(self) -> int:
        """Most bytes of a request."""
        return self.body_kb * 1000
