"""The losses of one step as NumPy loops in float64, one sequence at a time: (model, batch) -> (sum, count)."""

import numpy as np

from elman.cells import LearnedStart
from elman.layers import Bidirectional
from elman.tasks.ecg.batches import SOME_KIND
from tests.recurrence import oracle
from tests.tasks.ecg.test_model import scores_by_hand


def dense(layer, xs):
    return xs @ layer.kernel + layer.bias


def nats(scores, target):
    """-log p of a target, or of any of several."""
    p = np.exp(scores - scores.max())
    return -np.log(p[target].sum() / p.sum())


def run(layer, xs):
    """The outputs of a layer for one sequence."""
    if isinstance(layer, Bidirectional):
        both = (oracle.loop(layer.forward, xs[None]), oracle.loop(layer.backward, xs[None], reverse=True))
        return np.concatenate([ys[0] for _, ys in both], axis=-1)
    if not isinstance(layer, LearnedStart):
        return oracle.loop(layer.core, xs[None])[1][0]
    ys, carry = [], layer.start._asdict()
    for x in xs:
        carry, y = oracle.lstm_step(vars(layer.core), carry, x)
        ys.append(y)
    return np.array(ys)


def through(stack, xs):
    for layer in stack.cells:
        xs = run(layer, xs)
    return xs


def ends(layer, ys):
    """The last output of a forward cell beside the first of a backward one."""
    size = layer.forward.hidden_size
    return np.concatenate([ys[-1, :size], ys[0, size:]])


def language_modelling(model, batch):
    total = 0.0
    for ids, targets, weights in zip(batch.inputs, batch.targets, batch.weights, strict=True):
        scores = dense(model.head, through(model.layers, model.embedding.table[ids]))
        total += sum(w * nats(row, target) for row, target, w in zip(scores, targets, weights, strict=True))
    return total, batch.weights.sum()


def classification(model, batch, nats=nats):
    """The cross-entropy of texts (the embedding is a table) or of series (it is a dense layer), max-pooled."""
    total = 0.0
    for values, length, label, weight in zip(batch.values, batch.outer, batch.labels, batch.weights, strict=True):
        if weight:
            values = values[:length]
            xs = model.embedding.table[values] if values.ndim == 1 else dense(model.embedding, values)
            total += weight * nats(dense(model.head, through(model.layers, xs).max(axis=0)), label)
    return total, batch.weights.sum()


def several_labels(model, batch):
    """The binary cross-entropies of all labels of a text."""

    def nats(scores, present):
        p = 1 / (1 + np.exp(-scores))
        return -np.log(np.where(present, p, 1 - p)).sum()

    return classification(model, batch, nats)


def tagging(model, batch):
    """Each tag by itself, from the word's vector beside the last outputs of its letters."""
    total, table = 0.0, model.speller.letters.table
    for row, length in enumerate(batch.lengths):
        xs = []
        for word, spelling in zip(batch.words[row, :length], batch.spellings[row, :length], strict=True):
            letters = table[batch.letters[spelling, : batch.letter_counts[spelling]]]
            spelt = ends(model.speller.reader, run(model.speller.reader, letters))
            xs.append(np.concatenate([model.embedding.table[word], spelt]))
        scores = dense(model.head, through(model.layers, np.array(xs))) if xs else []
        total += sum(nats(scores[at], batch.tags[row, at]) for at in range(length) if batch.weights[row, at])
    return total, batch.weights.sum()


def seq2seq(model, batch):
    """Connected by "repeat": the decoder reads the encoder's last output at every step."""
    total = 0.0
    for row, length in enumerate(batch.lengths):
        xs = model.source_embedding.table[batch.sources[row, :length]]
        (encoder,) = model.encoder.cells
        if length:
            last = ends(encoder, run(encoder, xs))
            scores = dense(model.head, through(model.decoder, np.tile(last, (batch.targets.shape[1], 1))))
            total += sum(
                w * nats(*pair) for *pair, w in zip(scores, batch.targets[row], batch.weights[row], strict=True)
            )
    return total, batch.weights.sum()


def forecasting(model, batch):
    """Squared errors of the direct forecaster in one segment, its window minus the last known value."""
    total, (cell,) = 0.0, model.layers.cells
    for row in range(len(batch.values)):
        known, weights = batch.known[row, :, 0], batch.weights[row, :, 0]
        if not weights.any():
            continue
        steps, last = len(known), batch.values[row, known, 0][-1]
        xs = np.stack([(batch.values[row, :, 0] - last) * known, known], axis=1)
        xs = np.concatenate([xs, batch.past[row], batch.past_known[row], batch.ahead[row, :steps]], axis=1)
        segments = np.maximum(dense(model.embedding, xs.reshape(steps // model.segment, -1)), 0)
        carry = {"h": run(cell, segments)[-1]}
        question = np.concatenate([model.places.table[0], model.channels.table[batch.series[row]]])
        question = question + dense(model.ahead, batch.ahead[row, steps:].ravel())
        _, h = oracle.gru_step(vars(cell), carry, question)
        errors = dense(model.head, h) + last - batch.targets[row, :, 0]
        total += (weights * errors**2).sum()
    return total, batch.weights.sum()


def ecg(model, batch):
    """The cross-entropy of waves and of beats; where a beat's kind is unknown, its kinds are summed."""
    total = 0.0
    for row, length in enumerate(batch.lengths):
        waves, beats = scores_by_hand(model, batch.features[row], length)
        for at in range(length):
            if batch.wave_weights[row, at]:
                total += nats(waves[at], batch.waves[row, at])
            if batch.beat_weights[row, at]:
                beat = batch.beats[row, at]
                total += nats(beats[at], slice(1, None) if beat == SOME_KIND else beat)
    return total, np.maximum(batch.wave_weights, batch.beat_weights).sum()
