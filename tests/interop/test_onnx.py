"""ONNX graphs of every task's network: states in and out, lengths, cells that ONNX lacks."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import elman
from elman.cells import LRU, RGLRU, PeepholeLSTM, SummedElman
from elman.interop import gates
from elman.interop.onnx import IR_VERSION, OPSET, to_onnx
from elman.tasks.language_modelling.model import LanguageModel
from tests.cli.commands import run
from tests.conformance.peers import peer

# Any length of an axis is a symbol while a network is traced, which no check of shapes knows.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unchecked"), pytest.mark.filterwarnings("ignore")]
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
KINDS = {"RNN", "GRU", "LSTM", "Scan"}


@pytest.fixture(autouse=True, scope="module")
def _peers():
    peer("onnx")
    peer("onnxruntime")


def loaded(name):
    return elman.load(ARTEFACTS / name / "model")


def session(model):
    return peer("onnxruntime").InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def recurrences(model):
    return [node.op_type for node in model.graph.node if node.op_type in KINDS]


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("classification", {"model": ["LSTM"] * 2}),
        ("series-classification", {"model": ["GRU"] * 2}),
        ("tagging", {"model": ["LSTM"] * 4}),
        ("ecg", {"model": ["GRU"] * 2}),
        ("ecg-causal", {"model": ["GRU"]}),
        ("seq2seq", {"encoder": ["LSTM"] * 2, "decoder": ["LSTM"]}),
        ("forecasting", {"model": ["GRU"] * 2}),
        ("forecasting-autoregressive", {"model": ["GRU"]}),
    ],
)
def test_networks_of_the_tasks(name, functions):
    """The proof inside compares outputs, states and layers at several sizes."""
    fitted = loaded(name)
    assert set(fitted.model.graphs()) == set(functions)
    for function, kinds in functions.items():
        lines = []
        model = to_onnx(fitted, function=function, show=lines.append)
        assert recurrences(model) == kinds
        assert len(lines) == 1 + len(model.graph.output) + len(kinds)


def test_an_encoder_hands_over_to_its_decoder():
    fitted = loaded("seq2seq")
    encode, decode = (session(to_onnx(fitted, function=name)) for name in ("encoder", "decoder"))
    sources, lengths = np.array([[2, 3, 4]], np.int32), np.array([3], np.int32)
    named = dict(zip([one.name for one in encode.get_outputs()],
                     encode.run(None, {"sources": sources, "lengths": lengths}), strict=True))  # fmt: skip
    written = []
    for token in (0, 2):
        outputs = decode.run(None, {"tokens": np.array([token], np.int32), "lengths": lengths, **named})
        after = dict(zip([one.name for one in decode.get_outputs()], outputs, strict=True))
        written.append(after["logits"])
        named |= {name.replace("next", "state"): value for name, value in after.items() if name.startswith("next")}
    expected = fitted.model(jnp.asarray(sources), jnp.asarray(lengths), jnp.array([[0, 2]])).logits[0]
    np.testing.assert_allclose(np.concatenate(written), expected, atol=1e-5)


def test_weights_of_8_bits_compute_what_rounded_ones_do(tmp_path):
    """The proof compares them with the rounded network; the measure is that of the rounded network too."""
    (tmp_path / "some.txt").write_text("the cat sat on the mat. the dog ate the hat.\n" * 3)
    model = ARTEFACTS / "language-modelling" / "model"
    said = run(tmp_path, "export", model, "--to", "onnx", "--int8", "--on", "some.txt", "--out", "out").stdout
    assert [line.split(":")[0] for line in said.splitlines()[-3:]] == ["float32", "int8", "out"]
    written = peer("onnx").load(tmp_path / "out" / "model.onnx")
    stored = {one.name: one.data_type for one in written.graph.initializer if one.name.endswith(".int8")}
    assert set(stored.values()) == {peer("onnx").TensorProto.INT8}
    assert "layers.cells.0.R.int8" in stored
    losses = [float(line.split()[1]) for line in said.splitlines()[-3:-1]]
    assert abs(losses[0] - losses[1]) < 0.05
    assert "--on: measures what --int8 costs" in run(
        tmp_path, "export", model, "--to", "onnx", "--on", "some.txt", code=2
    ).stderr  # fmt: skip


def test_a_language_model_goes_on_from_its_state():
    fitted, codec = loaded("language-modelling"), loaded("language-modelling").codec
    model = to_onnx(fitted)
    facts = {one.key: one.value for one in model.metadata_props}
    assert facts["task"] == "LanguageModelling"
    assert facts["elman"] == elman.__version__
    assert (model.opset_import[0].version, model.ir_version) == (OPSET, IR_VERSION)
    assert [one.name for one in model.graph.output] == ["next.0.h", "next.0.c", "logits"]
    run_one, ids = session(model), codec.encode("the cat sat on the mat")
    state = {f"state.0.{part}": np.zeros((1, 8), np.float32) for part in "hc"}
    pieces = []
    for piece in np.array_split(ids, 5):
        h, c, logits = run_one.run(None, {"tokens": piece[None], "lengths": np.array([len(piece)], np.int32), **state})
        state = {"state.0.h": h, "state.0.c": c}
        pieces.append(logits)
    _, expected = fitted.model(jnp.asarray(ids)[None], fitted.model.init_carry(1))
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, atol=1e-5)


def test_lengths_hold_the_state_of_short_and_empty_sequences():
    fitted = loaded("language-modelling")
    start = {f"state.0.{part}": np.full((3, 8), 0.3, np.float32) for part in "hc"}
    feeds = {"tokens": np.full((3, 5), 4, np.int32), "lengths": np.array([5, 2, 0], np.int32), **start}
    h, _, logits = session(to_onnx(fitted)).run(None, feeds)
    np.testing.assert_array_equal(h[2], start["state.0.h"][2])
    np.testing.assert_allclose(logits[1, :2], logits[0, :2], atol=1e-6)


@pytest.mark.parametrize("kind", [PeepholeLSTM, SummedElman, RGLRU], ids=lambda kind: kind.__name__)
def test_cells_that_onnx_lacks_are_scans(kind):
    model = LanguageModel(kind, vocab=7, embedding_size=4, hidden_size=4, num_layers=1, key=jax.random.key(0))
    assert recurrences(to_onnx(model)) == (["LSTM"] if kind is PeepholeLSTM else ["Scan"])


def test_a_cell_of_complex_numbers_is_refused():
    model = LanguageModel(LRU, vocab=7, embedding_size=4, hidden_size=4, num_layers=1, key=jax.random.key(0))
    with pytest.raises(elman.ConversionError, match=r"complex64: .*; RGLRU and MinGRU are like it"):
        to_onnx(model)


def test_what_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setitem(gates.ONNX_ORDER, "LSTM", (0, 1, 2, 3))
    model = ARTEFACTS / "language-modelling" / "model"
    done = run(tmp_path, "export", model, "--to", "onnx", "--out", "out", code=2)
    assert "nothing was written" in done.stderr
    assert not [*tmp_path.iterdir()]
