from itertools import product
from typing import get_args

import msgspec
import numpy as np
import pytest

from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.spans import Scheme, SchemeName, Span


def codec_of(name):
    marks = "BIEMLSUW"
    tags = [f"{mark}-{label}" for mark in marks for label in "XY" if Scheme(name).has(f"{mark}-{label}")]
    return TagCodec(words=(), letters=(), tags=("O", *tags), scheme=name)


@pytest.mark.parametrize("name", get_args(SchemeName))
def test_masks_have_each_tagging_with_a_span_once(name):
    codec, span = codec_of(name), Span("X", 1, 3)
    masks = list(codec.masks_of(span, 4))
    allowed, ends = codec.allowed, len(codec.tags)
    for ids in product(range(ends), repeat=4):
        if all(allowed[pair] for pair in zip((ends, *ids), (*ids, ends), strict=True)):
            held = sum(mask[np.arange(4), ids].all() for mask in masks)
            assert held == (span in codec.spans.spans([codec.tags[i] for i in ids]))


def test_a_codec_of_an_earlier_elman_has_the_usual_notation():
    codec = msgspec.convert({"words": [], "letters": [], "tags": ["B-X", "O"], "scheme": "IOB2"}, TagCodec)
    assert codec.spans == Scheme("IOB2", "B-X")
