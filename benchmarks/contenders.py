"""One recurrent layer as each library runs it: each maker gives a function that runs it once, waits, and returns the
outputs in the library's own layout.
"""

import os
from functools import partial
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "jax"
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
import peer_weights as weights

FAMILIES = {"Elman": "RNN", "GRU": "GRU", "LSTM": "LSTM"}
THREADS = os.cpu_count()


def noisy(wrapper):
    """An LSTM in a wrapper with noise, as in training."""
    return lambda *sizes, key: wrapper(elman.LSTM(*sizes, key=key), rate=0.1).sample(key)


OTHERS = {  # without peers: each is timed beside its scan
    "ResetBeforeGRU": elman.ResetBeforeGRU,
    "PeepholeLSTM": elman.PeepholeLSTM,
    "ProjectedLSTM": elman.ProjectedLSTM,
    "SLSTM": elman.SLSTM,
    "MinGRU": elman.MinGRU,
    "MinLSTM": elman.MinLSTM,
    "LRU": elman.LRU,
    "RGLRU": elman.RGLRU,
    "Normalised(LSTM)": lambda *sizes, key: elman.Normalised(elman.LSTM(*sizes, key=key)),
    "Zoneout(LSTM)": noisy(elman.Zoneout),
    "RecurrentDropout(LSTM)": noisy(elman.RecurrentDropout),
}


class Case(NamedTuple):
    """A layer to run; arrays are batch first. `pull` is the gradient that comes from above."""

    cell: str
    weights: Any  # of one of the families, as all libraries take them; of one of the others the cell itself
    xs: np.ndarray
    pull: np.ndarray
    lengths: np.ndarray | None
    training: bool


def make_case(cell, shape, *, training, ragged=False):
    time, batch, inputs, hidden = shape
    rng = np.random.default_rng(0)
    xs, pull = (rng.normal(size=(batch, time, size)).astype(np.float32) for size in (inputs, hidden))
    lengths = rng.permutation(np.linspace(1, time, batch).round().astype(np.int32)) if ragged else None
    if cell in OTHERS:
        return Case(cell, OTHERS[cell](inputs, hidden, key=jax.random.key(0)), xs, pull, lengths, training)
    return Case(cell, weights.random_weights(FAMILIES[cell], inputs, hidden), xs, pull, lengths, training)


def operations(case):
    """The operations of the products alone: 2 a weight and step forward, twice that again for the gradients."""
    inputs, gates = case.weights.kernel.shape
    steps = case.xs.shape[0] * case.xs.shape[1] if case.lengths is None else int(case.lengths.sum())
    return (6 if case.training else 2) * steps * (inputs + len(case.weights.recurrent_kernel)) * gates


def jax_call(layer, parameters, xs, pull, *, training):
    def train(parameters, xs, pull):
        ys, back = jax.vjp(layer, parameters, xs)
        return ys, back(pull)

    run = jax.jit(train if training else lambda parameters, xs, pull: (layer(parameters, xs),))
    arguments = jax.device_put((parameters, xs, pull))
    return lambda: jax.block_until_ready(run(*arguments))[0]


def elman_call(case, engine="auto"):
    cell = case.weights
    if case.cell in FAMILIES:
        cell = weights.cell_with(getattr(elman, case.cell), case.weights)
    learned, rest = eqx.partition(cell, eqx.is_inexact_array)
    lengths = None if case.lengths is None else jnp.asarray(case.lengths)

    def layer(learned, xs):
        return elman.unroll(eqx.combine(learned, rest), xs, lengths=lengths, engine=engine)[1]

    return jax_call(layer, learned, case.xs, case.pull, training=case.training)


def plain_step(cell, U, second, carry, a):
    """One step for a batch: `a` is the part of the inputs, with their bias; `second` the bias beside U."""
    h, c = carry
    u = h @ U + second
    if cell == "Elman":
        return jnp.tanh(a + u), c
    if cell == "LSTM":
        i, f, g, o = jnp.split(a + u, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c
    (a_r, a_z, a_n), (u_r, u_z, u_n) = jnp.split(a, 3, axis=-1), jnp.split(u, 3, axis=-1)
    r, z = jax.nn.sigmoid(a_r + u_r), jax.nn.sigmoid(a_z + u_z)
    return (1 - z) * jnp.tanh(a_n + r * u_n) + z * h, c


def scan_call(case):
    """`jax.lax.scan` as a user writes it who knows to take the inputs' product out of the loop."""
    batch, time, _ = case.xs.shape
    real = None if case.lengths is None else jnp.arange(time)[:, None, None] < case.lengths[:, None]

    def layer(parameters, xs):
        W, U, bias, second = parameters
        if case.cell != "GRU":
            bias, second = bias + second, 0

        def step(carry, now):
            a, real = now
            new = plain_step(case.cell, U, second, carry, a)
            if real is None:
                return new, new[0]
            return tuple(jnp.where(real, n, old) for n, old in zip(new, carry, strict=True)), jnp.where(real, new[0], 0)

        zeros = jnp.zeros((batch, len(U)))
        return jax.lax.scan(step, (zeros, zeros), (xs @ W + bias, real))[1]

    flip = partial(np.swapaxes, axis1=0, axis2=1)
    return jax_call(layer, tuple(case.weights), flip(case.xs), flip(case.pull), training=case.training)


def torch_call(case):
    import torch

    torch.set_num_threads(THREADS)
    kind = {"RNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}[FAMILIES[case.cell]]
    layer = kind(case.xs.shape[-1], case.pull.shape[-1])
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), weights.to_torch(case.weights), strict=True):
            parameter.copy_(torch.tensor(value))
    xs, pull = (torch.tensor(a).transpose(0, 1).contiguous() for a in (case.xs, case.pull))
    xs.requires_grad_(case.training)
    lengths = None if case.lengths is None else torch.tensor(case.lengths, dtype=torch.int64)

    def forward():
        if lengths is None:
            return layer(xs)[0]
        ys, _ = layer(torch.nn.utils.rnn.pack_padded_sequence(xs, lengths, enforce_sorted=False))
        return torch.nn.utils.rnn.pad_packed_sequence(ys, total_length=len(xs))[0]

    def call():
        with torch.set_grad_enabled(case.training):
            ys = forward()
        if case.training:
            torch.autograd.grad(ys, [xs, *layer.parameters()], pull)
        return ys.detach()

    return call


def keras_call(case):
    import keras

    options = {"return_sequences": True, "zero_output_for_mask": True}
    layer = getattr(keras.layers, {"Elman": "SimpleRNN"}.get(case.cell, case.cell))(case.pull.shape[-1], **options)
    layer.build(case.xs.shape)
    layer.set_weights(weights.to_keras(FAMILIES[case.cell], case.weights, two_biases=case.cell == "GRU"))
    mask = None if case.lengths is None else jnp.arange(case.xs.shape[1]) < case.lengths[:, None]
    others = [variable.value for variable in layer.non_trainable_variables]

    def run(variables, xs):
        return layer.stateless_call(variables, others, xs, mask=mask)[0]

    variables = [variable.value for variable in layer.trainable_variables]
    return jax_call(run, variables, case.xs, case.pull, training=case.training)


def onnxruntime_session(cell, case_weights, *, inputs=("X",), outputs=("Y",)):
    import onnx
    import onnxruntime

    family, names = FAMILIES[cell], ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c")
    constants = dict(zip(("W", "R", "B"), weights.to_onnx(family, case_weights), strict=True))
    options = {"linear_before_reset": 1} if family == "GRU" else {}
    places = [name if name in inputs or name in constants else "" for name in names][: 7 if family == "LSTM" else 6]
    results = [name if name in outputs else "" for name in ("Y", "Y_h", "Y_c")[: 3 if family == "LSTM" else 2]]
    node = onnx.helper.make_node(family, places, results, hidden_size=len(case_weights.recurrent_kernel), **options)

    def describe(name):
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * (4 if name == "Y" else 3))

    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = onnx.helper.make_graph([node], "layer", list(map(describe, inputs)), list(map(describe, outputs)), tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)], ir_version=10)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def onnxruntime_call(case):
    if case.training:
        return None  # it only infers
    session = onnxruntime_session(case.cell, case.weights)
    xs = np.ascontiguousarray(case.xs.swapaxes(0, 1))
    return lambda: session.run(["Y"], {"X": xs})[0][:, 0]


TIME_FIRST = ("torch", "scan", "onnxruntime")
MAKERS = {"torch": torch_call, "scan": scan_call, "keras": keras_call, "onnxruntime": onnxruntime_call}
