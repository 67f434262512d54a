"""The usual limits of an ECG's intervals, which mark unusual ones. Marks are no diagnosis: limits differ with age, sex,
heart rate and lead, and an interval that a model measured may simply be wrong.
"""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The least and the greatest usual value, both inclusive."""

    low: float
    high: float

    def mark(self, value: float | None) -> str:
        """The mark of a value, as laboratories write it: H above, L below, nothing inside the limits or for None.

        >>> LIMITS["PR"].mark(232.0), LIMITS["PR"].mark(110.0), LIMITS["PR"].mark(160.0), LIMITS["PR"].mark(None)
        ('H', 'L', '', '')
        """
        if value is None:
            return ""
        return "H" if value > self.high else "L" if value < self.low else ""


LIMITS = {
    "PR": Limits(120, 200),
    "QRS": Limits(60, 100),
    "QTcB": Limits(360, 450),
    "QTcF": Limits(360, 450),
    "rate": Limits(60, 100),
}
"""The limits of intervals in ms and of the rate in beats a minute. PR and rate: adults at rest (Surawicz and Knilans,
Chou's Electrocardiography, 2008). QRS: the 0.06 to 0.1 s of elman's source documents; clinical recommendations call it
wide above 110 ms (Surawicz et al., 2009). QTc: above 450 ms is long for men, above 460 for women (Rautaharju et al.,
2009), below 360 is short (Priori et al., 2013)."""
