"""Small models of PyTorch in the forms in which people write them."""

import numpy as np

from tests.conformance.peers import peer

VOCAB, SIZE, HIDDEN = 11, 5, 4


def language_model(torch, **options):
    """The form of PyTorch's own example: a state in and out, time first unless asked otherwise."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.3)
            self.encoder = nn.Embedding(VOCAB, SIZE)
            self.rnn = nn.LSTM(SIZE, HIDDEN, 2, dropout=0.2, **options)
            self.decoder = nn.Linear(HIDDEN, VOCAB)

        def forward(self, tokens, hidden):
            outputs, hidden = self.rnn(self.drop(self.encoder(tokens)), hidden)
            decoded = self.decoder(self.drop(outputs)).view(-1, VOCAB)
            return torch.log_softmax(decoded, dim=1), hidden

    return Model()


def classifier(torch):
    """The last states of both directions, joined; an activation in `forward`."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCAB, SIZE)
            self.gru = nn.GRU(SIZE, HIDDEN, bidirectional=True, batch_first=True)
            self.hidden = nn.Linear(2 * HIDDEN, 3)
            self.norm = nn.LayerNorm(3)
            self.out = nn.Linear(3, 2)

        def forward(self, tokens):
            _, last = self.gru(self.embedding(tokens))
            joined = torch.cat([last[-2], last[-1]], dim=1)
            return self.out(self.norm(torch.relu(self.hidden(joined))))

    return Model()


def by_steps(torch):
    """A cell in a loop over time, after a norm without weights."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(3, elementwise_affine=False)
            self.cell, self.head = nn.GRUCell(3, HIDDEN), nn.Linear(HIDDEN, 2)

        def forward(self, xs):
            h, ys = torch.zeros(len(xs), HIDDEN), []
            for t in range(xs.shape[1]):
                h = self.cell(self.norm(xs[:, t]), h)
                ys.append(self.head(h))
            return torch.stack(ys, dim=1)

    return Model()


def one_number(torch):
    """Axes that `forward` swaps itself, layers in a list, and a single output without its axis."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.LSTM(3, HIDDEN), nn.LSTM(HIDDEN, HIDDEN)])
            self.out = nn.utils.parametrizations.weight_norm(nn.Linear(HIDDEN, 1))

        def forward(self, xs):
            xs = xs.transpose(0, 1)
            for layer in self.layers:
                xs, _ = layer(xs)
            return torch.sigmoid(self.out(xs[-1])).squeeze(-1)

    return Model()


def seeded():
    torch = peer("torch")
    torch.manual_seed(0)
    return torch


def ids(rows=2, steps=6):
    return np.random.default_rng(1).integers(0, VOCAB, (rows, steps))
