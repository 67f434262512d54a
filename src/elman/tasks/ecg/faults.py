"""Finds faults of a lead: it is missing, flat, at the end of its range, or too large to be an ECG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from elman._errors import quantity
from elman.tasks.ecg.strip import Strip

What = Literal["missing", "flat", "saturated", "too large"]

MISSING = 0.04
"""The least length of a gap that is a fault, in seconds."""

FLAT_FOR, FLAT_WITHIN = 2.0, 0.005
"""Seconds and mV: a signal that varies by at most so much for so long does not come from a heart. The limit in mV is
one step of most converters."""

SATURATED_FOR, CLIPPED_FOR, CLIPPED = 0.1, 0.016, 3
"""Seconds at the largest or smallest value of the lead that are a fault; and a shorter time, of which so many runs are
a fault: clipped peaks."""

TOO_LARGE = 30.0
"""mV from the median: a lead with more than a hundredth of its samples beyond has a wrong gain or unit."""

UNREADABLE = 0.2
"""Seconds: across a shorter fault, such as the clipped peak of a complex, waves can still be found."""

AT_ONCE = 3
"""The most faults of a kind that are listed one by one."""

_BLOCK = 0.25  # seconds


class Fault(NamedTuple):
    """A piece of a lead that does not show the heart's signal."""

    lead: str
    onset: int
    end: int
    """The last sample."""
    what: What
    rate: float

    def __str__(self) -> str:
        onset, end = self.onset / self.rate, (self.end + 1) / self.rate
        return f"lead {self.lead}: {self.what} from {onset:.2f} s to {end:.2f} s"


def find_faults(strip: Strip) -> tuple[Fault, ...]:
    """Finds the faults of a lead, in order. Call it before resampling, which smooths clipped peaks.

    >>> signal = np.sin(np.arange(5000) / 30).astype(np.float32)
    >>> signal[1000:2500], signal[3000:3100] = 0.2, np.nan
    >>> known = np.ones(5000, bool)
    >>> strip = Strip(signal, 500.0, "a", "II", "a", (), (), known, known)
    >>> [str(fault) for fault in find_faults(strip)]
    ['lead II: flat from 2.00 s to 5.00 s', 'lead II: missing from 6.00 s to 6.20 s']
    """
    missing = np.isnan(strip.signal)
    flat = _flat(strip.signal, strip.rate)
    runs: dict[What, list[tuple[int, int]]] = {
        "missing": _runs(missing, MISSING * strip.rate),
        "flat": flat,
        "saturated": _saturated(strip.signal, _mask(flat, len(missing)), strip.rate),
        "too large": _too_large(strip.signal),
    }
    faults = [Fault(strip.lead, *run, what, strip.rate) for what, those in runs.items() for run in those]
    return tuple(sorted(faults, key=lambda fault: fault.onset))


def unreadable(faults: Sequence[Fault], length: int) -> Bool[np.ndarray, " time"]:
    """The mask of samples where no wave can be found, in a strip of `length` samples.

    >>> unreadable([Fault("II", 1, 2, "flat", 10.0), Fault("II", 3, 3, "saturated", 10.0)], 5).tolist()
    [False, True, True, False, False]
    """
    long = [fault for fault in faults if fault.end + 1 - fault.onset >= UNREADABLE * fault.rate]
    return _mask([(fault.onset, fault.end) for fault in long], length)


def describe_faults(faults: Sequence[Fault]) -> list[str]:
    """Describes faults in lines of text; many faults of one kind share a line.

    >>> describe_faults([Fault("V1", 100 * n, 100 * n + 9, "saturated", 100.0) for n in range(1, 6)])
    ['lead V1: saturated 5 times, 0.5 s together, first from 1.00 s to 1.10 s']
    """
    groups: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.lead, fault.what), []).append(fault)
    lines = []
    for (lead, what), those in groups.items():
        if len(those) <= AT_ONCE:
            lines += map(str, those)
        else:
            total = sum((fault.end + 1 - fault.onset) / fault.rate for fault in those)
            first = str(those[0]).partition(f"{what} ")[2]
            lines.append(f"lead {lead}: {what} {quantity(len(those), 'time')}, {total:.1f} s together, first {first}")
    return lines


def _flat(signal: Float[np.ndarray, " time"], rate: float) -> list[tuple[int, int]]:
    """The runs in which the signal stays within `FLAT_WITHIN`, found by blocks and then extended sample by sample."""
    size, needed = max(1, round(_BLOCK * rate)), round(FLAT_FOR / _BLOCK)
    count = len(signal) // size
    if len(signal) and np.ptp(signal) <= FLAT_WITHIN:
        return [(0, len(signal) - 1)]
    if count < needed:
        return []
    blocks = signal[: count * size].reshape(count, size)
    low, high = (np.lib.stride_tricks.sliding_window_view(ends, needed) for ends in (blocks.min(1), blocks.max(1)))
    still = high.max(axis=1) - low.min(axis=1) <= FLAT_WITHIN  # False where a value is NaN
    mask = np.zeros(len(signal), bool)
    for first in np.flatnonzero(still):
        mask[first * size : (first + needed) * size] = True
    return [_grown(signal, first, last) for first, last in _runs(mask, 1)]


def _grown(signal: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """The run extended on each side while the signal stays near its value at that end."""
    reach = np.abs(signal - signal[first]) <= FLAT_WITHIN
    before = np.flatnonzero(~reach[:first])
    reach = np.abs(signal - signal[last]) <= FLAT_WITHIN
    after = np.flatnonzero(~reach[last + 1 :])
    return int(before[-1]) + 1 if len(before) else 0, last + int(after[0]) if len(after) else len(signal) - 1


def _saturated(signal: np.ndarray, flat: np.ndarray, rate: float) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    known = signal[~(np.isnan(signal) | flat)]
    for end in (known.min(), known.max()) if len(known) else ():
        cut = _runs((signal == end) & ~flat, max(CLIPPED_FOR * rate, 4))
        long = [run for run in cut if run[1] - run[0] + 1 >= SATURATED_FOR * rate]
        runs += cut if len(cut) >= CLIPPED or long else []
    return runs


def _too_large(signal: np.ndarray) -> list[tuple[int, int]]:
    """The whole lead as one run where it is too large; else no run."""
    known = signal[~np.isnan(signal)]
    away = np.abs(known - np.median(known)) if len(known) else known
    return [(0, len(signal) - 1)] if (away > TOO_LARGE).sum() > 0.01 * len(away) else []


def _runs(mask: Bool[np.ndarray, " time"], least: float) -> list[tuple[int, int]]:
    """First and last sample of each run of True of at least `least` samples."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))).reshape(-1, 2)
    return [(first, last - 1) for first, last in edges.tolist() if last - first >= least]


def _mask(runs: Sequence[tuple[int, int]], length: int) -> Bool[np.ndarray, " time"]:
    mask = np.zeros(length, bool)
    for first, last in runs:
        mask[first : last + 1] = True
    return mask
