"""Elman, GRU and LSTM against PyTorch: the inputs with which it tests its own recurrent modules, and ours beside them.

Compared are outputs, last states, and the gradients of inputs, first states and every weight.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.interop import gates
from elman.recurrence import engine_for, unroll
from tests.conformance.peers import cell_class, peer

TOLERANCE: dict[str, dict[str, Any]] = {
    "float32": dict(rtol=1.3e-6, atol=1e-5),
    "float64": dict(rtol=1e-7, atol=1e-7),
}  # torch.testing's own

FAMILIES = ["RNN", "GRU", "LSTM"]

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's test package warns as it is imported


# PyTorch's weights and states in elman's form


def cell_of(module, suffix=""):
    """The cell with those weights of `module`, a layer or one of PyTorch's cells, whose names end in `suffix`."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    result = [getattr(module, name + suffix, None) for name in names]
    *result, projection = [None if array is None else array.detach().numpy() for array in result]
    family = type(module).__name__.removesuffix("Cell")
    result = gates.from_torch_arrays(*result)
    if projection is not None:
        projected = functools.partial(cell_class("ProjectedLSTM"), memory_size=module.hidden_size)
        return gates.cell_with(projected, result, projection=projection.T)
    if family == "RNN":
        return gates.cell_with(functools.partial(Elman, activation=module.nonlinearity), result)
    return gates.cell_with({"GRU": GRU, "LSTM": LSTM}[family], result)


def suffixes(module):
    """The names of its weights: a list a layer, an entry a direction."""
    directions = ("", "_reverse") if module.bidirectional else ("",)
    return [[f"_l{layer}{direction}" for direction in directions] for layer in range(module.num_layers)]


def carry_of(cell, hx):
    """The carry whose parts are `hx`, (h,) or (h, c)."""
    return jax.tree.structure(cell.init_carry()).unflatten(hx)


def torch_gradients(d_cell):
    """By PyTorch's names; a sum of two biases gives both the same gradient."""
    second = d_cell.bias
    if isinstance(d_cell, GRU):
        second = jnp.concatenate([second[: -d_cell.hidden_size], d_cell.recurrent_bias])
    result = {"weight_ih": d_cell.kernel.T, "weight_hh": d_cell.recurrent_kernel.T}
    result |= {"bias_ih": d_cell.bias, "bias_hh": second}
    return result | ({"weight_hr": d_cell.projection.T} if hasattr(d_cell, "projection") else {})


# Both sides: outputs, last states, and the gradients of a loss in which every number has a weight of its own


def weigh(shape):
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)


def elman_loss(cells, xs, hx, lengths):
    """Layers of one or two directions; hx has a row a layer and direction. The loss, and outputs with states."""
    row, lasts = 0, []
    for layer in cells:
        both = []
        for place, cell in enumerate(layer):
            carry = carry_of(cell, [h[row] for h in hx])
            both.append(unroll(cell, xs, carry, lengths=lengths, reverse=place == 1))
            row += 1
        xs = jnp.concatenate([ys for _, ys in both], -1)
        lasts += [jax.tree.leaves(carry) for carry, _ in both]
    result = (xs, *(jnp.stack(parts) for parts in zip(*lasts, strict=True)))
    return sum(jnp.sum(a * weigh(a.shape).astype(a.dtype)) for a in result), result


elman_side = jax.jit(jax.grad(elman_loss, argnums=(0, 1, 2), has_aux=True))


def torch_side(torch, module, xs, hx, lengths, *, batched):
    """The same of PyTorch's module, all arrays batch first. `batched` False is one sequence without a batch axis."""
    xs, hx = torch.tensor(xs, requires_grad=True), [torch.tensor(h, requires_grad=True) for h in hx]
    start = [h if batched else h[:, 0] for h in hx]
    start = tuple(start) if len(start) == 2 else start[0]
    if lengths is not None:
        pack, pad = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence
        packed = pack(xs, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        ys, last = module(packed, start)
        ys, _ = pad(ys, batch_first=True, total_length=xs.shape[1])
    elif not batched:
        ys, last = module(xs[0], start)
        ys = ys[None]
    else:
        flip = (lambda a: a) if module.batch_first else (lambda a: a.transpose(0, 1))
        ys, last = module(flip(xs), start)
        ys = flip(ys)
    last = last if isinstance(last, tuple) else (last,)
    result = (ys, *(h if batched else h[:, None] for h in last))
    loss = sum((a * torch.tensor(weigh(tuple(a.shape))).to(a.dtype)).sum() for a in result)
    names = [name for name, _ in module.named_parameters()]
    d_xs, *rest = torch.autograd.grad(loss, [xs, *hx, *module.parameters()])
    return [a.detach() for a in result], d_xs, rest[: len(hx)], dict(zip(names, rest[len(hx) :], strict=True))


def compare(torch, module, xs, hx=None, lengths=None, *, batched=True):
    """Runs both; `hx` None starts from zeros."""
    if hx is None:
        rows = module.num_layers * (1 + module.bidirectional)
        widths = [getattr(module, "proj_size", 0) or module.hidden_size, module.hidden_size]
        hx = [np.zeros((rows, len(xs), width), xs.dtype) for width in widths[: 1 + isinstance(module, torch.nn.LSTM)]]
    with jax.enable_x64(xs.dtype == np.float64):
        cells = [[cell_of(module, suffix) for suffix in layer] for layer in suffixes(module)]
        ours = elman_side(cells, jnp.asarray(xs), [jnp.asarray(h) for h in hx], lengths)
    (d_cells, d_xs, d_hx), result = ours
    theirs, their_d_xs, their_d_hx, d_weights = torch_side(torch, module, xs, hx, lengths, batched=batched)

    native = all(engine_for(cell, masked=True)[0] == "native" for layer in cells for cell in layer)

    def same(ours, theirs, err_msg):
        rtol, atol = TOLERANCE[str(xs.dtype)].values()
        if xs.dtype == np.float32 and not native:  # sigmoid by tanh is right to the rounding of 1, not of a small gate
            rtol, atol = 0, atol + rtol * float(np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=err_msg)

    for name, a, b in zip(("outputs", "h", "c"), result, theirs, strict=False):
        same(a, b, err_msg=f"{name} of {module}")
    for name, a, b in zip(("inputs", "h", "c"), (d_xs, *d_hx), (their_d_xs, *their_d_hx), strict=False):
        same(a, b, err_msg=f"gradient by {name} of {module}")
    our_weights = {
        name + suffix: array
        for layer, d_layer in zip(suffixes(module), d_cells, strict=True)
        for suffix, d_cell in zip(layer, d_layer, strict=True)
        for name, array in torch_gradients(d_cell).items()
    }
    for name, gradient in d_weights.items():
        same(our_weights[name], gradient, err_msg=f"gradient by {name} of {module}")


# PyTorch's cases


def module_inputs(torch, name, dtype, **options):
    common = peer("torch.testing._internal.common_modules")
    torch.manual_seed(0)
    info = next(info for info in common.module_db if info.module_cls is getattr(torch.nn, name))
    options = dict(device="cpu", dtype=getattr(torch, dtype), requires_grad=False, training=True, **options)
    for sample in info.module_inputs_func(info, **options):
        constructed = sample.constructor_input
        yield (
            getattr(torch.nn, name)(*constructed.args, **constructed.kwargs).to(options["dtype"]),
            sample.forward_input,
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("family", FAMILIES)
def test_pytorchs_module_inputs(family, dtype):
    torch = peer("torch")
    count = 0
    packed = {} if family == "LSTM" else {"with_packed_sequence": True}
    for module, forward in module_inputs(torch, family, dtype, **packed):
        x, *hx = forward.args
        lengths, batched = None, isinstance(x, torch.nn.utils.rnn.PackedSequence)
        if batched:
            x, lengths = torch.nn.utils.rnn.pad_packed_sequence(x, batch_first=True)
            lengths = lengths.numpy()
        xs = x.detach().numpy()
        hx = hx[0] if hx and isinstance(hx[0], tuple) else hx
        hx = [h.numpy()[:, None] for h in hx] or None
        compare(torch, module, xs if batched else xs[None], hx, lengths, batched=batched)
        count += 1
    assert count == {"RNN": 64, "GRU": 32, "LSTM": 32}[family]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("family", FAMILIES)
def test_pytorchs_cell_inputs(family, dtype):
    torch = peer("torch")
    for module, forward in module_inputs(torch, family + "Cell", dtype):
        x, hx = forward.args
        expected = module(x, hx)
        expected = expected if isinstance(expected, tuple) else (expected,)
        with jax.enable_x64(dtype == "float64"):
            cell = cell_of(module)
            hx = [jnp.asarray(h.numpy())[None] for h in (hx if isinstance(hx, tuple) else (hx,))]
            carry, _ = unroll(cell, jnp.asarray(x.numpy())[None, None], carry_of(cell, hx))
        for a, b in zip(jax.tree.leaves(carry), expected, strict=True):
            np.testing.assert_allclose(a[0], b.detach(), **TOLERANCE[dtype])


# Ours: longer and wider than PyTorch's, ragged and unsorted


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("RNN", dict(num_layers=1)),
        ("RNN", dict(num_layers=2, nonlinearity="relu", bidirectional=True)),
        ("GRU", dict(num_layers=1)),
        ("GRU", dict(num_layers=2, bidirectional=True)),
        ("LSTM", dict(num_layers=1)),
        ("LSTM", dict(num_layers=2, bidirectional=True)),
        ("LSTM", dict(num_layers=2, bidirectional=True, proj_size=5)),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{k}={v}" for k, v in value.items()),
)
def test_batches_ragged_or_not(family, options, dtype):
    torch = peer("torch")
    torch.manual_seed(0)
    module = getattr(torch.nn, family)(5, 8, batch_first=True, **options).to(getattr(torch, dtype))
    xs = np.random.default_rng(0).normal(size=(4, 11, 5)).astype(dtype)
    compare(torch, module, xs)
    compare(torch, module, xs, lengths=np.array([3, 11, 1, 7]))
