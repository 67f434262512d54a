import itertools
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman import GRU
from elman.tasks.seq2seq.beam import beam_search, sample_outputs
from elman.tasks.seq2seq.constraints import Constraint, allow_tokens, match_pattern
from elman.tasks.seq2seq.model import EncoderDecoder

VOCAB, LONGEST = 4, 3
SOURCES = np.array([[1, 2, 3], [3, 1, 0], [2, 0, 0], [0, 0, 0]])
LENGTHS = np.array([3, 2, 1, 0])
FREE = allow_tokens(np.ones(VOCAB, bool))
ALL = [output for n in range(LONGEST + 1) for output in itertools.product(range(1, VOCAB), repeat=n)]


def make(connection="dot"):
    net = EncoderDecoder(
        GRU,
        source_vocab=4,
        target_vocab=VOCAB,
        embedding_size=3,
        hidden_size=4,
        connection=connection,
        key=jax.random.key(3),
    )
    return jax.tree.map(lambda leaf: 3 * leaf, net)  # decided opinions


def arrays(constraint):
    return Constraint(*map(jnp.asarray, constraint))


@partial(jax.jit, static_argnames=("beam", "longest"))
def search(net, sources, lengths, constraint, length_penalty, *, beam, longest=LONGEST):
    memory = net.encode(sources, lengths)
    return beam_search(net, memory, constraint, beam=beam, longest=longest, length_penalty=length_penalty)


def searched(net, beam, constraint=FREE, alpha=0.0, longest=LONGEST):
    result = search(
        net, jnp.asarray(SOURCES), jnp.asarray(LENGTHS), arrays(constraint), alpha, beam=beam, longest=longest
    )
    return [
        [
            (tuple(tokens[:length].tolist()), float(p), float(score))
            for tokens, length, p, score in zip(*row, strict=True)
            if np.isfinite(score)
        ]
        for row in zip(*map(np.asarray, result), strict=True)
    ]


@pytest.fixture(scope="module")
def net():
    return make()


@pytest.fixture(scope="module")
def log_probabilities(net):
    """The log-probability of every output and its end, by teacher forcing: for each source, output -> nats."""
    inputs = np.zeros((len(ALL), LONGEST + 1), np.int32)
    for row, output in enumerate(ALL):
        inputs[row, 1 : 1 + len(output)] = output
    tables = []
    for source, length in zip(SOURCES, LENGTHS, strict=True):
        sources, lengths = np.tile(source, (len(ALL), 1)), np.full(len(ALL), length)
        logits = net(jnp.asarray(sources), jnp.asarray(lengths), jnp.asarray(inputs)).logits
        logp = np.asarray(jax.nn.log_softmax(logits), np.float64)
        tables.append(
            {
                output: sum(logp[row, place, token] for place, token in enumerate((*output, 0)))
                for row, output in enumerate(ALL)
            }
        )
    return tables


def ranked(table, alpha, kept=lambda output: True):
    scores = {output: p / ((6 + len(output)) / 6) ** alpha for output, p in table.items() if kept(output)}
    return sorted(scores.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("alpha", [0.0, 0.8, 3.0])
def test_a_beam_that_holds_everything_is_exhaustive_search(net, log_probabilities, alpha):
    for row, result in enumerate(searched(net, len(ALL), alpha=alpha)):
        expected = ranked(log_probabilities[row], alpha)
        assert [output for output, _, _ in result] == [output for output, _ in expected]
        np.testing.assert_allclose([score for _, _, score in result], [score for _, score in expected], rtol=1e-4)
        np.testing.assert_allclose(
            [p for _, p, _ in result], [log_probabilities[row][output] for output, _, _ in result], rtol=1e-4
        )


def test_constraints_leave_the_best_of_what_matches(net, log_probabilities):
    constraint = match_pattern("(ab|c)*a?", [None, "a", "b", "c"])
    text = lambda output: "".join(" abc"[token] for token in output)
    kept = lambda output: bool(re.fullmatch("(ab|c)*a?", text(output)))
    for row, result in enumerate(searched(net, len(ALL), constraint)):
        expected = ranked(log_probabilities[row], 0, kept)
        assert [output for output, _, _ in result] == [output for output, _ in expected]


@pytest.mark.sample(1)
@pytest.mark.parametrize(("beam", "alpha"), [(1, 0.0), (2, 0.0), (3, 0.6), (5, 1.0)])
def test_a_narrow_beam_is_the_loop_over_beginnings(net, beam, alpha):
    for row, result in enumerate(searched(net, beam, alpha=alpha)):
        assert [output for output, _, _ in result] == Beginnings(net, row).searched(beam, alpha)


class Beginnings:
    """The model's own scores of beginnings, step by step in Python."""

    def __init__(self, net, row):
        self.net, self.row = net, row
        self.memory = net.encode(jnp.asarray(SOURCES[row : row + 1]), jnp.asarray(LENGTHS[row : row + 1]))
        self.seen = {}

    def next(self, output):
        if output not in self.seen:
            inputs = jnp.asarray([(0, *output)])
            self.seen[output] = np.asarray(jax.nn.log_softmax(self.net.decode(self.memory, inputs).logits))[0, -1]
        return self.seen[output]

    def searched(self, beam, alpha):
        beams = [((), False, 0.0, 0.0)]
        while not all(ended for _, ended, _, _ in beams):
            candidates = []
            for output, ended, total, score in beams:
                if ended:
                    candidates.append((output, True, total, score))
                    continue
                steps, penalty = self.next(output), ((6 + len(output)) / 6) ** alpha
                candidates.append((output, True, total + steps[0], (total + steps[0]) / penalty))
                for token in range(1, VOCAB) if len(output) < LONGEST else ():
                    candidates.append(((*output, token), False, total + steps[token], (total + steps[token]) / penalty))
            beams = sorted(candidates, key=lambda candidate: -candidate[3])[:beam]
        return [output for output, _, _, _ in beams]


def test_a_beam_of_one_is_greedy(net):
    for row, result in enumerate(searched(net, 1)):
        scores, output = Beginnings(net, row), ()
        while len(output) < LONGEST and (token := int(scores.next(output).argmax())):
            output = (*output, token)
        assert [output] == [tokens for tokens, _, _ in result]


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("repeat", "state", "additive", "moving")]


@pytest.mark.optimised
@pytest.mark.parametrize("connection", ["dot", *OTHERS])
def test_outputs_do_not_depend_on_their_neighbours_bit_for_bit(connection):
    net = make(connection)
    rows = np.random.default_rng(0).integers(1, 4, (16, 3))
    lengths = np.random.default_rng(1).integers(0, 4, 16)
    whole = search(net, jnp.asarray(rows), jnp.asarray(lengths), arrays(FREE), 0.5, beam=3)
    order = np.random.default_rng(2).permutation(16)
    turned = search(net, jnp.asarray(rows[order]), jnp.asarray(lengths[order]), arrays(FREE), 0.5, beam=3)
    alone = search(
        net,
        jnp.asarray(rows * (np.arange(16) == 5)[:, None]),
        jnp.asarray(lengths * (np.arange(16) == 5)),
        arrays(FREE),
        0.5,
        beam=3,
    )
    for a, b, c in zip(whole, turned, alone, strict=True):
        np.testing.assert_array_equal(np.asarray(a)[order], b)
        np.testing.assert_array_equal(np.asarray(a)[5], np.asarray(c)[5])


def drawn(net, count, constraint=FREE, temperature=1.0, seed=0):
    memory = net.encode(jnp.asarray(SOURCES), jnp.asarray(LENGTHS))
    keys = jax.random.split(jax.random.key(seed), len(SOURCES))
    run = jax.jit(partial(sample_outputs, net, count=count, longest=LONGEST), static_argnames=("count", "longest"))
    result = run(memory, arrays(constraint), keys, temperature=temperature)
    outputs = [
        [tuple(tokens[:length].tolist()) for tokens, length in zip(*row, strict=True)]
        for row in zip(np.asarray(result.tokens), np.asarray(result.lengths), strict=True)
    ]
    return outputs, np.asarray(result.log_probabilities)


def test_samples_come_as_often_as_the_model_says(net, log_probabilities):
    outputs, p = drawn(net, 4000)
    for row, table in enumerate(log_probabilities):
        for output in ranked(table, 0)[:4]:
            share = outputs[row].count(output[0]) / 4000
            if len(output[0]) < LONGEST:  # at the longest, ending is forced
                assert share == pytest.approx(np.exp(output[1]), abs=0.03)
        np.testing.assert_allclose(p[row], [table[output] for output in outputs[row]], rtol=1e-3, atol=1e-4)


def test_samples_obey_constraints_and_grow_greedy_with_cold(net):
    outputs, _ = drawn(net, 50, match_pattern("(ab|c)*a?", [None, "a", "b", "c"]), temperature=2.0)
    for row in outputs:
        assert len(set(row)) > 1
        assert all(re.fullmatch("(ab|c)*a?", "".join(" abc"[token] for token in output)) for output in row)
    cold, _ = drawn(net, 2, temperature=1e-4)
    assert cold == [[result[0][0]] * 2 for result in searched(net, 1)]
