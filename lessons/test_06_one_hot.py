import numpy as np
import pytest


def test_one_hot(names):
    vocab = names["VOCAB"]
    assert names["difference"] == 0
    assert names["weights"] == {"recurrent": vocab * 256 + 256 * 256 + 256, "output": 257 * vocab}
    assert float(names["with_one_hot"]) == pytest.approx(float(names["with_numbers"]), rel=1e-5)
    assert names["losses"][1] < min(3.6, names["losses"][0]) < np.log(vocab)
    assert names["xs"].shape == names["ys"].shape == (5_000, 8, vocab)
    assert names["xs"].sum() == 5_000 * 8
    assert names["between_vowels"] > names["to_others"]
    assert names["pictures"] == ["06-letters", "06-losses"]
    if names["text"].is_source:
        assert vocab == 86
        assert (len(names["windows"]) - 2, 8, vocab) == (75109, 8, 86)
