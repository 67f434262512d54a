"""Measures of a service for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""The bounds of the histogram of times."""


class Measures:
    """The counters, gauges and histograms of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        route, where, model = ["route"], ["where"], ["model"]
        self.requests = Counter("elman_requests", "Requests by route", [*route, "status"], registry=registry)
        self.seconds = Histogram(
            "elman_request_seconds", "Time of a request and its stream", route, buckets=SECONDS, registry=registry
        )
        self.tokens = Counter("elman_tokens", "Tokens and steps that were generated", model, registry=registry)
        self.step_tokens = Counter("elman_step_tokens", "Tokens read and written in steps", model, registry=registry)
        self.moves = Counter("elman_session_moves", "Sessions created, written, read...", ["move"], registry=registry)
        self._steps = Histogram("elman_step_seconds", "Time of a step", model, buckets=SECONDS, registry=registry)
        self._sessions = Gauge("elman_sessions", "Sessions in memory and on disk alone", where, registry=registry)
        self._waiting = Gauge("elman_waiting", "Requests that wait for a model", model, registry=registry)

    def watch_sessions(self, where: str, count: Callable[[], int]) -> None:
        """Shows the number of sessions at a place, counted when it is asked for."""
        self._sessions.labels(where).set_function(count)

    def watch_waiting(self, model: str, count: Callable[[], int]) -> None:
        """Shows the number of requests that wait for a model."""
        self._waiting.labels(model).set_function(count)

    def watch_steps(self, model: str) -> Callable[[float, int], None]:
        """A function that is told the seconds and the tokens of each step of a model's batch."""
        seconds, tokens = self._steps.labels(model), self.step_tokens.labels(model)

        def observe(time: float, count: int) -> None:
            seconds.observe(time)
            tokens.inc(count)

        return observe

    def text(self) -> bytes:
        """The measures as Prometheus reads them."""
        return generate_latest(self.registry)
