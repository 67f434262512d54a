"""`elman export` and `elman import`, as a user calls them."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from safetensors.numpy import save_file

import elman
from elman.interop import files
from elman.interop.chains import chain_of
from elman.interop.export import codec_file
from elman.interop.language import NEVER, language_model, read_vocabulary
from elman.words.vocabulary import Bytes
from tests.cli.commands import run
from tests.conformance.peers import peer
from tests.interop.test_state_dict import VOCAB, model

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
LANGUAGE = ARTEFACTS / "language-modelling" / "model"
SECOND = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def second_tier(test):
    for mark in SECOND:
        test = mark(test)
    return test


def test_safe_weights_become_a_language_model_without_pytorch(tmp_path):
    save_file(model("module.", layers=2), tmp_path / "net.safetensors")
    (tmp_path / "vocabulary.json").write_text(json.dumps({char: n for n, char in enumerate("ab cde\n")}))
    said = run(tmp_path, "import", "net.safetensors").stdout
    assert "layers: encoder, rnn.l0, rnn, decoder" in said
    assert "decoder  " in said
    assert not list(tmp_path.glob("*.elman"))
    run(tmp_path, "import", "net.safetensors", "--vocabulary", "vocabulary.json", "--out", "net.elman")
    fitted = elman.load(tmp_path / "net.elman")
    assert fitted.codec.tokens == ("\0", *"ab cde\n")
    assert fitted.model.head.bias[0] == NEVER
    assert set(fitted.next("a")) == set("ab cde\n")
    chain = elman.interop.open_network(tmp_path / "net.safetensors")
    _, logits = chain(np.array([[0, 3]]))
    probabilities = np.exp(logits[0, -1] - logits[0, -1].max())
    expected = dict(zip("ab cde\n", probabilities / probabilities.sum(), strict=True))
    assert fitted.next("ac") == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_imported_is_said(tmp_path):
    def error(*arguments):
        return run(tmp_path, "import", *arguments, code=2).stderr

    save_file(model(), tmp_path / "net.safetensors")
    assert "no such file" in error("other.pt")
    assert ".: no such file" in error(".")
    (tmp_path / "notes.txt").write_text("")
    assert "notes.txt: expected a file that ends in .pt" in error("notes.txt")
    assert "--out: a saved model needs the vocabulary" in error("net.safetensors", "--out", "a.elman")
    (tmp_path / "short.json").write_text('["a", "b"]')
    assert f"encoder has {VOCAB} tokens" in error("net.safetensors", "--vocabulary", "short.json")
    (tmp_path / "words.json").write_text(json.dumps(["the", "cat"]))
    assert "token 0: expected a character" in error("net.safetensors", "--vocabulary", "words.json")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10")
    assert "not a safetensors file" in error("cut.safetensors")
    save_file({"conv.weight": np.ones((2, 3, 3), np.float32)}, tmp_path / "conv.safetensors")
    assert "conv.safetensors: conv: no layer" in error("conv.safetensors")
    assert not list(tmp_path.glob("*.elman"))


@second_tier
def test_pytorch_there_and_back(tmp_path):
    torch = peer("torch")
    said = run(tmp_path, "export", LANGUAGE, "--to", "pytorch", "--out", "out").stdout
    assert "head" in said
    assert "out: network.py, network.json, weights.pt, codec.json" in said
    spec = importlib.util.spec_from_file_location("network", tmp_path / "out" / "network.py")
    assert spec
    assert spec.loader
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    fitted, ids = elman.load(LANGUAGE), np.array([[3, 4, 5]])
    outputs, _ = network.load(tmp_path / "out")(torch.tensor(ids))
    _, expected = fitted.model(jnp.asarray(ids), fitted.model.init_carry(1))
    np.testing.assert_allclose(outputs.detach(), expected, atol=1e-5)
    assert "is there already; overwrite it" in run(
        tmp_path, "export", LANGUAGE, "--to", "pytorch", "--out", "out", code=2
    ).stderr  # fmt: skip
    run(tmp_path, "import", "out/weights.pt", "--vocabulary", "out/codec.json", "--out", "again.elman")
    again = elman.load(tmp_path / "again.elman")
    assert again.generate("the", length=20, temperature=0) == fitted.generate("the", length=20, temperature=0)


@pytest.mark.parametrize(("name", "library", "old"), [("net.pt", "torch", "2.9.1+cpu"), ("net.h5", "keras", "3.11.3")])
def test_a_library_that_may_run_code_of_a_file_reads_none(tmp_path, monkeypatch, name, library, old):
    monkeypatch.setattr(files, f"need_{library}", object)
    monkeypatch.setattr(files, "version", lambda _: old)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(elman.ConfigError, match=f"{library} {re.escape(old)} may run code .* expected {library}"):
        files.open_network(tmp_path / name)


def test_the_codec_of_an_export_is_the_vocabulary_of_an_import(tmp_path):
    fitted, place = elman.load(LANGUAGE), tmp_path / "codec.json"
    fitted = replace(fitted, codec=msgspec.structs.replace(fitted.codec, lower=True, normal_form="NFKC"))
    place.write_bytes(codec_file(fitted))
    vocabulary, tokens = read_vocabulary(place)
    again = language_model(chain_of(fitted), vocabulary, tokens=tokens)
    assert again.codec == fitted.codec
    assert (again.task.lower, again.task.normal_form) == (True, "NFKC")
    assert again.generate("THE", length=9, temperature=0) == fitted.generate("the", length=9, temperature=0)
    place.write_text('{"codec": {"kind": "bytes"}}')
    assert read_vocabulary(place) == (Bytes(), 256)
    place.write_text('{"codec": {"kind": "words"}}')
    with pytest.raises(elman.DataError, match="expected the codec of a model of characters or bytes"):
        read_vocabulary(place)


def test_an_export_to_an_unknown_library_is_refused(tmp_path):
    with pytest.raises(
        elman.ConfigError, match="to: expected keras, pytorch, onnx, c; got 'torch'; did you mean 'pytorch'"
    ):
        elman.interop.export(elman.load(LANGUAGE), tmp_path / "out", to="torch")


class Code:
    ran = False

    def __reduce__(self):
        return (setattr, (Code, "ran", True))


@second_tier
def test_a_file_of_code_is_never_run(tmp_path):
    torch = peer("torch")
    torch.save({"rnn.weight": torch.zeros(2, 2), "code": Code()}, tmp_path / "net.pt")
    assert "holds code, which is never run" in run(tmp_path, "import", "net.pt", code=2).stderr
    assert not Code.ran


@second_tier
def test_keras_there_and_back(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    peer("keras")
    run(tmp_path, "export", LANGUAGE, "--to", "keras", "--out", "out")
    run(tmp_path, "import", "out/model.keras", "--vocabulary", "out/codec.json")
    fitted, again = elman.load(LANGUAGE), elman.load(tmp_path / "out" / "model.elman")
    assert again.generate("the", length=20, temperature=0) == fitted.generate("the", length=20, temperature=0)


@second_tier
def test_a_network_whose_layers_are_in_no_row_does_not_go_to_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    peer("keras")
    tagging = ARTEFACTS / "tagging" / "model"
    assert "ONNX takes any" in run(tmp_path, "export", tagging, "--to", "keras", "--out", "out", code=2).stderr
    assert not [*tmp_path.iterdir()]
