import numpy as np


def test_stacked(names):
    hidden = names["HIDDEN"]
    assert names["weights"] == [4 * hidden * (42 + hidden + 1), 4 * hidden * (2 * hidden + 1)]
    assert names["losses"][1] < names["losses"][0] < np.log(names["VOCAB"])
    assert names["losses"][1] < 2.5
    assert all(half_life.shape == (hidden,) and (half_life > 0).all() for half_life in names["half_lives"])
    assert names["pictures"] == ["08-losses", "08-memory"]
