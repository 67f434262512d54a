import re

import numpy as np
import pytest

pytest.importorskip("sentencepiece")


def test_subwords(names):
    held, vocabularies = names["held"], names["vocabularies"]
    assert len({message for message, _ in names["messages"]}) == len(names["messages"]) == 500
    for message, _ in held:
        assert vocabularies["sub-words"].decode(vocabularies["sub-words"].encode(message)) == message
    lengths = {name: names["per_message"][name] for name in ("characters", "sub-words", "words")}
    assert lengths["characters"] > lengths["sub-words"] > lengths["words"]
    known = set(names["text"])
    assert lengths["characters"] == np.mean([sum(sign in known for sign in message) for message, _ in held])
    met = set(vocabularies["words"].words_of(names["text"]))
    missing = [not met.issuperset(vocabularies["words"].words_of(message)) for message, _ in held]
    assert names["unknowns"]["words"] == np.mean(missing) > names["unknowns"]["characters"]

    assert names["join"](list("aabaaab"), ("a", "a")) == ["aa", "b", "aa", "a", "b"]
    paper = {"low": 5, "lower": 2, "newest": 6, "widest": 3}  # Sennrich, Haddow and Birch (2016), without word ends
    assert names["byte_pairs"](paper, 6) == ["es", "est", "lo", "low", "ne", "new"]
    joined = "\n".join(names["letters"])
    first = names["merges"][0]
    assert joined.count(first) == max(joined.count(pair) for pair in set(re.findall("(?=([ a-z][a-z]))", joined)))
    assert names["same"] >= 0.8 * len(names["merges"])  # equally frequent pairs may come in either order

    learn_from, choose_by = names["few_messages"](30, 0)
    assert (len(learn_from), len(choose_by)) == (20, 10)
    for some in (learn_from, choose_by):
        assert sum(label == "spam" for _, label in some) == len(some) / 2
    assert len({*learn_from, *choose_by} - set(held)) == 30
    top, vectors = names["rates"][0]
    assert [by_epoch[top] for by_epoch in names["rates"]] == [0, 0, 0.4, 0.4, 0.4, 0.4]
    np.testing.assert_allclose([by_epoch[vectors] for by_epoch in names["rates"]], [0, 0, 0, 0, 0.16, 0.16])
    assert names["moved"]["frozen"] == 0 < names["moved"]["at once"]
    frozen, thawed, at_once = (names["scores"][name, 90].mean() for name in ("frozen", "language model", "at once"))
    assert frozen > at_once
    assert 0.5 < thawed < 1  # always ham has less than a half
    assert names["pictures"] == ["29-subwords"]
