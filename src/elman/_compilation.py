"""JAX's compilation cache: a program that was compiled once starts without compilation in later processes."""

from __future__ import annotations

import os

import jax

from elman._cache import cache_folder


def use_compilation_cache() -> None:
    """Turns the cache on, in the user's cache folder, unless it was configured already or `ELMAN_NO_CACHE` is set."""
    if jax.config.values["jax_compilation_cache_dir"] is None and not os.environ.get("ELMAN_NO_CACHE"):
        try:
            folder = cache_folder("jax")
        except OSError:  # no folder to write to: every process compiles anew
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # small programs are cached as well
