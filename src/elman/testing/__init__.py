"""Conformance tests for cells and tasks of your own."""

from elman.testing.cell import CellError, check_cell

__all__ = ["CellError", "check_cell"]
