import pytest

from elman._errors import DataError
from elman.tasks.tagging.generated import sentences


def test_the_seed_makes_the_data():
    assert sentences(10, seed=1) == sentences(10, seed=1) != sentences(10, seed=2)


def test_a_sentence_has_one_reading():
    readings = {}
    for words, tags, *_ in sentences(30_000, seed=4):
        assert len(words) == len(tags)
        assert readings.setdefault(words, tags) == tags
    tags_of = {}
    for words, tags in readings.items():
        for word, tag in zip(words, tags, strict=True):
            tags_of.setdefault(word, set()).add(tag)
    assert {"VERB", "NOUN"} <= tags_of["watch"]
    assert tags_of["light"] == {"ADJ", "NOUN", "VERB"}
    assert sum(len(tags) > 1 for tags in tags_of.values()) > 20


def test_more_sentences_than_there_are(monkeypatch):
    from elman.tasks.tagging import generated

    monkeypatch.setattr(generated, "_sentence", lambda random: iter([("yes", "INTJ")]))
    with pytest.raises(DataError, match="there are about 1 sentences; got a request for 2"):
        sentences(2)
