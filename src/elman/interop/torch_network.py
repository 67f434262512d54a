"""A network of PyTorch from a list of layers. This file needs PyTorch alone: an export holds a copy of it.

network = load("folder of the export")
outputs, state = network(inputs)                    # tokens (batch, time), or features (batch, time, feature)
outputs, state = network(more, state=state)         # goes on from there
outputs, state = network(inputs, lengths=lengths)   # sequences of several lengths, padded on the right
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "linear": nn.Identity,
    "log_softmax": lambda: nn.LogSoftmax(-1),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softmax": lambda: nn.Softmax(-1),
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


class Recurrent(nn.Module):
    """One layer of RNN, GRU or LSTM, in one direction or both. A state is a tuple of tensors of h, or of h and c, each
    (directions, batch, units)."""

    def __init__(self, cell, reverse=False, flipped=False, start=False, **options):
        super().__init__()
        self.rnn = getattr(nn, cell)(batch_first=True, **options)
        self.reverse, self.flipped = reverse, flipped
        self.start = None
        if start:
            widths = [self.rnn.proj_size or self.rnn.hidden_size, self.rnn.hidden_size][: 1 + (cell == "LSTM")]
            directions = 1 + self.rnn.bidirectional
            self.start = nn.ParameterList([torch.zeros(directions, width) for width in widths])

    def forward(self, xs, lengths, state):
        batch, time = xs.shape[:2]
        if state is None and self.start is not None:
            state = tuple(part[:, None].expand(-1, batch, -1) for part in self.start)
        if state is not None:
            state = tuple(part.contiguous() for part in state)
            state = state if isinstance(self.rnn, nn.LSTM) else state[0]
        counts = torch.full((batch,), time) if lengths is None else lengths
        if self.reverse:
            xs = reverse_sequences(xs, counts)
        packed = pack_padded_sequence(xs, counts.cpu(), batch_first=True, enforce_sorted=False)
        ys, state = self.rnn(packed, state)
        ys, _ = pad_packed_sequence(ys, batch_first=True, total_length=time)
        if self.reverse and not self.flipped:
            ys = reverse_sequences(ys, counts)
        return ys, state if isinstance(state, tuple) else (state,)


class Pooling(nn.Module):
    """One vector of each sequence: its end, its mean, its maximum, or a mean weighted by attention."""

    def __init__(self, how, forward_size=0, size=0):
        super().__init__()
        self.how, self.forward_size = how, forward_size
        if how == "attention":
            self.dense, self.query = nn.Linear(size, size), nn.Parameter(torch.zeros(size))

    def forward(self, ys, lengths):
        time = ys.shape[1]
        counts = torch.full((len(ys),), time) if lengths is None else lengths.cpu()
        real = (torch.arange(time) < counts[:, None])[..., None].to(ys.device)
        if self.how == "last":
            rows = torch.arange(len(ys))
            return torch.cat([ys[rows, counts - 1, : self.forward_size], ys[:, 0, self.forward_size :]], -1)
        if self.how == "max":
            return ys.masked_fill(~real, -torch.inf).max(1).values
        if self.how == "mean":
            return ys.masked_fill(~real, 0).sum(1) / counts[:, None].to(ys)
        scores = (torch.tanh(self.dense(ys)) @ self.query).masked_fill(~real[..., 0], -torch.inf)
        return (torch.softmax(scores, 1)[..., None] * ys.masked_fill(~real, 0)).sum(1)


class FeatureNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis."""

    def forward(self, xs):
        return super().forward(xs.reshape(-1, xs.shape[-1])).reshape(xs.shape)


class Halves(nn.Module):
    """Joins the two halves of the features."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, xs):
        a, b = xs.chunk(2, -1)
        return a * b if self.how == "mul" else (a + b) / (2 if self.how == "ave" else 1)


def make_layer(kind, **options):
    """The module of one layer."""
    makers = {
        "embedding": nn.Embedding,
        "dense": nn.Linear,
        "dropout": nn.Dropout,
        "layer norm": nn.LayerNorm,
        "batch norm": FeatureNorm,
        "recurrent": Recurrent,
        "pooling": Pooling,
        "halves": Halves,
    }
    return ACTIVATIONS[options["name"]]() if kind == "activation" else makers[kind](**options)


class Network(nn.Module):
    """Layers one after the other; `skips` names pairs (first, last) of layers around which the input is added."""

    def __init__(self, layers, skips=(), tied=()):
        super().__init__()
        self.config = {"layers": layers, "skips": [list(skip) for skip in skips], "tied": [list(pair) for pair in tied]}
        self.begins = dict(skips)
        for name, options in layers.items():
            self.add_module(name, make_layer(**options))
        for first, second in tied:  # two layers that share their weights
            getattr(self, second).weight = getattr(self, first).weight

    def forward(self, inputs, lengths=None, state=None):
        """The outputs, and the last state: a dict with a tuple for each recurrent layer."""
        outputs, state = self.run(inputs, lengths, state)
        return list(outputs.values())[-1], state

    def run(self, inputs, lengths=None, state=None):
        """The outputs of every layer, and the last state."""
        outputs, last, waiting, xs = {}, {}, {}, inputs
        for name in self.config["layers"]:
            if name in self.begins:
                waiting[self.begins[name]] = xs
            layer = getattr(self, name)
            if isinstance(layer, Recurrent):
                xs, last[name] = layer(xs, lengths, None if state is None else state[name])
            else:
                xs = layer(xs, lengths) if isinstance(layer, Pooling) else layer(xs)
            if name in waiting:
                xs = xs + waiting.pop(name)
            outputs[name] = xs
        return outputs, last


def reverse_sequences(xs, lengths):
    """Each sequence from its end; padding stays where it is."""
    time, ends = torch.arange(xs.shape[1]), lengths.cpu()[:, None]
    places = torch.where(time < ends, ends - 1 - time, time).to(xs.device)
    return xs.gather(1, places[..., None].expand(-1, -1, xs.shape[-1]))


def load(folder):
    """The network of an exported folder, as a trained network computes."""
    folder = Path(folder)
    network = Network(**json.loads((folder / "network.json").read_text()))
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return network.eval()
