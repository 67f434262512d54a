import numpy as np


def test_joined_gru(names):
    assert names["state_difference"] < 1e-6
    assert names["gradient_difference"] < 1e-6 < names["size"]
    assert names["learnt_difference"] < 1e-5
    assert abs(names["both"]["joined"][0] - names["both"]["separate"][0]) < 1e-4
    assert {name: names["weights"][name].shape[0] for name in "rzn"} == dict.fromkeys("rzn", 256 + names["VOCAB"])
    uniform = 8 * np.log(names["VOCAB"])
    assert names["errors"][-1] < 0.95 * uniform
    assert names["errors"][0] < 1.1 * uniform
    assert names["pictures"] == ["13-errors"]
    if names["text"].is_source:
        assert names["VOCAB"] == 86
        assert names["xs"].shape == (75109, 8)
