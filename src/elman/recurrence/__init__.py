"""The recurrence: a cell run over time, by one of several engines."""

from elman.recurrence.unroll import engine_for, start_carry, tap, unroll

__all__ = ["engine_for", "start_carry", "tap", "unroll"]
