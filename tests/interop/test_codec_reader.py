"""The readers of `codec.json` that an export holds, in Python and in JavaScript, against the codecs themselves."""

import json
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

import elman
from elman.interop import codec_reader
from elman.interop.codec_reader import Codec
from elman.interop.export import codec_file
from elman.ops.crf import Chain
from elman.tasks.classification.logits import all_logits
from elman.tasks.seq2seq.codec import PairCodec, SpacedTokens
from elman.tasks.tagging.decoding import BatchScores, decode
from elman.words.lexicon import Lexicon
from elman.words.vocabulary import Bytes, Characters, Words

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
WORDS = ["The", "cat", "zébrafollowsthekingandthedogsandcats", "ÉTÉ", "e\u0301te\u0301", "मौसम", "."]
PIECES = [
    *"abnstTNdrevlm'’-.,:/·`\" \n0123٫١éßſİΣ_²אב״가ᄀ中",
    *("n't", "N'T", "'s", "'LL", "-lrb-", "l'", "e\u0301", "शि", "ภาษา", "👨", "👩🏽", "🇩", "the", " prize", "cash"),
    *"\u200d\u200b\u200e\ufe0f\u00ad\u0600\x1c\x85\u202f\ufeff\u0e33",
]


def texts(count=150):
    chosen = random.Random(0)
    return ["".join(chosen.choices(PIECES, k=chosen.randrange(1, 12))) for _ in range(count)]


def loaded(name):
    return elman.load(ARTEFACTS / name / "model")


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A trained model of each kind of codec, and the file of its export."""
    fitted = {name: loaded(name) for name in ("classification", "classification-several", "classification-subwords",
                                              "series-classification", "language-modelling", "tagging", "tagging-bilou",
                                              "seq2seq")}  # fmt: skip
    french = Lexicon.of(["l'eau l'art l'air l'or eau art air or n'est"], lower=True, normal_form="NFKC")
    one = fitted["classification"]
    fitted["unicode"] = replace(one, codec=msgspec.structs.replace(one.codec, vocabulary=french))
    skips = msgspec.structs.replace(one.codec, vocabulary=Characters.of(["abe\u0301"], normal_form="NFC"))
    fitted["skips"] = replace(one, codec=skips)
    both = PairCodec(Words.of(texts(30), lower=True), SpacedTokens.of(texts(30)))
    turned = msgspec.structs.replace(fitted["seq2seq"].task, reverse_inputs=True, reverse_answers=True)
    fitted["pairs"] = replace(fitted["seq2seq"], codec=both, task=turned)
    fitted["bytes"] = replace(fitted["language-modelling"], codec=Bytes())
    folder = tmp_path_factory.mktemp("codecs")
    for name, one in fitted.items():
        (folder / f"{name}.json").write_bytes(codec_file(one))
    return {name: (one, folder / f"{name}.json") for name, one in fitted.items()}


CLASSIFIERS = ("classification", "classification-several", "classification-subwords", "unicode", "skips")


def expected_ids(exports):
    """The numbers of each text, by the codecs."""
    ids = {name: [exports[name][0].codec.encode(text)[0].tolist() for text in texts()] for name in CLASSIFIERS}
    pairs = exports["pairs"][0].codec
    ids["pairs source"] = [pairs.source.encode(text)[::-1].tolist() for text in texts()]
    ids["pairs target"] = [pairs.target.encode(text)[::-1].tolist() for text in texts()]
    ids["bytes"] = [list(text.encode()) for text in texts()]
    return ids


def expected_texts(exports):
    """The text of some numbers, by the codecs."""
    numbers = np.random.default_rng(0).integers(0, 200, (20, 9))
    words, spaced = (getattr(exports["pairs"][0].codec, side) for side in ("source", "target"))
    known = {
        "pairs source": (words, numbers % words.size),
        "pairs target": (spaced, numbers % spaced.size),
        "classification-subwords": (exports["classification-subwords"][0].codec.vocabulary, numbers + 50),
        "bytes": (Bytes(), numbers),
    }
    turned = {name: -1 if name.startswith("pairs") else 1 for name in known}
    return {
        name: [(row.tolist(), vocabulary.decode(row[:: turned[name]])) for row in rows]
        for name, (vocabulary, rows) in known.items()
    }


def reader(exports, name):
    name, _, part = name.partition(" ")
    return Codec(exports[name][1], part or None)


def tagger_inputs(codec):
    letters = [codec.letter_ids(word) for word in WORDS]
    return {
        "words": [codec.word_ids(WORDS).tolist()],
        "spellings": [list(range(len(WORDS)))],
        "letters": [np.pad(one, (0, max(map(len, letters)) - len(one))).tolist() for one in letters],
        "letter_counts": [len(one) for one in letters],
        "lengths": [len(WORDS)],
    }


def answers(exports):
    """The logits of some texts and series, and the answers of `predict` to them."""
    for name in ("classification", "classification-several", "classification-subwords"):
        fitted = exports[name][0]
        some = ["win cash now", "see you at home", "Brie with pesto", "été 中文"]
        logits = all_logits(fitted.model, [fitted.codec.unlabelled(text) for text in some], fitted.codec)
        for one, row in zip(fitted.predict_all(some), logits.tolist(), strict=True):
            yield name, row, {"labels": list(one.labels), "probabilities": one.probabilities}


def best_tags(exports):
    """Taggers with transitions between tags, scores of sentences, and the tags that the decoding finds."""
    draw = np.random.default_rng(1)
    for name in ("tagging", "tagging-bilou"):
        fitted = exports[name][0]
        tags = len(fitted.codec.tags)
        sizes = ((tags, tags), (tags,), (tags,))
        transitions = Chain(*(jnp.asarray(draw.normal(size=size), jnp.float32) for size in sizes))
        model = eqx.tree_at(lambda one: one.chain.scores, fitted.model, transitions, is_leaf=lambda leaf: leaf is None)
        fitted = replace(fitted, model=model)
        scores = draw.normal(size=(4, 7, tags)).astype(np.float32)
        lengths = [1, 2, 5, 7]
        mask = np.arange(7) < np.array(lengths)[:, None]
        best = np.asarray(decode(model.chain, BatchScores(jnp.asarray(scores), jnp.asarray(mask))).tags[:, 0])
        rows = [row[:length].tolist() for row, length in zip(scores, lengths, strict=True)]
        yield (
            fitted,
            rows,
            [[fitted.codec.tags[n] for n in row[:length]] for row, length in zip(best, lengths, strict=True)],
        )


def test_the_numbers_of_texts_in_python(exports):
    for name, rows in expected_ids(exports).items():
        one = reader(exports, name)
        assert [one.ids(text) for text in texts()] == rows
    for name, pairs in expected_texts(exports).items():
        assert [reader(exports, name).text(ids) for ids, _ in pairs] == [text for _, text in pairs]
    codec, file = exports["language-modelling"][0].codec, exports["language-modelling"][1]
    assert Codec(file).text(codec.encode("the cat")) == "the cat"
    with pytest.raises(ValueError, match="the vocabulary has no 'Q'"):
        Codec(file).ids("Q")
    assert (
        Codec(exports["seq2seq"][1], "source").ids("12+3") == exports["seq2seq"][0].codec.source.encode("12+3").tolist()
    )


def test_what_is_read_in_pieces_is_refused(exports, tmp_path):
    fitted = exports["unicode"][0]
    reading = msgspec.structs.replace(fitted.codec.reading, pieces="words")
    (tmp_path / "pieces.json").write_bytes(
        codec_file(replace(fitted, codec=msgspec.structs.replace(fitted.codec, reading=reading)))
    )
    with pytest.raises(ValueError, match="texts in pieces"):
        Codec(tmp_path / "pieces.json").ids("a text")
    with pytest.raises(ValueError, match="reads words or series"):
        Codec(exports["tagging"][1]).ids("a text")


def test_answers_in_python(exports):
    for name, logits, answer in answers(exports):
        found = reader(exports, name).answer(logits)
        assert found["labels"] == answer["labels"]
        assert found["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-6)
        assert [*found["probabilities"]] == [*answer["probabilities"]]
    assert exports["classification"][0].temperature != 1
    fitted, file = exports["series-classification"]
    series = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(Codec(file).inputs(series.tolist())["values"][0], fitted.codec.encode(series), atol=1e-6)


def test_sentences_and_tags_in_python(exports, tmp_path):
    for name in ("tagging", "tagging-bilou"):
        assert reader(exports, name).sentence(WORDS) == tagger_inputs(exports[name][0].codec)
    for fitted, rows, tags in best_tags(exports):
        (tmp_path / "codec.json").write_bytes(codec_file(fitted))
        assert [Codec(tmp_path / "codec.json").tags(row) for row in rows] == tags


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node, to run the reader in JavaScript")
def test_the_reader_in_javascript(exports, tmp_path):
    (tmp_path / "codec.mjs").write_bytes(Path(codec_reader.__file__).with_suffix(".js").read_bytes())
    ids, written, taggers = expected_ids(exports), expected_texts(exports), list(best_tags(exports))
    values = {
        "files": {name: json.loads(file.read_text()) for name, (_, file) in exports.items()},
        "texts": texts(),
        "ids": [*ids],
        "written": {name: [ids for ids, _ in pairs] for name, pairs in written.items()},
        "answers": list(answers(exports)),
        "words": WORDS,
        "taggers": [(json.loads(codec_file(fitted)), rows) for fitted, rows, _ in taggers],
    }
    (tmp_path / "values.json").write_text(json.dumps(values))
    (tmp_path / "run.mjs").write_text(SCRIPT)
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for name, rows in ids.items():
        assert found["ids"][name] == rows, name
    assert found["written"] == {name: [text for _, text in pairs] for name, pairs in written.items()}
    for (labels, shares), (_, _, answer) in zip(found["answers"], values["answers"], strict=True):
        assert labels == answer["labels"]
        assert dict(shares) == pytest.approx(answer["probabilities"], abs=1e-6)
    assert found["tags"] == [tags for _, _, tags in taggers]
    assert found["sentence"] == tagger_inputs(exports["tagging-bilou"][0].codec)
    assert found["unknown"] == 'the vocabulary has no "Q"'


SCRIPT = """
import { readFileSync } from "node:fs";
import { Codec } from "./codec.mjs";
const values = JSON.parse(readFileSync("values.json", "utf8"));
const reader = (name) => new Codec(values.files[name.split(" ")[0]], name.split(" ")[1]);
const each = (names, of) => Object.fromEntries(names.map((name) => [name, of(reader(name), name)]));
let unknown = "";
try { reader("language-modelling").ids("Q"); } catch (error) { unknown = error.message; }
console.log(JSON.stringify({
  unknown,
  ids: each(values.ids, (codec) => values.texts.map((text) => codec.ids(text))),
  written: each(Object.keys(values.written), (codec, name) => values.written[name].map((ids) => codec.text(ids))),
  answers: values.answers.map(([name, logits]) => reader(name).answer(logits))
    .map((one) => [one.labels, [...one.probabilities]]),
  tags: values.taggers.map(([codec, rows]) => rows.map((row) => new Codec(codec).tags(row))),
  sentence: reader("tagging-bilou").sentence(values.words),
}));
"""
