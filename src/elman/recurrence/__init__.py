"""How a cell runs over time."""

from elman.recurrence.unroll import engine_for, start_carry, tap, unroll

__all__ = ["engine_for", "start_carry", "tap", "unroll"]
