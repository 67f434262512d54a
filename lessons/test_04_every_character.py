import numpy as np


def test_every_character(names):
    assert names["difference"] < 1e-4
    assert names["start_difference"] == 0
    assert names["losses"][1] < min(3.4, names["losses"][0]) < np.log(names["VOCAB"])
    assert names["by_place"][0] > names["by_place"][7]
    assert all(len(answer) == 8 for answer in names["predictions"].values())
    assert names["pictures"] == ["04-losses", "04-network", "04-places"]
    np.testing.assert_array_equal(names["xs"][:, 1:], names["ys"][:, :-1])
    if names["text"].is_source:
        assert names["xs"].shape == names["ys"].shape == (75109, 8)
        assert names["ys"][:8].T.tolist() == [
            [42, 1, 38, 44, 2, 9, 61, 73],
            [29, 43, 31, 71, 54, 9, 58, 61],
            [30, 45, 2, 74, 2, 76, 67, 58],
            [25, 40, 73, 73, 76, 61, 24, 71],
            [27, 40, 61, 61, 68, 54, 2, 58],
            [29, 39, 54, 2, 66, 73, 33, 2],
            [1, 43, 73, 62, 54, 2, 72, 67],
            [1, 33, 2, 72, 67, 73, 2, 68],
        ]
