"""The seconds of a training, by what they went to."""

from __future__ import annotations

from typing import NamedTuple


class Times(NamedTuple):
    """The seconds of one run by the clock.

    >>> print(Times(steps=101.2, evaluations=19, compiling=108).describe(292, budget="2 minutes"))
    took 4:52: 1:41 of steps and 0:19 of evaluations for the 2 minutes, 1:48 of compiling, 1:04 of reading, preparing \
and saving
    """

    steps: float
    evaluations: float
    """The seconds of measuring the validation part."""
    compiling: float

    def describe(self, whole: float, *, budget: str = "") -> str:
        """The seconds in words, of `whole` seconds that the run took with all else; `budget` is that of the steps and
        evaluations, if it is in minutes."""
        rest = max(0.0, whole - sum(self))
        meant = f" for the {budget}" if budget else ""
        return (
            f"took {duration(whole)}: {duration(self.steps)} of steps and {duration(self.evaluations)} of "
            f"evaluations{meant}, {duration(self.compiling)} of compiling, {duration(rest)} of reading, preparing and "
            "saving"
        )


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds, and hours where there are some.

    >>> duration(61.7), duration(3600)
    ('1:02', '1:00:00')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
