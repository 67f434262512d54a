"""The node cases with which ONNX judges its backends, for RNN, GRU and LSTM, through elman's cells and `unroll`."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.interop import gates
from elman.recurrence import unroll
from tests.conformance.peers import cell_class, peer

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # the cases state rtol 1e-3, atol 1e-7

CASES = [
    "test_gru_batchwise",
    "test_gru_bidirectional",
    "test_gru_defaults",
    "test_gru_reverse",
    "test_gru_seq_length",
    "test_gru_with_initial_bias",
    "test_lstm_batchwise",
    "test_lstm_bidirectional",
    "test_lstm_defaults",
    "test_lstm_reverse",
    "test_lstm_with_initial_bias",
    "test_lstm_with_peepholes",
    "test_rnn_seq_length",
    "test_simple_rnn_batchwise",
    "test_simple_rnn_bidirectional",
    "test_simple_rnn_defaults",
    "test_simple_rnn_reverse",
    "test_simple_rnn_with_initial_bias",
]

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
KNOWN = {"hidden_size", "direction", "layout", "linear_before_reset"}

pytestmark = pytest.mark.filterwarnings("ignore")  # other operators' cases warn as they are made


@functools.cache
def cases():
    peer("onnx")
    node = peer("onnx.backend.test.case.node")
    # Called once a process: it collects into a list of its own, which would grow.
    result = {case.name: case for case in node.collect_testcases(None)}
    return {name: case for name, case in result.items() if case.model.graph.node[0].op_type in ("RNN", "GRU", "LSTM")}


def the_cell(family, tensors, attributes, direction):
    """The cell that the node's `direction` (0 or 1) asks for."""
    B, P = tensors["B"], tensors["P"]
    result = gates.from_onnx_arrays(
        family, tensors["W"][direction], tensors["R"][direction], None if B is None else B[direction]
    )
    if family == "GRU":
        kind = GRU if attributes.get("linear_before_reset", 0) else cell_class("ResetBeforeGRU")
        return gates.cell_with(kind, result)
    if P is not None:
        peepholes = gates.ordered(P[direction], (0, 2, 1))  # i o f, ours i f o
        return gates.cell_with(cell_class("PeepholeLSTM"), result, peepholes=peepholes)
    return gates.cell_with({"RNN": Elman, "LSTM": LSTM}[family], result)


def run_node(model, arrays):
    """The named outputs of a backend for a model of one recurrent node."""
    onnx = peer("onnx")
    node = model.graph.node[0]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert set(attributes) <= KNOWN, f"the adapter does not know {set(attributes) - KNOWN}"
    arguments = dict(zip([value.name for value in model.graph.input], arrays, strict=True))
    tensors = dict.fromkeys(INPUTS)
    tensors |= {place: arguments[name] for place, name in zip(INPUTS, node.input, strict=False) if name}
    batch_first = attributes.get("layout", 0) == 1
    flip = (lambda a: a) if batch_first else (lambda a: np.swapaxes(a, 0, 1))  # to batch first, and back

    xs = jnp.asarray(flip(tensors["X"]))
    lengths = None if tensors["sequence_lens"] is None else jnp.asarray(tensors["sequence_lens"])
    starts = [None if tensors[name] is None else flip(tensors[name]) for name in ("initial_h", "initial_c")]
    backward = {b"forward": [False], b"reverse": [True], b"bidirectional": [False, True]}
    ys, carries = [], []
    for place, reverse in enumerate(backward[attributes.get("direction", b"forward")]):
        cell = the_cell(node.op_type, tensors, attributes, place)
        h, c = (jnp.zeros((len(xs), cell.hidden_size)) if s is None else jnp.asarray(s[:, place]) for s in starts)
        start = type(cell.init_carry())(h, c) if node.op_type == "LSTM" else h
        last, result = unroll(cell, xs, start, lengths=lengths, reverse=reverse)
        ys.append(result)
        carries.append(last if node.op_type == "LSTM" else (last,))
    Y = np.stack(ys, 2)  # batch, time, direction, hidden
    states = [flip(np.stack(parts, 1)) for parts in zip(*carries, strict=True)]
    outputs = [Y if batch_first else Y.transpose(1, 2, 0, 3), *states]
    return {name: value for name, value in zip(node.output, outputs, strict=False) if name}


def test_the_list_is_onnxs():
    assert sorted(cases()) == CASES


@pytest.mark.parametrize("name", CASES)
def test_node(name):
    case = cases()[name]
    assert case.data_sets
    for arrays, expected in case.data_sets:
        result = run_node(case.model, arrays)
        for value, answer in zip(case.model.graph.output, expected, strict=True):
            assert result[value.name].shape == answer.shape
            np.testing.assert_allclose(result[value.name], answer, RELATIVE, ABSOLUTE, err_msg=value.name)
