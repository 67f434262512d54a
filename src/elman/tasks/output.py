"""The output of a prediction: lines, sentences about them, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Warning:
    """A sentence on the input or the answers that is no answer itself."""

    text: str


class Row(str):
    """A line of a table with a head, whose columns a narrow terminal shows in several blocks."""

    __slots__ = ()


class Remark(str):
    """A line of words about the answers, which a narrow terminal folds."""

    __slots__ = ()


@dataclass(frozen=True)
class Picture:
    """A picture of answers, which is drawn when it is saved."""

    path: Path
    """The file, whose ending names the format."""
    draw: Callable[[Path], None]
    """The function that draws it into a file."""

    def save(self) -> None:
        """Draws the picture into its file.

        Raises:
            ConfigError: matplotlib is not installed, or does not know the format.
            DataError: answers that a picture has no room for, or a file that cannot be written.
        """
        self.draw(self.path)


Output = str | Warning | Picture
"""A line, without its end; a warning; or a picture."""
