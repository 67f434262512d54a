import numpy as np


def test_words(names):
    lexicon = names["lexicon"]
    assert lexicon.decode(names["ids"]).split()[2] == "<unk>"
    np.testing.assert_array_equal(
        names["ids"], [lexicon.encode(word)[0] for word in ("Win", "a", "zeppelin", "now", "!")]
    )
    assert names["difference"] == 0
    assert names["gradient_difference"] < 1e-5
    assert names["moved"] == len(np.unique(names["words"][:4]))
    assert names["counts"] == {
        "embedding": 32 * lexicon.size,
        "lstm": 4 * (32 * 32 + 32 * 32 + 32),
        "dense": 33,
    }
    assert names["words"].shape == (560, 40)
    assert all(
        (row[:length] > 0).all() and not row[length:].any()
        for row, length in zip(names["words"], names["lengths"], strict=True)
    )
    assert names["losses"][-1] < names["losses"][0] < np.log(2) + 0.05
    assert min(names["accuracy"], names["by_task"]) > names["always_ham"] + 0.02
    assert names["pictures"] == ["25-words"]
