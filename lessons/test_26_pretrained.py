import numpy as np


def test_pretrained(names):
    vectors, words, matched = names["vectors"], names["words"], names["matched"]
    others = names["nearest"]["good"]
    assert [other.cosine for other in others] == sorted((other.cosine for other in others), reverse=True)
    good, other = vectors.vector("good"), vectors.vector(others[0].word)
    np.testing.assert_allclose(others[0].cosine, good @ other / np.linalg.norm(good) / np.linalg.norm(other), rtol=1e-5)
    assert "did you mean 'film'?" in names["unknown"]
    assert names["row_difference"] == 0
    assert matched.matrix.shape == (len(words), vectors.width)
    np.testing.assert_array_equal(matched.found, [bool(vectors.select([word])) for word in words])
    assert not set(names["new"]) & set(words)
    assert names["frozen_difference"] == 0
    assert 0 < names["accuracy"]["frozen"] <= 1
    assert names["pictures"] == ["26-map"]
    if vectors.width == 50:
        np.testing.assert_allclose(vectors.vector("the")[:3], [0.418, 0.24968, -0.41242], rtol=1e-5)
