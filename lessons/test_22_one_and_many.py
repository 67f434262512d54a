import numpy as np


def test_one_and_many(names):
    texts, which = names["test_texts"], names["test_which"]
    assert ((texts >= 6).sum(1) == 1).all()
    np.testing.assert_array_equal(texts.max(1) - 6, which[:, 0])
    assert names["accuracy"]["max"] > 0.6
    assert names["before"].shape == names["names"].shape == (200, 7)
    np.testing.assert_array_equal(names["before"][:, 1:], names["names"][:, :-1])
    assert set(names["written"][140:160]) == {"eight", "huit"}
    assert all(len(written) == 500 for written in names["spelt"].values())
    assert names["words"].shape == names["parts"].shape == names["real"].shape
    assert names["right_names"]["its own output"] > 0.8 > 0.5 > names["right_names"]["the same input"]
    assert 0.8 < names["by_word"] < names["by_network"] <= 1
    assert names["pictures"] == ["22-one-and-many"]
