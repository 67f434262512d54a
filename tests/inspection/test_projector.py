import json

import numpy as np
import pytest

import elman
from elman.cli.main import run
from elman.formats.vectors.vectors import WordVectors
from elman.inspection.projector import write_projector
from tests.conformance.peers import peer

WORDS = ["the", "café", "\t", " ", "\n", "a b", "\u2028", "'", "日本", "line\rend"]
MATRIX = np.random.default_rng(0).normal(size=(len(WORDS), 7)).astype(np.float32) * np.logspace(
    -20, 20, 7, dtype=np.float32
)
VECTORS = WordVectors("toy", WORDS, MATRIX)


def shown(folder):
    """Words, columns and vectors by the rules of the projector's page: lines that are blank are left out, and the first
    line of a table of several columns is its head."""
    lines = [line for line in (folder / "metadata.tsv").read_bytes().decode().split("\n") if line.strip()]
    rows = [line.split("\t") for line in lines]
    head = rows.pop(0) if "\t" in lines[0] else ["word"]
    tensors = (folder / "tensors.tsv").read_text().split("\n")
    matrix = np.array([[float(number) for number in line.split("\t")] for line in tensors if line], np.float32)
    return head, rows, matrix


def test_every_word_has_its_own_vector_to_the_last_bit(tmp_path):
    assert write_projector(VECTORS, tmp_path / "new" / "folder") == WORDS
    head, rows, matrix = shown(tmp_path / "new" / "folder")
    assert head == ["word"]
    assert [row[0] for row in rows] == [
        "the",
        "café",
        r"'\t'",
        "' '",
        r"'\n'",
        "a b",
        r"'\u2028'",
        "'",
        "日本",
        r"'line\rend'",
    ]
    np.testing.assert_array_equal(matrix, MATRIX)


def test_columns_are_beside_the_words_that_they_name(tmp_path):
    columns = {"kind": {"the": "DET", "日本": "PROPN"}, "a\trank": {"the": 1, "café": 2.5}}
    write_projector(VECTORS, tmp_path, words=["日本", "the", "café", "日本"], columns=columns)
    head, rows, matrix = shown(tmp_path)
    assert head == ["word", "kind", r"'a\trank'"]
    assert rows == [["日本", "PROPN", "-"], ["the", "DET", "1"], ["café", "-", "2.5"]]
    np.testing.assert_array_equal(matrix, MATRIX[[8, 0, 1]])


def test_as_many_as_are_asked_for_the_first_first(tmp_path):
    assert write_projector(VECTORS, tmp_path / "a", count=2) == WORDS[:2]
    assert len(shown(tmp_path / "a")[2]) == 2


@pytest.mark.slow
def test_tensorboard_serves_the_words_and_their_vectors(tmp_path):
    peer("tensorboard")
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client

    write_projector(VECTORS, tmp_path, columns={"length": {word: len(word) for word in WORDS}})
    plugin = ProjectorPlugin(TBContext(logdir=str(tmp_path)))
    served = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}
    assert json.loads(served["/runs"].get("/runs").data) == ["."]
    embedding = json.loads(served["/info"].get("/info?run=.").data)["embeddings"][0]
    assert embedding["tensorShape"] == list(MATRIX.shape)
    query = f"?run=.&name={embedding['tensorName']}&num_rows=100000"
    vectors = np.frombuffer(served["/tensor"].get("/tensor" + query).data, np.float32)
    np.testing.assert_array_equal(vectors.reshape(MATRIX.shape), MATRIX)
    assert served["/metadata"].get("/metadata" + query).data == (tmp_path / "metadata.tsv").read_bytes()


def test_what_cannot_be_shown_is_an_error(tmp_path):
    with pytest.raises(elman.DataError, match="no vector for 'thee'; did you mean 'the'"):
        write_projector(VECTORS, tmp_path, words=["thee"])
    with pytest.raises(elman.DataError, match="no word to show"):
        write_projector(VECTORS, tmp_path, words=[])
    with pytest.raises(elman.ConfigError, match="count: expected at least 1; got 0"):
        write_projector(VECTORS, tmp_path, count=0)
    infinite = WordVectors("toy", ["a", "b"], np.array([[1, 2], [3, np.inf]]))
    with pytest.raises(elman.DataError, match="the vector of 'b'"):
        write_projector(infinite, tmp_path)
    assert not list(tmp_path.iterdir())
    write_projector(VECTORS, tmp_path)
    with pytest.raises(elman.ConfigError, match=r"has tensors.tsv, metadata.tsv, .* already"):
        write_projector(VECTORS, tmp_path)
    write_projector(VECTORS, tmp_path, count=1, force=True)
    assert len(shown(tmp_path)[2]) == 1


def test_the_command_writes_a_folder_and_says_how_to_look_at_it(tmp_path, capsys):
    (tmp_path / "v.txt").write_text("man 1 0\nking 1 2\nwoman 0 1\nqueen 0 3\n")
    arguments = ["projector", str(tmp_path / "v.txt"), "--out", str(tmp_path / "p"), "--count", "3"]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 words in ")
    assert f"tensorboard --logdir {tmp_path / 'p'}" in out
    assert shown(tmp_path / "p")[1] == [["man"], ["king"], ["woman"]]
    assert run(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert run([*arguments, "--force"]) == 0
