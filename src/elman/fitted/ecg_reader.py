"""A trained reader of ECGs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elman._config import Config
from elman.data.ecg_codec import EcgCodec
from elman.data.examples import Part
from elman.fitted._fitted import Predictor, largest_difference
from elman.models.segmenter import Segmenter
from elman.tasks._ecg_chances import all_chances
from elman.tasks.ecg import Ecg


@dataclass(frozen=True)
class EcgReader(Predictor):
    """A trained reader of ECGs."""

    task: Ecg
    codec: EcgCodec
    model: Segmenter

    @property
    def knows(self) -> str:
        """What it finds."""
        kinds = f", kinds of beats {', '.join(self.codec.kinds)}" if self.codec.kinds else ""
        return f"P, QRS and T{kinds}"

    def read(self, *places: str | Path) -> Part:
        """Leads with what is known of them, for `evaluate`.

        Raises:
            DataError: a record that cannot be read.
        """
        return self.task.read_part(self.codec, *places)

    def differences(self) -> dict[str, float]:
        """Of random signals, each alone and beside others."""
        random = np.random.default_rng(0)
        signals = [random.normal(size=length).cumsum() / 10 for length in (300, 1111, 2000, 777)]
        together = all_chances(self.model, self.codec, signals)
        alone = [all_chances(self.model, self.codec, [signal])[0] for signal in signals]
        pairs = [pair for both in zip(together, alone, strict=True) for pair in zip(*both, strict=True)]
        return {"alone or beside others": max(largest_difference(np.log(a), np.log(b)) for a, b in pairs)}

    def answers(self, *places: str, options: Config) -> Iterator[str]:
        """Lines."""
        raise NotImplementedError
