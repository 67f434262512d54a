import random
import sys
import time

import numpy as np
import pytest

from elman import ConfigError, DataError
from elman.tasks.seq2seq import scores as sequences_module
from elman.tasks.seq2seq.scores import SequenceScores, bleu, chrf, edit_distance, edit_distances


def by_recursion(one, other, seen=None):
    seen = {} if seen is None else seen
    if not one or not other:
        return len(one) + len(other)
    if (len(one), len(other)) not in seen:
        seen[len(one), len(other)] = min(
            by_recursion(one[1:], other, seen) + 1,
            by_recursion(one, other[1:], seen) + 1,
            by_recursion(one[1:], other[1:], seen) + (one[0] != other[0]),
        )
    return seen[len(one), len(other)]


@pytest.mark.parametrize("at_once", [1, 60, 1 << 18])
def test_distances_are_those_of_the_definition(at_once, monkeypatch):
    monkeypatch.setattr(sequences_module, "AT_ONCE", at_once)
    draw = random.Random(0)
    texts = ["".join(draw.choices("abc", k=draw.choice([0, 1, 2, 5, 12]))) for _ in range(300)]
    ones, others = texts[:150], texts[150:]
    expected = [by_recursion(one, other) for one, other in zip(ones, others, strict=True)]
    assert edit_distances(ones, others).tolist() == expected
    assert [edit_distance(list(one), other) for one, other in zip(ones[:20], others[:20], strict=True)] == expected[:20]


def test_no_pair_and_empty_pairs_have_a_distance():
    assert edit_distances([], []).tolist() == []
    assert edit_distances(["", ""], ["", "ab"]).tolist() == [0, 2]


def test_seven_thousand_pairs_take_about_a_second():
    draw = random.Random(0)
    texts = ["".join(draw.choices("abcdefgh", k=draw.randint(5, 60))) for _ in range(14_000)]
    begun = time.perf_counter()
    edit_distances(texts[:7000], texts[7000:])
    assert time.perf_counter() - begun < 5  # one second on a quiet machine


def test_the_nearest_reference_counts():
    answers = [("K", "AE", "T"), ("D", "AO", "G"), (), ("A", "B", "C")]
    references = [
        [("K", "AE", "T", "S"), ("K", "AE", "T")],
        [("D", "AA", "G")],
        [("X", "Y")],
        [("A", "B"), tuple("ABCD")],
    ]
    scores = SequenceScores.of(answers, references)
    assert (scores.exact, scores.answers) == (1, 4)
    assert (scores.edits, scores.reference_tokens) == (0 + 1 + 2 + 1, 3 + 3 + 2 + 4)
    assert (scores.right_tokens, scores.compared_tokens) == (3 + 2 + 0 + 3, 3 + 3 + 2 + 4)
    assert (scores.exact_accuracy, scores.token_accuracy, scores.token_error_rate) == (1 / 4, 8 / 12, 4 / 12)


def test_surplus_tokens_count_as_wrong():
    scores = SequenceScores.of(["abcd"], [["ab"]])
    assert (scores.token_accuracy, scores.token_error_rate) == (0.5, 1.0)
    empty = SequenceScores.of([""], [[""]])
    assert (empty.exact_accuracy, empty.token_accuracy, empty.token_error_rate) == (1.0, 0.0, 0.0)


ANSWERS = ["the cat sat on the mat .", "a dog barks loudly", "hello world out there"]
REFERENCES = [
    ["the cat sat on a mat .", "the cat sat on the mat now ."],
    ["a dog barks very loudly"],
    ["hello world out there"],
]


@pytest.mark.parametrize(("score", "name"), [(bleu, "BLEU"), (chrf, "chrF2")])
def test_corpus_scores_are_those_of_sacrebleu(score, name):
    sacrebleu = pytest.importorskip("sacrebleu")
    theirs = sacrebleu.corpus_bleu if name == "BLEU" else sacrebleu.corpus_chrf
    first = [several[0] for several in REFERENCES]
    assert score(ANSWERS, [[text] for text in first]).value == pytest.approx(theirs(ANSWERS, [first]).score)
    many = score(ANSWERS, REFERENCES)
    assert many.value > score(ANSWERS, [[text] for text in first]).value
    assert many.name == name
    assert "nrefs:var" in many.signature
    assert score(first, REFERENCES).value == pytest.approx(100)
    assert str(many).startswith(f"{name} {many.value:.1f} (nrefs:var|case:mixed")


def test_bleu_of_one_sentence_worked_out_by_hand():
    """4 of 5 words, 2 of 4 pairs, 1 of 3 triples, 1 of 4 words' runs is smoothed: 0 of 2 counts as half."""
    pytest.importorskip("sacrebleu")
    precisions = [4 / 5, 2 / 4, 1 / 3, 0.5 / 2]
    expected = 100 * np.exp(np.mean(np.log(precisions)))
    assert bleu(["a b c x d"], [["a b c d e"]]).value == pytest.approx(expected)


def test_without_sacrebleu_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ConfigError, match=r"BLEU needs sacrebleu.*pip install 'elman\[metrics\]'"):
        bleu(ANSWERS, REFERENCES)


@pytest.mark.parametrize(
    ("answers", "references", "message"),
    [
        (["a"], [], "references for 1 answer; got 0"),
        ([], [], "no answer to measure"),
        (["a", "b"], [["a"], []], "answer 2 has no reference"),
    ],
)
def test_what_does_not_fit_is_refused(answers, references, message):
    for score in (SequenceScores.of, bleu):
        with pytest.raises(DataError, match=message):
            score(answers, references)
    with pytest.raises(DataError, match="expected pairs; got 1 sequences and 0"):
        edit_distances(["a"], [])
