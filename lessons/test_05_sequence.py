import numpy as np
import pytest


def test_sequence(names):
    assert names["weights"] == 299 * names["VOCAB"] + 76544
    assert names["losses"][1] < min(3.4, names["losses"][0]) < np.log(names["VOCAB"])
    assert names["joint_difference"] < 1e-4
    assert names["after"].shape == (8, names["VOCAB"])
    assert names["after"].sum(1).tolist() == pytest.approx([1.0] * 8, abs=1e-5)
    assert names["pictures"] == ["05-losses", "05-probabilities"]
    if names["text"].is_source:
        assert names["weights"] == 102258
        assert names["xs"].shape == names["ys"].shape == (75109, 8)
