import numpy as np


def test_simple_rnn(names):
    counts, vocab = names["counts"], names["VOCAB"]
    assert counts == {
        "embedding": 42 * vocab,
        "recurrent": 76544,
        "output": 257 * vocab,
        "all": 299 * vocab + 76544,
    }
    if names["text"].is_source:
        assert counts == {"embedding": 3612, "recurrent": 76544, "output": 22102, "all": 102258}
    assert names["losses"][1] < min(3.4, names["losses"][0]) < np.log(vocab)
    assert names["difference"] < 1e-4
    assert names["pictures"] == ["03-losses"]
