"""Networks of PyTorch whose layers are in no row: their export runs without elman, and learns."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import elman
from elman.cells import LRU, RGLRU, Elman, PeepholeLSTM, ResetBeforeGRU
from elman.interop import to_torch
from elman.layers.graph import named_leaves, random_inputs
from elman.tasks.language_modelling.model import LanguageModel
from tests.conformance.peers import peer

# Any length of an axis is a symbol while a network is traced, which no check of shapes knows.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unchecked"), pytest.mark.filterwarnings("ignore")]
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
SIZES = [{"batch": 4, "time": 7}, {"batch": 1, "time": 1}, {"batch": 2, "time": 12}]
OTHERS = {"spelling": 6, "letter": 5, "piece": 3}

ALONE = """
import sys
sys.modules.update(elman=None, jax=None, onnx=None)
sys.path.insert(0, "out")
import torch
from network import load

network = load("out")
for function, inputs, state, outputs, after in torch.load("cases.pt", weights_only=True):
    ours, next_state = network(function=function, state=state, **inputs)
    assert ours.keys() == outputs.keys() and next_state.keys() == after.keys()
    for mine, theirs in ((ours, outputs), (next_state, after)):
        for name in theirs:
            torch.testing.assert_close(mine[name], theirs[name], rtol=0, atol=1e-5)
    optimiser, losses = torch.optim.SGD(network.parameters(), 0.01), []
    for _ in range(2):
        outputs = network(function=function, state=state, **inputs)[0]
        losses.append(sum(each.square().mean() for each in outputs.values()))
        optimiser.zero_grad()
        losses[-1].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimiser.step()
    assert losses[1] < losses[0], (function, losses)
    trained = sum(each.grad is not None and bool(each.grad.any()) for each in network.parameters())
    assert trained > 3, trained
    network = load("out")
"""


def side_of_elman(fitted):
    """The functions of a model at several sizes: inputs, and what elman makes of them, as tensors."""
    torch = peer("torch")

    def tensors(named):
        return {name: torch.tensor(np.asarray(value)) for name, value in named}

    cases = []
    for function, graph in fitted.model.graphs().items():
        for seed, sizes in enumerate(SIZES):
            inputs, state = random_inputs(graph, OTHERS | sizes, seed=seed), graph.start(sizes["batch"])
            with jax.default_matmul_precision("highest"):
                after, outputs = graph.function(state, **{name: jnp.asarray(value) for name, value in inputs.items()})
            given = None if seed else tensors(named_leaves(state))  # without a state it is that of the start
            cases.append(
                (function, tensors(inputs.items()), given, tensors(outputs.items()), tensors(named_leaves(after)))
            )
    return cases


@pytest.mark.parametrize(
    "name", ["tagging", "ecg", "ecg-causal", "seq2seq", "forecasting", "forecasting-autoregressive"]
)  # fmt: skip
def test_an_export_runs_alone_and_learns(tmp_path, name):
    torch = peer("torch")
    peer("onnx")
    fitted, lines = elman.load(ARTEFACTS / name / "model"), []
    files = elman.interop.export(fitted, tmp_path / "out", to="pytorch", show=lines.append)
    assert files == ["network.py", "network.json", "weights.pt", "codec.json"]
    assert lines[0].startswith("PyTorch beside elman")
    torch.save(side_of_elman(fitted), tmp_path / "cases.pt")
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def language_model(kind):
    return LanguageModel(kind, vocab=7, embedding_size=4, hidden_size=4, num_layers=1, key=jax.random.key(0))


@pytest.mark.parametrize("kind", [PeepholeLSTM, ResetBeforeGRU, RGLRU], ids=lambda kind: kind.__name__)
def test_cells_that_pytorch_lacks_are_loops_that_learn(kind):
    peer("onnx")
    torch = peer("torch")
    model = language_model(kind)
    module, tokens = to_torch(model), torch.tensor([[1, 2, 3], [4, 5, 0]])
    outputs, state = module(tokens=tokens, lengths=torch.tensor([3, 1]))
    again, _ = module(tokens=tokens[:1], lengths=torch.tensor([3]), state={n: part[:1] for n, part in state.items()})
    carry, expected = model(jnp.asarray(tokens), model.init_carry(2), lengths=jnp.array([3, 1]))
    np.testing.assert_allclose(outputs["logits"].detach(), expected, atol=1e-5)
    _, expected = model(jnp.asarray(tokens[:1]), jax.tree.map(lambda part: part[:1], carry))
    np.testing.assert_allclose(again["logits"].detach(), expected, atol=1e-5)
    again["logits"].square().sum().backward()
    assert all(each.grad is not None for each in module.parameters())


def test_a_simple_cell_in_a_graph_is_a_layer_of_pytorch():
    peer("onnx")
    peer("torch")
    from elman.interop.torch_graph import torch_graphs

    module = torch_graphs(language_model(lambda *sizes, key: Elman(*sizes, activation="relu", key=key)))
    assert module.config["recurrent"]["layers_cells_0"]["nonlinearity"] == "relu"


def test_a_cell_of_complex_numbers_is_refused():
    peer("onnx")
    peer("torch")
    with pytest.raises(elman.ConversionError, match=r"complex64: .*; RGLRU and MinGRU are like it"):
        to_torch(language_model(LRU))
