from itertools import product

import jax
import numpy as np
import pytest

import elman
from elman.formats.conllu import read_conllu
from elman.tasks.tagging.fitted import Tagger
from elman.tasks.tagging.settings import TagPrediction
from elman.tasks.tagging.spans import IOB2
from tests.tasks.tagging.test_task import SMALL, fit, named

SENTENCE = ("with", "Dee", "Fox", "in")


@pytest.fixture(scope="module")
def names():
    """A tagger of spans that is not sure: trained for a few steps."""
    task = elman.Tagging(**SMALL)
    return fit(task, task.read_sentences(named(300)), epochs=None, steps=8)


@pytest.fixture(scope="module")
def parts_of_speech(tmp_path_factory):
    """A tagger trained on CoNLL-U."""
    file = tmp_path_factory.mktemp("conllu") / "a.conllu"
    task = elman.Tagging(**SMALL)
    data = task.read("grammar")
    with file.open("w") as out:
        for sentence in data.train.examples[:500]:
            for place, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True), start=1):
                out.write(f"{place}\t{word}\t_\t{tag}" + 6 * "\t_" + "\n")
            out.write("\n")
    return fit(task, task.read(file), epochs=12)


def every_tagging(tagger, words):
    """The probability of every well-formed tagging, from scores and chain in float64."""
    [(scored, _)] = tagger._scored([words])
    scores = np.asarray(scored.scores[0, : len(words)], float)
    follow, start, end = (np.asarray(part, float) for part in tagger.model.chain())
    ids = range(len(tagger.codec.tags))
    result = {}
    for tags in product(ids, repeat=len(words)):
        total = scores[np.arange(len(words)), tags].sum() + start[tags[0]] + end[tags[-1]]
        result[tags] = total + sum(follow[before, after] for before, after in zip(tags, tags[1:], strict=False))
    whole = np.logaddexp.reduce(list(result.values()))
    return {tuple(tagger.codec.tags[i] for i in tags): np.exp(score - whole) for tags, score in result.items()}


@pytest.mark.slow
def test_n_best_marginals_and_span_probabilities_are_those_of_all_taggings(names):
    probabilities = every_tagging(names, SENTENCE)
    ranked = names.n_best(SENTENCE, 6)
    expected = sorted(probabilities.items(), key=lambda item: -item[1])[:6]
    assert [way.tags for way in ranked] == [tags for tags, _ in expected]
    np.testing.assert_allclose(
        [way.probability for way in ranked], [log_probability for _, log_probability in expected], rtol=1e-4
    )
    shares = names.marginals(SENTENCE)
    for place, share in enumerate(shares):
        for tag, probability in share.items():
            whole = sum(log_probability for tags, log_probability in probabilities.items() if tags[place] == tag)
            assert probability == pytest.approx(whole, abs=1e-5)
        assert list(share.values()) == sorted(share.values(), reverse=True)
    spans = [span for way in ranked for span in way.spans]
    assert len({span[:3] for span in spans}) > 3
    for span in spans:
        whole = sum(
            log_probability
            for tags, log_probability in probabilities.items()
            if span[:3] in [tuple(s) for s in IOB2.spans(tags)]
        )
        assert span.probability == pytest.approx(whole, abs=1e-5)
    for way in ranked:
        assert [span[:3] for span in way.spans] == [tuple(span) for span in IOB2.spans(way.tags)]
        assert way.probabilities == pytest.approx([share[tag] for share, tag in zip(shares, way.tags, strict=True)])


def test_predict_is_the_first_of_n_best(names):
    assert names.predict(SENTENCE) == names.n_best(SENTENCE, 1)[0]
    assert names.predict(SENTENCE).tags == names.n_best(SENTENCE, 3)[0].tags
    assert len(names.n_best(("in",), 100)) == 3  # tags that a sentence of one word may have


def test_neighbours_do_not_change_a_sentence(names):
    sentences = [words for words, _ in named(40, seed=7)]
    together = names.predict_all(sentences)
    for words, beside in zip(sentences, together, strict=True):
        alone = names.predict(words)
        assert alone.tags == beside.tags
        np.testing.assert_allclose(alone.probabilities, beside.probabilities, atol=1e-5)
    assert max(names.differences().values()) < 1e-3


@pytest.mark.slow
def test_a_text_is_split_into_words(parts_of_speech):
    assert parts_of_speech.predict("The dog sleeps.").words == ("The", "dog", "sleeps", ".")
    assert str(parts_of_speech.predict("the dog sleeps .")) == "the/DET dog/NOUN sleeps/VERB ./PUNCT"


def test_it_is_the_same_when_loaded(names, tmp_path):
    names.save(tmp_path / "names.elman")
    again = elman.load(tmp_path / "names.elman")
    assert isinstance(again, Tagger)
    assert (again.task, again.codec, again.measures) == (names.task, names.codec, names.measures)
    assert all(map(np.array_equal, jax.tree.leaves(again.model), jax.tree.leaves(names.model)))
    assert again.n_best(SENTENCE, 3) == names.n_best(SENTENCE, 3)
    assert again.validation == names.validation
    elman.verify(tmp_path / "names.elman")


def answers(tagger, path, text, **options):
    path.write_text(text)
    lines = tagger.output(str(path), options=TagPrediction(**options))
    return "".join(f"{line}\n" for line in lines if isinstance(line, str))


def test_text_becomes_conllu(parts_of_speech, tmp_path):
    written = answers(parts_of_speech, tmp_path / "in.txt", "The dog sleeps.\n\nthe dog\n")
    first, second = read_conllu(written.split("\n"))
    assert first.lines[0] == "# text = The dog sleeps."
    assert first.values("upos") == ("DET", "NOUN", "VERB", "PUNCT")
    assert first.values("misc") == ("_", "_", "SpaceAfter=No", "_")
    assert second.values("form") == ("the", "dog")
    (tmp_path / "in.txt").write_text("L'homme mange le dog.\n")
    *_, note = parts_of_speech.output(str(tmp_path / "in.txt"), options=TagPrediction())
    assert "words are new to the model" in note.text


def test_words_become_conllu_or_columns(parts_of_speech, names, tmp_path):
    text = "-DOCSTART- O\n\nthe O\ndog O\n\n\nsleeps O\n"
    written = answers(parts_of_speech, tmp_path / "in.txt", text, read="columns")
    assert [sentence.values("form") for sentence in read_conllu(written.split("\n"))] == [("the", "dog"), ("sleeps",)]
    written = answers(names, tmp_path / "in.txt", "with\nAnn\n", read="words")
    assert written == "with\tO\nAnn\t{}\n\n".format(names.predict(("with", "Ann")).tags[1])
    text = "Ann Lee\t1\tO\nsleeps\t2\tO\n\n"
    tags = names.predict(("Ann Lee", "sleeps")).tags
    written = answers(names, tmp_path / "in.txt", text, read="words", with_input=True)
    assert written == f"Ann Lee\t1\tO\t{tags[0]}\nsleeps\t2\tO\t{tags[1]}\n\n"
    written = answers(names, tmp_path / "in.txt", "Ann\n\n\tAnn\n", with_input=True)
    one = "# text = Ann\nAnn\t{}\n\n".format(*names.predict("Ann").tags)
    assert written == f"{one}\n{one}"


def test_a_sentence_that_cannot_be_read_is_passed_over(parts_of_speech, tmp_path):
    good = "1\tdog" + 8 * "\t_" + "\n\n"
    (tmp_path / "in.conllu").write_text(good + good.replace("1", "2") + good + good.replace("_", "", 1) + "\n" + good)
    for on_error, blanks in (("skip", 0), ("blank", 2)):
        result = [*parts_of_speech.output(str(tmp_path / "in.conllu"), options=TagPrediction(on_error=on_error))]
        assert [one.text for one in result if not isinstance(one, str)] == [
            f"{tmp_path}/in.conllu, line 3: the id 2 is out of order; expected 1; "
            + ("left out" if on_error == "skip" else "its answer is blank"),
            f"{tmp_path}/in.conllu, line 7: column 3 (lemma) is empty; write _ where there is nothing; "
            + ("left out" if on_error == "skip" else "its answer is blank"),
        ]
        assert sum(one.startswith("1\tdog") for one in result if isinstance(one, str)) == 3
        assert result.count("") == 3 + blanks


def test_conllu_keeps_all_but_its_tags_byte_for_byte(parts_of_speech, names, tmp_path):
    lines = [
        "# only a comment",
        "",
        "# sent_id = 1",
        "1-2\tdog's\t_\t_\t_\t_\t_\t_\t_\tA=b",
        "1\tdog\tdog\tX\tNN\tNumber=Sing\t0\troot\t_\t_",
        "2\t's\tbe\tX\tVBZ\t_\t1\tcop\t1:cop\tSpaceAfter=No",
        "2.1\te\t_\t_\t_\t_\t_\t_\t1:x\t_",
    ]
    text = "\n".join(lines) + "\n\n"
    written = answers(parts_of_speech, tmp_path / "in.conllu", text, read="conllu")
    tags = parts_of_speech.predict(("dog", "'s")).tags
    expected = text.replace("dog\tX", f"dog\t{tags[0]}").replace("be\tX", f"be\t{tags[1]}")
    assert written == expected
    sure = answers(parts_of_speech, tmp_path / "in.conllu", text, read="conllu", confidence=True)
    shares = [float(share) for share in list(read_conllu(sure.split("\n")))[1].values("misc=Confidence")]
    assert shares == pytest.approx(parts_of_speech.predict(("dog", "'s")).probabilities, abs=1e-4)
    other = answers(names, tmp_path / "in.conllu", text, read="conllu")
    assert list(read_conllu(other.split("\n")))[1].values("misc=Tag") == names.predict(("dog", "'s")).tags


def test_n_best_are_written_with_their_probabilities(names, tmp_path):
    written = answers(names, tmp_path / "in.txt", "with Ann\n", n_best=2, confidence=True)
    ranked = names.n_best(("with", "Ann"), 2)
    assert written.count("# rank = ") == 2
    assert f"# probability = {np.float32(ranked[0].probability)!s}\n" in written
    assert f"Ann\t{ranked[0].tags[1]}\t{np.float32(ranked[0].probabilities[1])!s}\n" in written


def test_malformed_conllu_is_named_after_the_answers_before_it(parts_of_speech, tmp_path):
    good = "1\tdog" + 8 * "\t_" + "\n\n"
    with pytest.raises(elman.DataError, match=r"in.conllu, line 4: expected 10 columns; got 1"):
        answers(parts_of_speech, tmp_path / "in.conllu", good + "# comment\nbad\n\n", read="conllu")


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_sentence_is_named(names):
    for nothing in ("", "  ", (), ("a", "")):
        with pytest.raises(elman.DataError, match="expected a text or words to tag"):
            names.predict(nothing)
    with pytest.raises(elman.ConfigError, match="count: expected at least 1; got 0"):
        names.n_best("a", 0)
    with pytest.raises(elman.ConfigError, match="n_best"):
        TagPrediction(n_best=0)
    assert names.predict_all([]) == []


def test_what_evaluate_reads_is_checked_as_in_training(names, tmp_path):
    (tmp_path / "a.txt").write_text("with O\nAnn I-PER\n")
    with pytest.raises(elman.DataError, match="I-PER cannot follow O"):
        names.read(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("with O\nAnn B-PER\n")
    assert names.evaluate(names.read(tmp_path / "a.txt")).words == 2
