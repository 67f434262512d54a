"""JAX's compilation: its cache, from which a program starts that an earlier process compiled, and the time it takes."""

from __future__ import annotations

import os
from functools import cache

import jax
import jax.monitoring

from elman._cache import cache_folder

COMPILING = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")
"""JAX's names for the time that it takes to compile a program, or to read it from the cache."""


def use_compilation_cache() -> None:
    """Turns the cache on, in the user's cache folder, unless it was configured already or `ELMAN_NO_CACHE` is set."""
    if jax.config.values["jax_compilation_cache_dir"] is None and not os.environ.get("ELMAN_NO_CACHE"):
        try:
            folder = cache_folder("jax")
        except OSError:  # no folder to write to: every process compiles anew
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # small programs are cached as well


class CompileClock:
    """The seconds that this process has spent on compiling since the clock was made.

    >>> clock = CompileClock()
    >>> _ = jax.jit(lambda x: x * 3.25)(jax.numpy.ones(3))
    >>> 0 < clock.seconds() < 60
    True
    """

    _total = 0.0

    def __init__(self) -> None:
        _listen()
        self._before = CompileClock._total

    def seconds(self) -> float:
        return CompileClock._total - self._before


@cache
def _listen() -> None:
    def add(event: str, duration_secs: float, **_: object) -> None:
        if event in COMPILING:
            CompileClock._total += duration_secs

    jax.monitoring.register_event_duration_secs_listener(add)
