import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.tasks.answers import Answer
from elman.tasks.decoding import Decoding
from elman.tasks.seq2seq.answers import Candidate
from elman.tasks.seq2seq.fitted import _written
from elman.tasks.seq2seq.settings import PairPrediction
from elman.training.reporters import Quiet


@pytest.fixture(scope="module")
def fitted():
    """A model of sums, trained for a moment."""
    task = elman.Seq2Seq(
        digits=2, examples=2000, hidden_size=32, embedding_size=16, validation=50, test=50, reverse_inputs=True
    )
    return elman.fit(task, task.read("sums"), steps=150, evaluations=2, learning_rate=0.01, report=Quiet())


@pytest.fixture(scope="module")
def phones():
    """A model that writes words, from the last to the first, trained for a moment."""
    task = elman.Seq2Seq(
        hidden_size=16, embedding_size=8, validation=5, test=0, target_vocabulary="words", reverse_answers=True
    )
    pairs = [(a + b, f"{a.upper()} {b.upper()}") for a in "abcde" for b in "abcde"]
    return elman.fit(task, task.read_pairs(pairs), steps=20, evaluations=1, report=Quiet())


TEXTS = ["1+2", "10+20", "99+99", "5+5", "", "77+3"] + [f"{i}+{i + 3}" for i in range(90)]


@pytest.mark.slow
def test_answers_do_not_depend_on_what_else_is_asked_bit_for_bit(fitted):
    for options in (dict(), dict(beam=3, n_best=3, length_penalty=0.5), dict(temperature=1.0, n_best=2)):
        together = fitted._answers(TEXTS, Decoding(**options))
        assert fitted._answers(TEXTS[::-1], Decoding(**options)) == together[::-1]
        for place in (0, 2, 4, 70):
            assert fitted._answers([TEXTS[place]], Decoding(**options)) == [together[place]]
        assert fitted._answers(TEXTS[60:70], Decoding(**options)) == together[60:70]


def test_the_best_answer_is_greedys_with_a_beam_of_one_and_no_worse_with_more(fitted):
    for text, one in zip(TEXTS[:20], fitted.predict_all(TEXTS[:20]), strict=True):
        assert fitted.predict(text) == one
        assert one.score == one.log_probability
        wide = fitted.n_best(text, 5)
        assert [candidate.score for candidate in wide] == sorted((c.score for c in wide), reverse=True)
        assert len({candidate.text for candidate in wide}) == 5
        assert max(c.score for c in fitted.n_best(text, 30)) >= wide[0].score - 1e-5


def test_scores_are_the_models_log_probabilities(fitted):
    for candidate in fitted.n_best("12+30", 4, length_penalty=1.0):
        source, target = fitted.codec.source.encode("12+30")[::-1], fitted.codec.target.encode(candidate.text)
        inputs = jnp.asarray([[0, *target]])
        logits = fitted.model(jnp.asarray(source[None]), jnp.array([5]), inputs).logits
        logp = np.asarray(jax.nn.log_softmax(logits))[0, np.arange(len(target) + 1), [*target, 0]].sum()
        assert candidate.log_probability == pytest.approx(float(logp), abs=1e-4)
        assert candidate.score == pytest.approx(float(logp) / ((5 + len(target) + 1) / 6), abs=1e-4)


PATTERNS = st.sampled_from(
    ["[0-4]+", "1?2{1,3}", "(12|34)*", "[5-9][0-9]", "9", "", r"\d{3}", "(0|1)(2|3)(4|5)?", ".*7", "[^5]{0,2}"]
)


@settings(max_examples=25)
@given(PATTERNS, st.sampled_from(TEXTS[:4]), st.sampled_from([dict(), dict(beam=3, n_best=3), dict(temperature=2.0)]))
def test_every_answer_matches_the_pattern(fitted, pattern, text, options):
    for candidate in fitted._answers([text], Decoding(pattern=pattern, **options))[0]:
        assert re.fullmatch(pattern, candidate.text)


def test_answers_of_some_tokens_only(fitted, phones):
    assert set(fitted.predict("12+30", tokens="07").text) <= set("07")
    answer = fitted.predict("12+30", tokens="07", pattern="[0-9]{4}").text
    assert re.fullmatch("[07]{4}", answer)
    assert set(phones.predict("ab", tokens="D E").text.split()) <= {"D", "E"}
    assert re.fullmatch("C( D){2}", phones.predict("ab", pattern="C( D){2}").text)
    assert {c.text for c in phones.n_best("ab", 3, pattern="A|B C|D E")} == {"A", "B C", "D E"}
    assert len(phones.n_best("ab", 5, pattern="A|B C|D E")) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(pattern="[a-z]+"), r"pattern '\[a-z\]\+': no output can match it; outputs are made of 0 1 2"),
        (dict(pattern="1{30}"), "has 30 tokens, and outputs have at most 6; allow longer ones with max_length"),
        (dict(pattern="(1"), "not a regular expression"),
        (dict(tokens="12x"), "tokens: the model cannot write 'x'"),
        (dict(beam=2, n_best=3), "n_best: expected at most beam=2; got 3; use a wider beam, --beam 3"),
        (dict(beam=2, temperature=1.0), "beam: belongs to search"),
        (dict(beem=2), "did you mean 'beam'"),
        (dict(beam=0), "beam: "),
    ],
)
def test_impossible_decoding(fitted, options, message):
    with pytest.raises(elman.ConfigError, match=message):
        fitted.predict("1+2", **options)


def test_longer_answers_where_they_are_allowed(fitted):
    assert fitted.predict("1+2", pattern="1{30}", max_length=40).text == "1" * 30


def test_characters_that_the_model_does_not_know(fitted):
    with pytest.raises(elman.VocabularyError, match=r"the source '1\*2': the vocabulary has no '\*'"):
        fitted.predict("1*2")
    assert fitted.predict("1*+2", unknown="skip") == fitted.predict("1+2")


def test_draws_follow_the_seed_and_the_temperature(fitted):
    drawn = [fitted.predict("12+30", temperature=1.5, seed=seed).text for seed in range(12)]
    assert len(set(drawn)) > 3
    assert drawn == [fitted.predict("12+30", temperature=1.5, seed=seed).text for seed in range(12)]
    assert fitted.predict("12+30", temperature=1e-4).text == fitted.predict("12+30").text


def test_attention_is_the_networks_in_reading_order(fitted, phones):
    outputs = fitted.attention("12+30")
    assert outputs.source == tuple("12+30")
    assert "".join(outputs.target) == fitted.predict("12+30").text
    assert outputs.target[-1] == ""
    np.testing.assert_allclose(outputs.weights.sum(axis=1), 1, atol=1e-5)
    source, target = fitted.codec.source.encode("12+30"), fitted.codec.target.encode("42")
    exact = fitted.model(jnp.asarray(source[::-1][None]), jnp.array([5]), jnp.asarray([[0, *target]])).attention
    np.testing.assert_allclose(fitted.attention("12+30", "42").weights, np.asarray(exact)[0, :, ::-1], atol=1e-5)
    outputs = phones.attention("ab", "A B C")
    assert outputs.target == ("A", "B", "C", "")
    source, target = phones.codec.source.encode("ab"), phones.codec.target.encode("C B A")
    exact = phones.model(jnp.asarray(source[None]), jnp.array([2]), jnp.asarray([[0, *target]])).attention[0]
    np.testing.assert_allclose(outputs.weights, np.asarray(exact)[[2, 1, 0, 3]], atol=1e-5)
    assert phones.attention("ab", "").weights.shape == (1, 2)


def test_a_model_without_attention_looks_nowhere(phones):
    task = msgspec.structs.replace(phones.task, connection="state")
    plain = replace(phones, task=task, model=task.build(phones.codec, key=jax.random.key(0)))
    with pytest.raises(elman.ConfigError, match="a model with connection 'state' has none"):
        plain.attention("ab")


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "sums.elman")
    again = elman.load(tmp_path / "sums.elman")
    assert again.predict_all(TEXTS, beam=2) == fitted.predict_all(TEXTS, beam=2)
    assert again.task == fitted.task
    assert again.validation == fitted.validation
    assert again.summary == "12 characters to read, 11 characters to write"
    assert elman.verify(tmp_path / "sums.elman").agrees


def test_files_are_read_for_evaluation(fitted, tmp_path):
    place = tmp_path / "more.tsv"
    place.write_text("1+2\t3\n10+20\t30\n")
    metrics = fitted.evaluate(fitted.read(place))
    answers = [fitted.predict(text).text for text in ("1+2", "10+20")]
    assert metrics.exact_accuracy == np.mean([a == b for a, b in zip(answers, ["3", "30"], strict=True)])
    for text, message in (
        ("one\t3", "the source 'one': the model knows no 'o'"),
        ("1\tx3", "the target 'x3': .* no 'x'"),
    ):
        place.write_text(f"1+2\t3\n{text}\n")
        with pytest.raises(elman.DataError, match=f"more.tsv, line 2: {message}.* --on-error skip .* --unknown skip"):
            fitted.read(place)


def test_lines_that_cannot_be_read_are_left_out_of_an_evaluation_and_named(fitted, tmp_path):
    """The same lines and characters as `predict` leaves out; an answer that should have one counts as wrong."""
    place = tmp_path / "more.tsv"
    place.write_text("1+2\t3\nno tab\n1*+2\t3\n5+5\t1x\n\t7\n10+20\t30\n")
    known = fitted.read(place, on_error="skip")
    assert [pair.source for pair in known.examples] == ["1+2", "10+20"]
    assert [note.split(":")[0].rpartition("/")[2] for note in known.notes] == [
        *(f"more.tsv, line {line}" for line in (2, 3, 4, 5)),
        "4 of 6 lines left out, which cannot be read",
    ]
    every = fitted.read(place, on_error="skip", unknown="skip")
    answers = fitted.predict_all([pair.source for pair in every.examples], unknown="skip")
    right = [answer.text == target for answer, target in zip(answers, ["3", "3", "1x", "30"], strict=True)]
    measured = fitted.evaluate(every)
    assert (measured.answers, measured.exact_accuracy) == (4, np.mean(right))
    assert "such characters were left out of 2 of 4 lines" in every.notes[-1]
    assert "1x" not in [row[1] for row in fitted.mistakes(every) if row[2] == row[1]]
    place.write_text("1*+2\t3\n5x+5\t10\n")
    with pytest.raises(elman.DataError, match="line 1: .* no '\\*' .*; so it is with 2 lines in all"):
        fitted.read(place)
    with pytest.raises(elman.DataError, match="line 1: .* 2 of 2 lines, and none is left"):
        fitted.read(place, on_error="skip")


def test_lines_are_answered_as_they_are(fitted, tmp_path):
    place = tmp_path / "in.txt"
    place.write_text("1+2\n\n10+20\n")
    first, second = (fitted.predict(text).text for text in ("1+2", "10+20"))
    assert list(fitted.output(str(place), options=PairPrediction())) == [first, "", second]
    beside = list(fitted.output(str(place), options=PairPrediction(with_input=True)))
    assert beside == [f"{first}\t1+2", "\t", f"{second}\t10+20"]
    ranked = list(fitted.output(str(place), options=PairPrediction(beam=3, n_best=2)))
    best = [fitted.n_best(text, 2, beam=3) for text in ("1+2", "10+20")]
    lines = [[f"{i}\t{np.float32(c.score)!s}\t{c.text}" for i, c in enumerate(each, start=1)] for each in best]
    assert ranked == [*lines[0], "", *lines[1]]


def test_an_answer_with_a_line_end_is_one_line():
    """Sub-words are spelt by bytes, of which any may be drawn."""
    [one] = _written([Candidate("two\nlines", -1.0, -1.0)], several=False)
    assert one == Answer((r'["two\nlines"]',), {"elman": "two\nlines"})


def test_the_sources_of_training_files_are_answered(fitted, tmp_path):
    (tmp_path / "pairs.tsv").write_text("1+2\t3\tnote\n 10+20 \t30\n")
    (tmp_path / "sums.dict").write_text(";;; sums\n1+2(2) 3 4 # twice\n")
    result = list(fitted.output(str(tmp_path), options=PairPrediction()))
    assert result == [*(fitted.predict(text).text for text in ("1+2", "10+20")), "", fitted.predict("1+2").text]


def test_a_line_that_cannot_be_read_comes_after_the_answers_before_it(fitted, tmp_path):
    place = tmp_path / "in.txt"
    place.write_text("1+2\n3+4\nfive\n6+7\n")
    result = fitted.output(str(place), options=PairPrediction())
    answers = [fitted.predict(text).text for text in ("1+2", "3+4", "6+7")]
    assert [next(result), next(result)] == answers[:2]
    with pytest.raises(elman.DataError, match=r"in\.txt, line 3: the source 'five'"):
        next(result)
    lines = [*fitted.output(str(place), options=PairPrediction(on_error="skip"))]
    assert [line for line in lines if isinstance(line, str)] == answers
    assert "line 3" in lines[2].text


@pytest.mark.slow
def test_subwords_obey_patterns_too():
    pytest.importorskip("sentencepiece")
    pairs = [(word, f"{word} {word}er {word}est") for word in ("low", "slow", "new", "old", "wide", "high")] * 2
    task = elman.Seq2Seq(
        hidden_size=16,
        embedding_size=8,
        validation=1,
        test=0,
        target_vocabulary="subwords",
        vocabulary_size=300,
        max_length=30,
    )
    model = elman.fit(task, task.read_pairs(pairs), steps=3, evaluations=1, report=Quiet())
    for options in (dict(), dict(temperature=2.0, seed=1)):
        assert re.fullmatch(
            "(low|new)er? [a-z]{3,5}", model.predict("old", pattern="(low|new)er? [a-z]{3,5}", **options).text
        )
    with pytest.raises(elman.ConfigError, match="use pattern instead"):
        model.predict("old", tokens="low")
    assert model.validation.unit == "word"
