import numpy as np


def test_stateful(names):
    vocab = names["VOCAB"]
    assert names["weights"] == {"embedding": 42 * vocab, "norm": 84, "recurrent": 306176, "output": 257 * vocab}
    assert names["weights"]["norm"] + names["measured"] == 168
    assert names["places"][1].inputs[:, 0].tolist() == (names["places"][0].inputs[:, -1] + 1).tolist()
    assert names["windows"][64, 0] == 512
    assert names["losses"][1] < names["losses"][0] < np.log(vocab)
    assert names["losses"][1] < 2.9
    assert names["past"]["its own past"] < names["past"]["no past"]
    assert names["past"]["its own past"] < names["past"]["the past of elsewhere"]
    assert len(names["written"]) == 20
    assert names["pictures"] == ["07-losses", "07-past"]
