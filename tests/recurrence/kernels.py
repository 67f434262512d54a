"""Whether the native kernels are here."""

import pytest

from elman.recurrence import native


def _missing() -> str:
    try:
        native.layout()
    except OSError as error:
        return str(error)
    return ""


needs_kernels = pytest.mark.skipif(bool(_missing()), reason=_missing() or "kernels are here")
