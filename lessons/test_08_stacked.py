import numpy as np


def test_stacked(names):
    assert names["weights"] == [306176, 4 * (256 * 256 + 256 * 256 + 256)]
    assert names["losses"][1] < names["losses"][0] < np.log(names["VOCAB"])
    assert names["losses"][1] < 2.9
    assert all(half_life.shape == (256,) and (half_life > 0).all() for half_life in names["half_lives"])
    assert names["pictures"] == ["08-losses", "08-memory"]
