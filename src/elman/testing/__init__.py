"""Conformance tests for cells and tasks of your own."""

from elman.testing.cell import CellError, check_cell
from elman.testing.task import TaskError, check_task

__all__ = ["CellError", "TaskError", "check_cell", "check_task"]
