"""The table of a model's parts, whose counts are exact."""

import math

import pytest

from elman import artefact
from elman._module import weights
from elman.inspection import layers
from tests.inspection.test_inside import TEXT, untrained, writer
from tests.tasks.cases import CASES


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", CASES[::-1], ids=lambda make: make.__name__)
def test_every_weight_is_in_one_part(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    fitted = untrained(case.task, data)
    parts = layers(fitted, data.train, timed=False)
    assert len({part.name for part in parts}) == len(parts)
    assert sum(part.weights for part in parts) == weights(fitted.model)
    assert sum(part.weight_bytes for part in parts) == sum(
        a.nbytes for a in artefact.named_arrays(fitted.model).values()
    )
    assert sum(bool(part.shape) for part in parts) >= 3
    assert all(math.isnan(part.seconds) for part in parts)


def test_a_part_has_its_kind_its_shape_its_memory_and_its_time():
    embedding, first, _, head = layers(writer(), TEXT)
    vocab, time = writer().codec.size, len(TEXT) - 1
    assert (embedding.kind, embedding.weights, embedding.shape) == ("Embedding", vocab * 5, (1, time, 5))
    assert (first.name, first.kind, first.weights) == ("layers.cells.0", "LSTM", 4 * 6 * (5 + 6 + 1))
    assert (head.shape, head.weights, head.weight_bytes) == ((1, time, vocab), 7 * vocab, 28 * vocab)
    assert head.output_bytes == 4 * time * vocab
    assert all(0 <= part.seconds < 60 for part in (embedding, first, head))
