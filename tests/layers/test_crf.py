import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.layers.crf import TagChain
from elman.ops import crf
from elman.tasks.tagging.codec import TagCodec

TAGS = ("B-X", "I-X", "O")
ALLOWED = TagCodec(words=(), letters=(), tags=TAGS, scheme="IOB2").allowed
MASK = jnp.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
RIGHT = jnp.array([[2, 0, 1, 2], [0, 1, 0, 0], [0, 0, 0, 0]])


@pytest.fixture
def scores():
    return jr.normal(jr.key(0), (3, 4, 3))


def learned(key=1):
    chain = TagChain(3, learned=True, allowed=ALLOWED)
    leaves, structure = jax.tree.flatten(chain)
    return structure.unflatten([jr.normal(jr.key(key + place), leaf.shape) for place, leaf in enumerate(leaves)])


def test_tags_of_the_best_sequences_are_well_formed():
    scores = 5 * jr.normal(jr.key(2), (200, 6, 3))
    tags, _ = crf.best(scores, learned()(), jnp.ones((200, 6), bool), count=3)
    assert ALLOWED is not None
    for sequence in np.asarray(tags).reshape(-1, 6):
        places = [3, *sequence, 3]
        assert all(ALLOWED[before, after] for before, after in zip(places, places[1:], strict=False))


def test_the_loss_of_a_learned_chain_is_the_likelihood_of_whole_sentences(scores):
    chain, weights = learned(), MASK.astype(jnp.float32)
    nats, words = chain.loss(scores, MASK, RIGHT, weights)
    assert float(nats) == pytest.approx(float(-crf.log_likelihood(scores, chain(), MASK, RIGHT).sum()), rel=1e-6)
    assert float(words) == 6


def test_the_loss_of_a_free_chain_is_that_of_each_word(scores):
    chain = TagChain(3, learned=False, allowed=ALLOWED)
    nats, words = chain.loss(scores, MASK, RIGHT, MASK.astype(jnp.float32))
    probabilities = np.take_along_axis(np.asarray(jax.nn.log_softmax(scores)), np.asarray(RIGHT)[..., None], 2)[..., 0]
    assert float(nats) == pytest.approx(-float((probabilities * np.asarray(MASK)).sum()), rel=1e-5)
    assert float(words) == 6
    assert not chain.is_free
    assert TagChain(3, learned=False).is_free


def test_an_unknown_tag_takes_its_word_out_or_with_a_chain_its_sentence(scores):
    weights = MASK.astype(jnp.float32).at[0, 1].set(0)
    free, chain = TagChain(3, learned=False), learned()
    assert float(free.loss(scores, MASK, RIGHT, weights)[1]) == 5
    nats, words = chain.loss(scores, MASK, RIGHT, weights)
    assert float(words) == 2
    assert float(nats) == pytest.approx(float(-crf.log_likelihood(scores, chain(), MASK, RIGHT)[1]), rel=1e-5)


def test_what_is_forbidden_has_no_gradient(scores):
    chain = learned()
    gradient = jax.grad(lambda chain: chain.loss(scores, MASK, RIGHT, MASK.astype(jnp.float32))[0])(chain)
    assert float(gradient.scores.follow[2, 1]) == float(gradient.scores.start[1]) == 0
    assert float(gradient.scores.follow[0, 1]) != 0
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
