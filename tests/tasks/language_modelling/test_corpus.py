import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from elman import DataError, VocabularyError
from elman.formats.text import TextSource
from elman.tasks.language_modelling import corpus
from elman.tasks.language_modelling.corpus import read_corpus
from elman.words.vocabulary import Characters

SETTINGS: list[dict[str, Any]] = [
    dict(vocabulary="characters"),
    dict(vocabulary="characters", lower=True),
    dict(vocabulary="bytes"),
    dict(vocabulary="words", min_count=2),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_text_on_disk_equals_text_in_memory(tmp_path, monkeypatch, settings):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = TextSource.of_text("t", "The cat, the hat; Ünïcode.\n" * 50)
    kept = read_corpus(source, validation=20, test=10, **settings)
    monkeypatch.setattr(corpus, "IN_MEMORY", 10)
    mapped = read_corpus(source, validation=20, test=10, **settings)
    again = read_corpus(source, validation=20, test=10, **settings)
    for part in ("train", "validation", "test"):
        expected = getattr(kept, part).tokens[:]
        np.testing.assert_array_equal(getattr(mapped, part).tokens[:], expected)
        np.testing.assert_array_equal(getattr(again, part).tokens[:], expected)
    assert mapped.codec == kept.codec == again.codec
    assert mapped.fingerprint == kept.fingerprint
    assert len(list((tmp_path / "elman" / "tokens").glob("*.ids"))) == 1
    assert not list((tmp_path / "elman" / "tokens").glob("*.tmp"))


def test_the_cache_is_keyed_by_content_and_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(corpus, "IN_MEMORY", 10)
    prints = {
        read_corpus(TextSource.of_text("t", text), **settings).fingerprint
        for text in ("abcd " * 20, "abce " * 20)
        for settings in SETTINGS
    }
    assert len(prints) == len(list((tmp_path / "elman" / "tokens").glob("*.ids"))) == 8


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ids, description: (ids.write_bytes(ids.read_bytes()[:7]), description.unlink()),
        lambda ids, description: ids.write_bytes(ids.read_bytes()[:7]),
        lambda ids, description: ids.unlink(),
        lambda ids, description: description.write_bytes(description.read_bytes()[:9]),
    ],
    ids=["unfinished", "cut", "deleted", "description cut"],
)
def test_a_spoilt_cache_is_made_again(tmp_path, monkeypatch, spoil):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(corpus, "IN_MEMORY", 10)
    source = TextSource.of_text("t", "abcd " * 20)
    whole = read_corpus(source).train.tokens[:]
    (ids,) = (tmp_path / "elman" / "tokens").glob("*.ids")
    spoil(ids, ids.with_suffix(".json"))
    np.testing.assert_array_equal(read_corpus(source).train.tokens[:], whole)


def test_splits_are_by_place():
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    data = read_corpus(TextSource.of_text("t", text), validation=0.1, test=50)
    decode = lambda part: data.codec.decode(part.tokens[:].tolist())
    assert decode(data.train) == text[:850]
    assert decode(data.validation) == text[850:950]
    assert decode(data.test) == text[950:]


def test_a_share_is_capped_and_a_count_is_not(monkeypatch):
    monkeypatch.setattr(corpus, "LARGEST_SHARE", 30)
    data = read_corpus(TextSource.of_text("t", "ab" * 500), validation=0.1, test=100)
    assert (len(data.validation), len(data.test)) == (30, 100)


def test_a_codec_that_is_given_is_used():
    codec = Characters.of(["abc"])
    data = read_corpus(TextSource.of_text("t", "cab"), codec=codec, validation=0, test=0)
    assert data.train.tokens[:].tolist() == [3, 1, 2]
    with pytest.raises(VocabularyError, match=r"t, line 1: the vocabulary has no 'z' .*, character 3;"):
        read_corpus(TextSource.of_text("t", "caz"), codec=codec)
    data = read_corpus(TextSource.of_text("t", "cazb"), codec=codec, unknown="skip", validation=0, test=0)
    assert data.train.tokens[:].tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "empty; expected text of at least 2 tokens"),
        ("\ufeff", {}, "0 characters of text; expected at least 2"),
        ("abc", dict(at_least=500), "3 characters of text; expected at least 500"),
        ("abc", dict(validation=2, test=2), "3 characters leave 0 to train on"),
        ("a b c d", dict(vocabulary="words", min_count=5), "min_count 5 leaves no word"),
    ],
)
def test_texts_that_are_too_little(text, settings, message):
    with pytest.raises(DataError, match=message):
        read_corpus(TextSource.of_text("t", text), **settings)


@pytest.mark.slow
def test_a_large_text_is_read_in_little_memory(tmp_path):
    """120 MB here; `benchmarks/large_text.py` trains on 1 GB."""
    path = tmp_path / "large.txt"
    with open(path, "w") as file:
        for line in range(120):
            file.write(f"line {line}: the quick brown fox\n" * (1_000_000 // 28))
    program = (
        "import sys, resource; from elman.formats.text import TextSource\n"
        "from elman.tasks.language_modelling.corpus import read_corpus\n"
        "from elman.words.streams import Streams\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "data = read_corpus(TextSource.open(sys.argv[1]))\n"
        "streams = Streams(data.train.tokens, batch_size=32, unroll_length=64)\n"
        "for index in range(0, len(streams), 10): streams[index]\n"
        "print(len(data.train), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    count, grown = map(int, done.stdout.split())
    assert count > 100_000_000
    assert grown < 100_000  # KiB
