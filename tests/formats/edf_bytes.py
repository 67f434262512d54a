"""Writes EDF and BDF files field by field, after the specification."""

from typing import NamedTuple

import numpy as np


class Channel(NamedTuple):
    """A signal: its digital samples, with a row for each data record; or the texts of annotations, one for each."""

    label: str
    rows: object
    unit: str = "mV"
    physical: tuple = (-3.2768, 3.2767)
    digital: tuple = (-32768, 32767)


def annotations(*records, width=40):
    """The signal of annotations, from the bytes in each data record."""
    return Channel("EDF Annotations", [record.ljust(width, b"\0") for record in records], "", (-1, 1))


def edf(*channels, duration=1, kind="", count=None, patient="X X X X", recording="Startdate X X X X", bits=16):
    """The bytes of a file."""
    step, records = bits // 8, len(channels[0].rows) if channels else 0
    samples = [
        len(one.rows[0]) // (step if isinstance(one.rows[0], bytes) else 1) if records else 0 for one in channels
    ]
    fixed = [
        ("\xffBIOSEMI" if bits == 24 else "0", 8), (patient, 80), (recording, 80), ("01.02.03", 8), ("04.05.06", 8),
        (256 * (len(channels) + 1), 8), (kind, 44), (records if count is None else count, 8), (duration, 8),
        (len(channels), 4),
    ]  # fmt: skip
    columns = [
        ([one.label for one in channels], 16), ([""] * len(channels), 80), ([one.unit for one in channels], 8),
        ([one.physical[0] for one in channels], 8), ([one.physical[1] for one in channels], 8),
        ([one.digital[0] for one in channels], 8), ([one.digital[1] for one in channels], 8),
        (["HP:0.1Hz"] * len(channels), 80), (samples, 8), ([""] * len(channels), 32),
    ]  # fmt: skip
    fields = [*fixed, *((value, size) for values, size in columns for value in values)]
    head = "".join(str(value).ljust(size)[:size] for value, size in fields).encode("latin-1")
    return head + b"".join(_row(one.rows[record], step) for record in range(records) for one in channels)


def _row(row, step):
    if isinstance(row, bytes):
        return row
    return b"".join(int(number).to_bytes(step, "little", signed=True) for number in np.asarray(row))
