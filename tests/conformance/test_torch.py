"""Elman, GRU and LSTM against PyTorch's layers: the same weights, outputs, last states and gradients."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.recurrence import unroll
from tests.conformance.peers import peer

BATCH, TIME, INPUT, HIDDEN = 3, 11, 5, 8
TOLERANCE = dict(rtol=1e-4, atol=1e-5)  # torch.testing's for float32: rtol 1.3e-6, atol 1e-5 per operation


def torch_layer(torch, cell):
    """PyTorch's layer with the weights of `cell`: transposed, and with a second bias that only the GRU needs."""
    kind = {Elman: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}[type(cell)]
    options = {"nonlinearity": cell.activation} if isinstance(cell, Elman) else {}
    layer = kind(INPUT, HIDDEN, batch_first=True, **options)
    second = np.zeros(cell.bias.shape, np.float32)
    if isinstance(cell, GRU):
        second[2 * HIDDEN :] = cell.recurrent_bias
    weights = {
        "weight_ih_l0": np.asarray(cell.kernel).T,
        "weight_hh_l0": np.asarray(cell.recurrent_kernel).T,
        "bias_ih_l0": np.asarray(cell.bias),
        "bias_hh_l0": second,
    }
    layer.load_state_dict({name: torch.tensor(np.array(value)) for name, value in weights.items()})
    return layer


@pytest.mark.parametrize("engine", ["scan", "fused"])
@pytest.mark.parametrize("kind", [Elman, GRU, LSTM, lambda *a, key: Elman(*a, activation="relu", key=key)])
def test_outputs_states_and_gradients_are_pytorchs(kind, engine):
    torch = peer("torch")
    cell = jax.tree.map(lambda w: w + 0.2 * jr.normal(jr.key(w.size), w.shape), kind(INPUT, HIDDEN, key=jr.key(0)))
    xs = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT)).astype(np.float32)
    weigh = np.random.default_rng(1).normal(size=(BATCH, TIME, HIDDEN)).astype(np.float32)

    layer = torch_layer(torch, cell)
    inputs = torch.tensor(xs, requires_grad=True)
    expected, state = layer(inputs)
    state = state if isinstance(state, tuple) else (state,)
    loss = (expected * torch.tensor(weigh)).sum() + sum((s**2).sum() for s in state)
    loss.backward()

    def elman_loss(cell, xs):
        carry, ys = unroll(cell, xs, engine=engine)
        return jnp.sum(ys * weigh) + sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(carry)), (carry, ys)

    (d_cell, d_xs), (carry, ys) = jax.grad(elman_loss, argnums=(0, 1), has_aux=True)(cell, jnp.asarray(xs))
    np.testing.assert_allclose(ys, expected.detach(), **TOLERANCE)
    for ours, theirs in zip(jax.tree.leaves(carry), state, strict=True):
        np.testing.assert_allclose(ours, theirs.detach()[0], **TOLERANCE)
    np.testing.assert_allclose(d_xs, inputs.grad, **TOLERANCE)
    np.testing.assert_allclose(d_cell.kernel, layer.weight_ih_l0.grad.T, **TOLERANCE)
    np.testing.assert_allclose(d_cell.recurrent_kernel, layer.weight_hh_l0.grad.T, **TOLERANCE)
    np.testing.assert_allclose(d_cell.bias, layer.bias_ih_l0.grad, **TOLERANCE)
    if isinstance(cell, GRU):
        np.testing.assert_allclose(d_cell.recurrent_bias, layer.bias_hh_l0.grad[2 * HIDDEN :], **TOLERANCE)
