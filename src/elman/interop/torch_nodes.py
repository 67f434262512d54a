"""A network of PyTorch from graphs of operations. This file needs PyTorch alone: an export holds a copy of it.

network = load("folder of the export")
outputs, state = network(values=values, lengths=lengths)           # dicts of tensors by name
outputs, state = network(values=more, lengths=lengths, state=state)  # goes on from there
outputs, state = network(function="encoder", sources=sources, lengths=lengths)

`network.json` has each function of the network: its inputs, its nodes in their order (operations are ONNX's) and its
outputs. Recurrences are PyTorch's RNN, GRU and LSTM; those of other cells are a loop over time.
"""

import json
from functools import reduce
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Recurrent(nn.Module):
    """One layer of RNN, GRU or LSTM in one direction, time first."""

    def __init__(self, cell, **options):
        super().__init__()
        self.rnn = getattr(nn, cell)(**options)

    def forward(self, xs, lengths, *state, reverse=False):
        """The outputs, and the parts of the last state, each of one direction."""
        time, batch = xs.shape[:2]
        counts = torch.full((batch,), time) if lengths is None else lengths.long().cpu()
        places = reversed_places(time, counts).to(xs.device) if reverse else None
        packed = pack_padded_sequence(turn(xs, places), counts, enforce_sorted=False)
        state = tuple(part.contiguous() for part in state)
        ys, last = self.rnn(packed, state if isinstance(self.rnn, nn.LSTM) else state[0])
        ys, _ = pad_packed_sequence(ys, total_length=time)
        return [turn(ys, places)[:, None], *(last if isinstance(last, tuple) else (last,))]


def reversed_places(time, lengths):
    """(time, batch): the steps of each sequence from its end; padding stays where it is."""
    steps = torch.arange(time)[:, None]
    return torch.where(steps < lengths, lengths - 1 - steps, steps)


def turn(xs, places):
    """The steps of sequences (time, batch, feature) in the order of `places`."""
    return xs if places is None else xs.gather(0, places[..., None].expand(xs.shape))


def divide(a, b):
    """A quotient; of whole numbers the whole one."""
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def take_slice(xs, first, last, axes, steps=None):
    """A part of every axis in `axes`; steps of -1 turn the axis round."""
    steps = [1] * len(axes) if steps is None else steps.tolist()
    for axis, start, end, step in zip(axes.tolist(), first.tolist(), last.tolist(), steps, strict=True):
        xs = xs.flip(axis) if step == -1 else xs[(slice(None),) * axis + (slice(start, end, step),)]
    return xs


def gather_rows(xs, places, batch_dims=0):
    """x[b, ..., places]: rows by their numbers, whose first axes both share."""
    shared = xs.shape[:batch_dims]
    rank = places.ndim - 1
    batch = [torch.arange(n, device=xs.device).view(-1, *[1] * (rank - axis - 1)) for axis, n in enumerate(shared)]
    return xs[(*batch, *places.unbind(-1))]


def pad(xs, amounts, value=0):
    """Numbers before and after each axis."""
    low, high = amounts.view(2, -1).tolist()
    pairs = [amount for ends in zip(reversed(low), reversed(high), strict=True) for amount in ends]
    return F.pad(xs, pairs, value=float(value)) if any(pairs) else xs


def convolve(xs, kernel, strides, pads, dilations, group):
    """A convolution over the axes behind the second."""
    rank = len(strides)
    pairs = [amount for ends in zip(reversed(pads[:rank]), reversed(pads[rank:]), strict=True) for amount in ends]
    function = {1: F.conv1d, 2: F.conv2d}[rank]
    return function(F.pad(xs, pairs), kernel, stride=strides, dilation=dilations, groups=group)


def sum_along(xs, axis, reverse=0):
    """Sums of all before an element and itself, or of all after it."""
    axis = int(axis)
    return xs.flip(axis).cumsum(axis).flip(axis) if reverse else xs.cumsum(axis)


def squeeze(xs, axes):
    """Without the axes, which have one element."""
    for axis in sorted(axes.tolist(), reverse=True):
        xs = xs.squeeze(axis)
    return xs


def unsqueeze(xs, axes):
    """With axes of one element at these places of the result."""
    for axis in sorted(axes.tolist()):
        xs = xs.unsqueeze(axis)
    return xs


def product(xs, axes):
    """The product over the axes."""
    return reduce(lambda ys, axis: ys.prod(axis), sorted(axes.tolist(), reverse=True), xs)


OPERATIONS = {
    "Abs": torch.abs,
    "Add": torch.add,
    "And": torch.logical_and,
    "ArgMax": lambda xs, axis: xs.argmax(axis),
    "ArgMin": lambda xs, axis: xs.argmin(axis),
    "Cast": lambda xs, to: xs.to(getattr(torch, to)),
    "Ceil": torch.ceil,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Conv": convolve,
    "Cos": torch.cos,
    "CumSum": sum_along,
    "Div": divide,
    "Einsum": lambda *parts, equation: torch.einsum(equation, *parts),
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Expand": lambda xs, shape: xs.expand(shape.tolist()),
    "Floor": torch.floor,
    "Gather": lambda xs, places: xs[places],
    "GatherND": gather_rows,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Identity": lambda xs: xs,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Log": torch.log,
    "MatMul": torch.matmul,
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Mod": lambda a, b, fmod=0: torch.fmod(a, b) if fmod else torch.remainder(a, b),
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Or": torch.logical_or,
    "Pad": pad,
    "Pow": torch.pow,
    "Range": lambda first, last, step: torch.arange(int(first), int(last), int(step), device=first.device),
    "Reciprocal": torch.reciprocal,
    "ReduceMax": lambda xs, axes: xs.amax(axes.tolist()),
    "ReduceMin": lambda xs, axes: xs.amin(axes.tolist()),
    "ReduceProd": product,
    "ReduceSum": lambda xs, axes: xs.sum(axes.tolist(), dtype=xs.dtype),
    "Reshape": lambda xs, shape: xs.reshape(shape.tolist()),
    "Shape": lambda xs: torch.tensor(xs.shape, device=xs.device),
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Slice": take_slice,
    "Split": lambda xs, sizes, axis: xs.split(sizes.tolist(), axis),
    "Sqrt": torch.sqrt,
    "Squeeze": squeeze,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Transpose": lambda xs, perm: xs.permute(perm),
    "Unsqueeze": unsqueeze,
    "Where": torch.where,
    "Xor": torch.logical_xor,
}


class Network(nn.Module):
    """The functions of a network, with weights that they share."""

    def __init__(self, functions, recurrent, weights, constants):
        super().__init__()
        self.config = {"functions": functions, "recurrent": recurrent, "weights": weights, "constants": constants}
        self.recurrent = nn.ModuleDict({name: Recurrent(**options) for name, options in recurrent.items()})
        self.weights = nn.ParameterDict({key(name): torch.zeros(shape) for name, shape in weights.items()})
        self.constants = nn.Module()
        for name, (kind, shape) in constants.items():
            self.constants.register_buffer(key(name), torch.zeros(shape, dtype=getattr(torch, kind)))

    def forward(self, *, function="model", state=None, **inputs):
        """The outputs, and the state after them, of one of the functions."""
        values = self.run(function, inputs, state)
        graph = self.config["functions"][function]
        outputs = {name: values[name] for name in graph["outputs"]}
        return outputs, {name: values[f"next.{name}"] for name in graph["start"]}

    def run(self, function, inputs, state=None):
        """Every value of a function by its name."""
        if function not in self.config["functions"]:
            raise ValueError(f"function: expected {' or '.join(self.config['functions'])}; got {function}")
        graph = self.config["functions"][function]
        if set(inputs) != set(graph["inputs"]):
            raise ValueError(f"expected the inputs {', '.join(graph['inputs'])}; got {', '.join(inputs)}")
        values = {name: tensor.to(getattr(torch, graph["inputs"][name])) for name, tensor in inputs.items()}
        for name, start in graph["start"].items():
            first = self.known(start) if state is None else state[name]
            batch = len(inputs[graph["batch"]])
            values[f"state.{name}"] = first.expand(batch, *first.shape[1:])
        return self.follow(graph["nodes"], values)

    def known(self, name):
        """A weight or a constant."""
        return self.weights[key(name)] if key(name) in self.weights else getattr(self.constants, key(name))

    def follow(self, nodes, values):
        """Computes the nodes in their order; returns all values by name."""

        def value_of(name):
            return None if not name else values[name] if name in values else self.known(name)

        for kind, inputs, outputs, options in nodes:
            arguments = [value_of(name) for name in inputs]
            if kind == "Recurrent":
                result = self.recurrent[options["layer"]](*arguments, reverse=options["reverse"])
            elif kind == "Scan":
                result = self.scan(arguments, values, **options)
            else:
                result = OPERATIONS[kind](*arguments, **options)
            results = result if isinstance(result, list | tuple) else [result]
            values.update(zip(outputs, results, strict=True))
        return values

    def scan(self, arguments, values, nodes, inputs, outputs, scanned, reverse):
        """A loop over time: `nodes` make the next state and an output from the state and a step of `scanned` inputs."""
        count = len(arguments) - scanned
        state, sequences = arguments[:count], arguments[count:]
        steps = range(len(sequences[0]))
        ys = []
        for step in reversed(steps) if reverse else steps:
            given = [*state, *(sequence[step] for sequence in sequences)]
            after = self.follow(nodes, {**values, **dict(zip(inputs, given, strict=True))})
            *state, y = (after[name] for name in outputs)
            ys.append(y)
        return [*state, torch.stack(ys[::-1] if reverse else ys)]


def key(name):
    """The name of a weight: PyTorch allows no point in it."""
    return name.replace(".", "_")


def load(folder):
    """The network of an exported folder, as a trained network computes."""
    folder = Path(folder)
    network = Network(**json.loads((folder / "network.json").read_text()))
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return network.eval()
