import numpy as np


def test_three_characters(names):
    assert names["difference"] < 1e-5
    assert names["slip"] == "Training has no option 'learning_rat'; did you mean 'learning_rate'?"
    assert names["losses"][1] < min(3.3, names["losses"][0]) < np.log(names["characters"].size)
    assert names["pictures"] == ["01-losses", "01-network"]
    x1, x2, x3, y = (names[column] for column in ("x1", "x2", "x3", "y"))
    np.testing.assert_array_equal(x1[1:], y[:-1])  # the target is the next example's first character
    if names["text"].is_source:
        assert names["ids"][:10].tolist() == [40, 42, 29, 30, 25, 27, 29, 1, 1, 1]
        assert x1[:4].tolist() == [40, 30, 29, 1]
        assert x2[:4].tolist() == [42, 25, 1, 43]
        assert x3[:4].tolist() == [29, 27, 1, 45]
        assert y[:4].tolist() == [30, 29, 1, 40]
        assert x1.shape == y.shape == (200295,)
        assert names["characters"].size == 85
