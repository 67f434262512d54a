import numpy as np


def test_stateful(names):
    vocab, hidden = names["VOCAB"], names["HIDDEN"]
    assert names["weights"] == {
        "embedding": 42 * vocab,
        "norm": 84,
        "recurrent": 4 * hidden * (42 + hidden + 1),
        "output": (hidden + 1) * vocab,
    }
    assert names["weights"]["norm"] + names["measured"] == 168
    assert names["places"][1].inputs[:, 0].tolist() == (names["places"][0].inputs[:, -1] + 1).tolist()
    assert names["windows"][64, 0] == 512
    assert names["losses"][-1] < names["losses"][0] < np.log(vocab)
    assert names["losses"][-1] < 2.4
    own, wrong, none = names["past"].values()
    assert own + 0.05 < min(wrong, none)
    assert wrong > none - 0.05  # the wrong past is hardly better than none
    assert len(names["written"]) == 20
    assert names["pictures"] == ["07-losses", "07-past"]
