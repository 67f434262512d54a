"""Rows of numbers as they arrive in lines, for streams of signals."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman.data.lines import arriving_lines


def arriving_rows(*places: str) -> Iterator[Float[np.ndarray, "row column"]]:
    """The numbers of files, "-" being standard input: a line is a row, with commas, tabs or spaces between its numbers;
    nan is none. Rows come in groups of those that are there. Empty lines and those that begin with # are left out.

    Raises:
        DataError: no number, or a row of another length than the first; names the line.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("# mV\\n0.5, 1\\n-2 nan\\n")
    ...     file.flush()
    ...     [rows.tolist() for rows in arriving_rows(file.name)]
    [[[0.5, 1.0], [-2.0, nan]]]
    """
    for place in places:
        name, columns, number = "standard input" if place == "-" else place, 0, 0
        for lines in arriving_lines(place):
            rows = list[list[float]]()
            for line in lines:
                number += 1
                if line.strip() and not line.lstrip().startswith("#"):
                    rows.append(_numbers(line, f"{name}, line {number}"))
                    columns = columns or len(rows[-1])
                    if len(rows[-1]) != columns:
                        raise DataError(f"{name}, line {number}: {len(rows[-1])} numbers; the first row has {columns}")
            if rows:
                yield np.array(rows)


def _numbers(line: str, place: str) -> list[float]:
    try:
        return [float(word) for word in re.split(r"[,;\s]+", line.strip().strip(",;"))]
    except ValueError:
        raise DataError(f"{place}: expected numbers, one for each lead; got {line.strip()[:60]!r}") from None
