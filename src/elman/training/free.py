"""The share of two processors that this process gets, beside others that are busy."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

PROCESSORS, SECONDS = 2, 0.2
"""The processors of a small machine, and the seconds of work by which the share of them is measured: many turns of the
scheduler, so that one long turn of another process counts little."""

LEAST, WHOLE = 1 / 8, 0.8
"""The least share that is told, and the share from which on no other process counts as busy."""


def free_share() -> float:
    """The share of `PROCESSORS` that this process gets now: processor time by the clock's, from `LEAST` to 1.

    >>> 1 / 8 <= free_share() <= 1
    True
    """
    block, began, processors = bytes(1 << 20), time.monotonic(), time.process_time()

    def work(_: int) -> None:
        while time.monotonic() - began < SECONDS:
            hashlib.sha256(block)  # without Python's lock, so that the threads run side by side

    with ThreadPoolExecutor(PROCESSORS) as pool:
        list(pool.map(work, range(PROCESSORS)))
    share = (time.process_time() - processors) / (PROCESSORS * (time.monotonic() - began))
    return 1.0 if share >= WHOLE else max(LEAST, share)
