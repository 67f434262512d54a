from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA


def test_projector(names):
    words, matrix, after = names["words"], names["matrix"], names["after"]
    assert names["reading_difference"] == 0
    np.testing.assert_array_equal(matrix, np.asarray(names["fitted"].model.embedding.table)[2:])
    rows = [line.split("\t") for line in Path("projector/grammar/metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["word", "tag", "tags", "seen"]
    assert [row[0] for row in rows[1:]] == words
    assert {row[0]: row[2] for row in rows[1:]}["watch"] == "NOUN VERB"
    train = [word.lower() for sentence in names["data"].train.examples for word in sentence.words]
    assert int(rows[1][3]) == train.count(words[0])

    # Principal components and shares are scikit-learn's; neighbours are those of the matrix of all cosines.
    centred = matrix - matrix.mean(0)
    pca = PCA().fit(centred / np.linalg.norm(centred, axis=1, keepdims=True))
    share = names["shares"]["after training"]
    np.testing.assert_allclose(share, pca.explained_variance_ratio_, atol=1e-5)
    np.testing.assert_allclose(
        np.abs(names["maps"]["after training"][:, 0]),
        np.abs(pca.transform(centred / np.linalg.norm(centred, axis=1, keepdims=True))[:, 0]),
        atol=1e-4,
    )
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(len(units))
    tag = names["columns"]["tag"]
    same = np.mean([tag[word] == tag[words[row]] for word, row in zip(words, cosines.argmax(1), strict=True)])
    assert names["same_tag"]["after training"] == same
    assert after.neighbours(words[3], 1)[0].word == words[cosines[3].argmax()]

    assert len(names["every"]) == len(names["points"])
    assert names["same_tag"]["after training"] > 2 * names["same_tag"]["before training"]
    kept = names["kept"]
    assert kept[2] < kept[3] < kept[names["every"].shape[1]] <= 1
    assert names["pictures"] == ["27-grammar", "27-neighbours"]
