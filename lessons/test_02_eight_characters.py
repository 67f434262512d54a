import numpy as np


def test_eight_characters(names):
    assert names["weights"]["network"] == 42 * 256 + 256 + 256 * 256 + 256
    assert names["difference"] < 1e-4
    assert names["losses"][1] < min(3.4, names["losses"][0]) < np.log(names["VOCAB"])
    assert names["pictures"] == ["02-losses", "02-places"]
    assert names["rises"][7] > 2 * max(names["rises"][:4])  # the last character matters most
    if names["text"].is_source:
        assert names["VOCAB"] == 86
        assert names["weights"]["embedding"] == 3612
        assert names["weights"]["output"] == 22102
        assert names["xs"].shape == (75109, 8)
        assert names["y"][:8].tolist() == [1, 33, 2, 72, 67, 73, 2, 68]
        assert names["xs"][:8].T.tolist() == [
            [40, 1, 33, 2, 72, 67, 73, 2],
            [42, 1, 38, 44, 2, 9, 61, 73],
            [29, 43, 31, 71, 54, 9, 58, 61],
            [30, 45, 2, 74, 2, 76, 67, 58],
            [25, 40, 73, 73, 76, 61, 24, 71],
            [27, 40, 61, 61, 68, 54, 2, 58],
            [29, 39, 54, 2, 66, 73, 33, 2],
            [1, 43, 73, 62, 54, 2, 72, 67],
        ]
