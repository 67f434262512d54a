"""A limit of memory for a part of a test."""

import resource
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_most(size):
    """Lets this process take `size` bytes more than it has; what needs more gets a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
