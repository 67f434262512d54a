"""Networks from and to PyTorch: its outputs and states, and every module as people write it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LearnedStart, ProjectedLSTM, Zoneout
from elman.interop.pytorch import from_torch, to_torch
from elman.layers import Bidirectional, Stack
from elman.layers.chain import Chain
from elman.layers.pooling import AttentionPooling
from elman.tasks.language_modelling.model import LanguageModel
from tests.interop.models import HIDDEN, SIZE, VOCAB, by_steps, classifier, ids, language_model, one_number, seeded

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:LSTM with projections")]
CLOSE: dict[str, Any] = dict(rtol=0, atol=1e-5)


def test_a_language_model_of_time_first_with_its_state():
    torch = seeded()
    module, lines = language_model(torch), []
    chain = from_torch(module, show=lines.append)
    names = ("drop", "encoder", "drop.2", "rnn.l0", "rnn.dropout0", "rnn", "drop.3", "decoder", "decoder.log_softmax")
    assert set(chain.names) <= set(names)
    assert [line.split()[0] for line in lines] == ["Model", "encoder", "rnn", "decoder", "outputs"]
    tokens = ids()
    carry, first = chain(jnp.asarray(tokens[:, :2]))
    _, rest = chain(jnp.asarray(tokens[:, 2:]), carry)
    hidden = tuple(torch.zeros(2, 2, HIDDEN) for _ in "hc")
    with torch.no_grad():
        theirs = module.eval()(torch.tensor(tokens.T), hidden)[0].reshape(6, 2, VOCAB).transpose(0, 1)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), theirs, **CLOSE)
    module = to_torch(chain)
    outputs, state = module(torch.tensor(tokens[:, :2]))
    again, _ = module(torch.tensor(tokens[:, 2:]), state=state)
    np.testing.assert_allclose(torch.cat([outputs, again], 1).detach(), theirs, **CLOSE)


@pytest.mark.parametrize("make", [classifier, by_steps, one_number], ids=lambda make: make.__name__)
def test_modules_with_code_between_their_layers(make):
    torch = seeded()
    module = make(torch)
    chain = from_torch(module)
    xs = ids() if make is classifier else np.random.default_rng(1).normal(size=(2, 6, 3)).astype(np.float32)
    with torch.no_grad():
        theirs = module(torch.tensor(xs))
    ours = np.asarray(chain(xs)[1])
    np.testing.assert_allclose(ours[:, 0] if make is one_number else ours, theirs, **CLOSE)
    assert module.training


def test_what_elman_cannot_take_is_named_with_its_path():
    torch = seeded()
    nn = torch.nn
    with pytest.raises(elman.ConversionError, match=r"^1\.0: Conv1d\(.* is no layer .*TimeConvolution"):
        from_torch(nn.Sequential(nn.Linear(3, 7), nn.Sequential(nn.Conv1d(7, 2, 1))), call=lambda m, xs: m(xs))

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, xs):
            return self.b(torch.sin(self.a(xs)))

    with pytest.raises(elman.ConversionError, match="between a, of shape .* and b"):
        from_torch(Odd())


def test_a_difference_is_an_error():
    torch = seeded()

    class Sly(torch.nn.Linear):
        def forward(self, xs):
            return super().forward(xs) + (0.001 if xs.shape[0] > 3 else 0)

    with pytest.raises(elman.ConversionError, match="0 differs by .*; nothing was written"):
        from_torch(torch.nn.Sequential(Sly(3, 2)))


@pytest.mark.parametrize("case", ["language model", "stack", "attention"])
def test_networks_of_elman(case):
    seeded()
    keys = jax.random.split(jax.random.key(0), 4)
    if case == "language model":
        network = LanguageModel(
            lambda *sizes, key: LearnedStart(GRU(*sizes, key=key)), vocab=VOCAB, embedding_size=SIZE, hidden_size=SIZE,
            num_layers=2, layer_norm=True, residual=True, tied=True, key=keys[0],
        )  # fmt: skip
        network = jax.tree.map(lambda a: a + 0.1 * jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), network)
        module = to_torch(network)
        assert module.head.weight is module.embedding.weight
        return
    if case == "stack":
        cells = Elman(3, 4, activation="relu", key=keys[0]), ProjectedLSTM(4, 2, memory_size=5, key=keys[1])
        network = Stack((*cells, Bidirectional(LSTM(2, 3, key=keys[2]), LSTM(2, 3, key=keys[3]))))
    else:
        network = Chain({"read": GRU(3, 4, key=keys[0]), "pool": AttentionPooling(4, key=keys[1])})
    to_torch(network)
    with pytest.raises(elman.ConversionError, match="^cell: PyTorch has no Zoneout .*ONNX takes any"):
        to_torch(Zoneout(GRU(3, 4, key=keys[0]), rate=0.1))
