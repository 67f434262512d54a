import numpy as np


def test_gru_layer(names):
    vocab = names["VOCAB"]
    assert names["weights"] == {"recurrent": 3 * 256 * (vocab + 256 + 1) + 256, "output": 257 * vocab}
    assert names["losses"][1] < min(3.4, names["losses"][0]) < np.log(vocab)
    assert names["difference"] < 1e-5
    assert ((names["share_kept"] > 0) & (names["share_kept"] < 1)).all()
    assert names["pictures"] == ["11-gates", "11-losses"]
    if names["text"].is_source:
        assert names["xs"].shape == names["ys"].shape == (75109, 8)
