"""Graphs of ONNX as chains, against ONNX Runtime; what is no such graph, or no layer of elman's, is said."""

import io
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.interop import chain_of, from_onnx, open_network, to_onnx
from elman.layers.chain import Backward
from tests.cli.commands import run
from tests.conformance.peers import peer
from tests.interop.models import HIDDEN, SIZE, VOCAB, classifier, ids, language_model, seeded

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@pytest.fixture(autouse=True, scope="module")
def _peers():
    peer("onnx")
    peer("onnxruntime")


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(scale=0.5, size=shape).astype(np.float32)


def graph(kind="LSTM", *, more=(), ends="y", **options):
    """A model of tokens: a table, a recurrent node, and a dense layer; `more` nodes come before the dense layer."""
    onnx = peer("onnx")
    helper, sides, gates = onnx.helper, 2 if options.get("direction") == "bidirectional" else 1, GATES[kind]
    arrays = {
        "table": drawn(VOCAB, SIZE),
        "W": drawn(sides, gates * HIDDEN, SIZE, seed=1),
        "R": drawn(sides, gates * HIDDEN, HIDDEN, seed=2),
        "B": drawn(sides, 2 * gates * HIDDEN, seed=3),
        "kernel": drawn(sides * HIDDEN, 3, seed=4),
        "bias": drawn(3, seed=5),
        "shape": np.array([0, 0, -1]),
    }
    nodes = [
        helper.make_node("Transpose", ["tokens"], ["turned"], perm=[1, 0]),
        helper.make_node("Gather", ["table", "turned"], ["x"]),
        helper.make_node(kind, ["x", "W", "R", "B"], ["ys"], "read/it", hidden_size=HIDDEN, **options),
        helper.make_node("Transpose", ["ys"], ["swapped"], perm=[2, 0, 1, 3]),
        helper.make_node("Reshape", ["swapped", "shape"], ["y"]),
        *more,
        helper.make_node("MatMul", [ends, "kernel"], ["product"], "head"),
        helper.make_node("Add", ["product", "bias"], ["scores"]),
    ]
    made = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["batch", "time"])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def outputs(model, **feeds):
    session = peer("onnxruntime").InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("RNN", {"activations": ["Relu"], "direction": "reverse"}), ("GRU", {"linear_before_reset": 1}), ("GRU", {}),
     ("LSTM", {"direction": "bidirectional"})],
)  # fmt: skip
def test_recurrent_nodes_are_cells(kind, options):
    model, lines = graph(kind, **options), []
    chain = from_onnx(model, show=lines.append)
    _, ys = chain(ids())
    np.testing.assert_allclose(ys, outputs(model, tokens=ids()), atol=1e-5)
    assert chain.names == ("gather2", "read.it", "head")
    assert isinstance(chain.parts[1], Backward) == (options.get("direction") == "reverse")
    assert [line.split()[0] for line in lines[1:]] == [*chain.names, "outputs"]


def test_what_lies_between_layers_becomes_parts():
    helper = peer("onnx").helper
    nodes = [
        helper.make_node("ReduceMax", ["y", "axis"], ["most"], keepdims=0),
        helper.make_node("Tanh", ["most"], ["shaped"]),
    ]
    model = graph(more=nodes, ends="shaped")
    model.graph.initializer.append(peer("onnx").numpy_helper.from_array(np.array([1]), "axis"))
    chain = from_onnx(model)
    assert chain.names == ("gather2", "read.it", "read.it.max", "read.it.tanh", "head")
    np.testing.assert_allclose(chain(ids())[1], outputs(model, tokens=ids()), atol=1e-5)


def test_what_elman_does_not_have_is_named_with_its_path(tmp_path):
    onnx = peer("onnx")
    helper = onnx.helper
    conv = [helper.make_node("Conv", ["y", "filter"], ["c"], "part/conv")]
    with pytest.raises(elman.ConversionError, match=r"part/conv \(Conv\): .* use elman.layers.conv.TimeConvolution"):
        from_onnx(graph(more=conv, ends="c"))
    branch = helper.make_graph([], "then", [], [])
    chosen = [helper.make_node("If", ["y"], ["c"], "choice", then_branch=branch, else_branch=branch)]
    with pytest.raises(elman.ConversionError, match=r"choice \(If\): elman has no such layer; use a graph without"):
        from_onnx(graph(more=chosen, ends="c"))
    with pytest.raises(elman.ConversionError, match=r"read.it: LSTM with clip"):
        from_onnx(graph(clip=3.0))
    doubled = [helper.make_node("Add", ["y", "y"], ["twice"])]
    with pytest.raises(elman.ConversionError, match=r"between read.it, .* and head, .* import the layers one by one"):
        from_onnx(graph(more=doubled, ends="twice"))
    loop = [helper.make_node("MatMul", [f"y{n or ''}", "square"], [f"y{n + 1}"]) for n in range(3)]
    with pytest.raises(elman.ConversionError, match="'square' are used 3 times, so a recurrence is written out"):
        from_onnx(graph(more=loop, ends="y3"))
    whole = graph().SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(elman.DataError, match=r"cut.onnx: no whole graph of ONNX"):
        open_network(tmp_path / "cut.onnx")
    (tmp_path / "other.onnx").write_bytes(b"no graph")
    with pytest.raises(elman.DataError, match=r"other.onnx: no whole graph of ONNX"):
        open_network(tmp_path / "other.onnx")
    onnx.save(graph(), tmp_path / "net.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    assert len(open_network(tmp_path / "net.onnx").parts) == 3
    (tmp_path / "weights").unlink()
    with pytest.raises(elman.DataError, match=r"its weights are in another file, which cannot be read"):
        open_network(tmp_path / "net.onnx")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["language-modelling", "classification", "series-classification"])
def test_exports_of_elman_come_back(name, tmp_path):
    fitted = elman.load(ARTEFACTS / name / "model")
    chain, expected = from_onnx(to_onnx(fitted)), chain_of(fitted)
    xs = ids() if name != "series-classification" else drawn(2, 6, 2)
    np.testing.assert_allclose(chain(xs)[1], expected(xs)[1], atol=1e-5)
    assert {"embedding", "layers.cells.0", "head"} <= {*chain.names} & {*expected.names}
    if name == "language-modelling":
        run(tmp_path, "export", ARTEFACTS / name / "model", "--to", "onnx", "--int8", "--out", "out")
        said = run(tmp_path, "import", "out/model.onnx", "--vocabulary", "out/codec.json", "--out", "new.elman").stdout
        assert "head" in said
        assert elman.load(tmp_path / "new.elman").codec == fitted.codec


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_exports_of_pytorch():
    torch = seeded()
    state = (torch.zeros(2, 2, HIDDEN), torch.zeros(2, 2, HIDDEN))
    for make, inputs in ((classifier, [torch.tensor(ids())]), (language_model, [torch.tensor(ids()).T, state])):
        module, place, names = make(torch).eval(), io.BytesIO(), ["tokens", "h", "c"][: 2 * len(inputs) - 1]
        axes = {"tokens": {0: "a", 1: "b"}} | {name: {1: "b"} for name in names[1:]}
        torch.onnx.export(
            module, tuple(inputs), place, dynamo=False, input_names=names, dynamic_axes=axes, opset_version=14
        )
        chain = from_onnx(peer("onnx").load_from_string(place.getvalue()))
        expected = module(*inputs)
        if make is language_model:
            expected = expected[0].reshape(6, 2, -1).transpose(0, 1)
        np.testing.assert_allclose(chain(ids())[1], expected.detach(), atol=1e-5)
