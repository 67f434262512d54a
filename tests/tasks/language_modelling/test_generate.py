import pickle
import re
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman
from elman.tasks.decoding import Sampling
from elman.tasks.language_modelling import generate as generate_module
from elman.tasks.language_modelling.generate import generate, network_of, prefill
from elman.tasks.language_modelling.sampling import filter_logits, sample
from elman.words.vocabulary import Words
from tests.recurrence.kernels import needs_kernels


@given(st.integers(0, 1000), st.integers(0, 8), st.floats(0.05, 1.0))
def test_filter_keeps_what_a_sorted_loop_keeps(seed, top_k, top_p):
    logits = np.random.default_rng(seed).normal(size=6).astype(np.float32) * 2
    p = np.exp(logits) / np.exp(logits).sum()
    kept, total = [], 0.0
    for place, token in enumerate(np.argsort(-p)):
        if place and ((top_k and place >= top_k) or total >= top_p - 1e-6):
            break
        kept.append(int(token))
        total += p[token]
    result = np.flatnonzero(np.isfinite(filter_logits(jnp.asarray(logits)[None], top_k=top_k, top_p=top_p)[0]))
    border = abs(np.cumsum(np.sort(p)[::-1]) - top_p).min() < 1e-5
    assert border or sorted(kept) == result.tolist()


def test_samples_come_as_often_as_their_probability_says():
    p = np.array([0.5, 0.3, 0.15, 0.05])
    keys = jax.random.split(jax.random.key(0), 20_000)
    rows = jnp.broadcast_to(jnp.log(jnp.asarray(p, jnp.float32)) * 0.7, (20_000, 4))
    ids = sample(rows, keys, temperature=0.7, top_k=0, top_p=1.0, greedy=False, whole=True)
    np.testing.assert_allclose(np.bincount(ids) / 20_000, p, atol=0.012)


def written(fitted, prime, **options):
    return fitted.generate(prime, length=100, **options)


def test_the_same_seed_gives_the_same_text(small_fitted):
    fitted, _ = small_fitted
    assert written(fitted, "the", seed=3) == written(fitted, "the", seed=3)
    assert written(fitted, "the", seed=3) != written(fitted, "the", seed=4)
    assert len(written(fitted, "the")) == 100
    again = pickle.loads(pickle.dumps(fitted))  # whose packed weights are laid out anew where they are used
    assert written(again, "the", seed=3) == written(fitted, "the", seed=3)


@pytest.mark.optimised
def test_a_text_does_not_depend_on_its_neighbours_or_on_the_size_of_a_call(small_fitted, monkeypatch):
    fitted, _ = small_fitted
    alone = written(fitted, "the", seed=5)
    assert fitted.samples("the", count=3, length=100, seed=5)[0] == alone
    assert len(set(fitted.samples("the", count=3, length=100, seed=5))) == 3
    monkeypatch.setattr(generate_module, "TOKENS_PER_CALL", 7)
    monkeypatch.setattr(generate_module, "_MOST_TOKENS", 7)
    assert written(fitted, "the", seed=5) == alone


@needs_kernels
@pytest.mark.parametrize(
    ("cell", "sampling"),
    [
        ("LSTM", {}),
        ("LSTM", {"temperature": 0.7, "top_k": 4}),
        ("LSTM", {"top_k": 5, "top_p": 0.6}),
        ("GRU", {"top_p": 0.8}),
        ("Elman", {"temperature": 0}),
    ],
)
def test_the_native_loop_draws_what_the_compiled_one_draws(cell, sampling):
    """Also with words that must fit each other, a shared head, and layers whose input is added."""
    words = Words.of(["L'eau, l'air et l'or (l'art) : un !\nor art eau « air » or\nl'eau d'or\n"])
    task = elman.LanguageModelling(
        cell=cell, hidden_size=16, embedding_size=16, residual=True, tied=cell == "GRU", vocabulary="words"
    )
    model = task.build(words, key=jax.random.key(0))
    model = jax.tree.map(lambda leaf: leaf * 3, model)  # far from equally likely
    carry, logits = prefill(model, words.encode("or"))
    options: dict[str, Any] = {"count": 2, "length": 40, "allowed": words.output_mask(), "joints": words.joints()}
    options |= {"sampling": Sampling(seed=1, **sampling)}
    network = network_of(model)
    assert network is not None
    native, compiled = (
        np.concatenate([*generate(model, carry, logits[0, -1], 3, network=one, **options)], axis=1)
        for one in (network, None)
    )
    assert len(set(compiled.ravel().tolist())) > (1 if sampling.get("temperature") == 0 else 3)
    np.testing.assert_array_equal(native, compiled)


def test_a_model_that_the_native_loop_does_not_serve_writes_by_the_compiled_one():
    words = Words.of(["or art eau air"])
    for options in ({"layer_norm": True}, {"cell": "MinGRU"}, {"zoneout": 0.1}):
        task = elman.LanguageModelling(hidden_size=4, vocabulary="words", **options)
        assert network_of(task.build(words, key=jax.random.key(0))) is None


def test_greedy_is_the_loop_of_likeliest_tokens(small_fitted):
    fitted, _ = small_fitted
    text = "the c"
    for _ in range(20):
        text += next(iter(fitted.next(text)))
    assert "the c" + fitted.generate("the c", length=20, temperature=0) == text
    assert "the c" + fitted.generate("the c", length=20, top_k=1) == text


def test_next_is_the_softmax_of_the_models_logits(small_fitted):
    fitted, _ = small_fitted
    ids = fitted.codec.encode("the c")
    _, logits = fitted.model(jnp.asarray(ids[None]), fitted.model.init_carry(1))
    p = np.exp(np.asarray(logits[0, -1, 1:], np.float64))
    expected = dict(zip(fitted.codec.tokens[1:], p / p.sum(), strict=True))
    result = fitted.next("the c")
    assert result == pytest.approx(expected, rel=1e-4)
    assert list(result.values()) == sorted(result.values(), reverse=True)
    assert sum(result.values()) == pytest.approx(1.0, abs=1e-5)


def test_nexts_gives_the_distribution_after_each_character(small_fitted):
    fitted, _ = small_fitted
    for end, result in enumerate(fitted.nexts("the cat"), start=1):
        assert result == pytest.approx(fitted.next("the cat"[:end]), rel=1e-3)


def test_primes_of_any_length_leave_the_same_state_as_reading_step_by_step(small_fitted):
    fitted, _ = small_fitted
    for length in (1, 7, 8, 9, 33):
        ids = np.resize(fitted.codec.encode("the cat sat"), length)
        carry, logits = prefill(fitted.model, ids)
        expected = fitted.model.init_carry(1)
        for token in ids:
            expected, last = fitted.model(jnp.array([[token]]), expected)
        np.testing.assert_allclose(logits[0, -1], last[0, 0], atol=1e-5)
        for a, b in zip(jax.tree.leaves(carry), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_tokens_that_are_not_allowed_never_come(small_fitted):
    fitted, _ = small_fitted
    carry, logits = prefill(fitted.model, fitted.codec.encode("the"))
    allowed = np.zeros(fitted.codec.size, bool)
    allowed[[2, 5]] = True
    for sampling in (Sampling(), Sampling(temperature=0), Sampling(top_k=3), Sampling(top_p=0.9)):
        options: dict[str, Any] = {"count": 4, "length": 40, "sampling": sampling, "allowed": allowed}
        pieces = generate(fitted.model, carry, logits[0, -1], 2, **options)
        ids = np.concatenate(list(pieces), axis=1)
        assert ids.shape == (4, 40)
        assert set(ids.ravel().tolist()) <= {2, 5}


class Uniform(eqx.Module):
    """A model for which all tokens are equally likely."""

    size: int = eqx.field(static=True)

    def __call__(self, ids, carry):
        return carry, jnp.zeros((*ids.shape, self.size))


def test_words_and_marks_have_the_spaces_of_the_training_text():
    """By a model for which all are equally likely: no words without a space, no space behind l' or ( or at the start of
    a line, in French a space before ! and none before a comma."""
    text = "L'eau, l'air et l'or (l'art) : un !\nor art eau « air » or\nl'eau d'or\n"
    words = Words.of([text])
    options: dict[str, Any] = {"count": 3, "length": 99, "sampling": Sampling(seed=2), "allowed": words.output_mask()}

    def written(joints):
        start = words.encode("\n")[0]
        pieces = generate(
            cast("Any", Uniform(words.size)), None, np.zeros(words.size), int(start), joints=joints, **options
        )
        return [words.decode(row) for row in np.concatenate([*pieces], axis=1)]

    wrong = re.compile(r"(?<=[^\W_])[(«:!]|[!)»:](?=[^\W_])|[ («]\B[,)]|^ |[('] | ,", re.MULTILINE)
    for result in written(words.joints()):
        assert not wrong.search(result), (wrong.search(result), result)
        assert set(re.findall(r"\w+", result)) <= set(re.findall(r"\w+", text))
    assert all(wrong.search(result) for result in written(None))


def test_a_stop_text_ends_the_text_before_it(small_fitted):
    fitted, _ = small_fitted
    whole = fitted.generate("the", length=100, seed=1)
    stop = whole[40:44]
    assert fitted.generate("the", length=100, seed=1, stop=stop) == whole[: whole.find(stop)]
    pieces = list(fitted.stream("the", length=100, seed=1, stop=stop))
    assert "".join(pieces) == whole[: whole.find(stop)]
    assert fitted.generate("the", length=100, seed=1, stop="never seen") == whole


def test_bytes_are_never_cut_inside_a_character():
    task = elman.LanguageModelling(
        vocabulary="bytes", hidden_size=32, embedding_size=8, num_layers=1, batch_size=8, unroll_length=16, dropout=0
    )
    data = task.read_text("äöü€ß" * 200)
    from elman.training.reporters import Quiet

    fitted = elman.fit(task, data, steps=500, evaluations=1, report=Quiet())
    for length in range(1, 12):
        text = fitted.generate("ä", length=length, temperature=0)
        assert "\ufffd" not in text
        assert ("ä" + text) == "äöü€ßäöü€ß"[: len(text) + 1]


def test_a_prime_that_the_model_cannot_read(small_fitted):
    fitted, _ = small_fitted
    with pytest.raises(elman.VocabularyError, match="no 'é'"):
        fitted.generate("thé")
    assert fitted.generate("thé", unknown="skip", length=5, seed=0) == fitted.generate("th", length=5, seed=0)
    with pytest.raises(elman.VocabularyError, match="no token that the model knows"):
        fitted.generate("éé", unknown="skip")


def test_an_empty_prime_begins_as_after_a_line_end(small_fitted):
    fitted, _ = small_fitted
    assert fitted.generate(length=30, seed=2) == fitted.generate("\n", length=30, seed=2)


def test_an_empty_prime_of_a_model_that_knows_no_line_end():
    from elman.training.reporters import Quiet

    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=2, unroll_length=8)
    fitted = elman.fit(task, task.read_text("abc" * 200), steps=2, report=Quiet())
    assert set(fitted.generate(length=20)) <= set("abc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(temperature=-1), "temperature: expected a number of at least 0; got -1"),
        (dict(top_p=0.0), "top_p"),
        (dict(topk=3), "did you mean 'top_k'"),
        (dict(length=-1), "no negative length"),
    ],
)
def test_impossible_sampling_is_refused(small_fitted, options, message):
    with pytest.raises(elman.ConfigError, match=message):
        small_fitted[0].generate("the", **options)
