"""One label, word or character in two normal forms is one for every task, and its codec says so after training too."""

import json
import unicodedata
from typing import Any

import jax
import msgspec
import numpy as np
import pytest

import elman
from elman.formats import text as text_module
from elman.tasks.classification.reading import read_labelled
from elman.tasks.classification.unlabelled import texts_asked
from elman.tasks.load import task_of
from elman.tasks.registry import TASKS, find_task
from elman.tasks.series_classification.reading import ColumnRoles, read_series_parts
from elman.words._vocabulary import form_of

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
TEXT = "Une idée à côté du café, où l’œuf ﬁn coûte 5 Å; 각 한국어 तुम् प\u093c in NFC\n"


def both(text):
    return [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]


def normal(value):
    """Settings for tasks whose labels and texts are to be compared as they are spelt, or in NFC by default."""
    return {} if value == "NFC" else {"normal_form": value}


@pytest.mark.parametrize(("form", "classes"), [("NFC", ("bar", "caf\xe9")), ("none", ("bar", "cafe\u0301", "caf\xe9"))])
def test_labels_that_look_alike_are_one_class(tmp_path, form, classes):
    rows = [(f"a cup {n}", label) for n in range(6) for label in (*both("café"), "bar", "bar")]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    task = elman.Classification(hidden_size=8, embedding_size=8, **normal(form))
    for data in (task.read(tmp_path / "a.jsonl"), task.read_texts(rows)):
        assert data.codec.labels == classes
        assert sum(map(len, (data.train, data.validation, data.test))) == 24
    part = task.read_part(data.codec, tmp_path / "a.jsonl")
    assert {example.label for example in part.examples} == set(range(len(classes)))


def test_series_of_one_name_and_class_in_two_forms_are_one(tmp_path):
    names, rows = both("é"), ["series,x,label"]
    for number in range(6):
        rows += [f"{names[step % 2]}{number},{step},{names[(number + step) % 2]}" for step in range(4)]
        rows += [f"b{number},{step},b" for step in range(4)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    data = elman.SeriesClassification().read(tmp_path / "a.csv")
    assert data.codec.labels == ("b", "\xe9")
    assert {len(series.values) for part in (data.train, data.validation, data.test) for series in part.examples} == {4}
    marks = elman.SeriesClassification().read_series([(np.ones((2, 1)), name) for name in (*names, "b") * 4])
    assert marks.codec.labels == ("b", "\xe9")


def test_columns_and_series_of_forecasts_are_compared_in_normal_form(tmp_path):
    names = both("é")
    rows = [f"{names[step % 2]} ,{step},{step % 5},1" for step in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["unique_id,ds, \ufefflade\u0301,prix\xa0", *rows]))
    task = elman.Forecasting(target=("ladé",), past=("prix",), horizon=2, window=4)
    for kind in (task, msgspec.structs.replace(task, target=("lade\u0301",))):
        data = kind.read(tmp_path / "a.csv")
        assert (data.codec.series, data.codec.targets, data.codec.past) == (("\xe9",), ("lad\xe9",), ("prix",))
    earlier = msgspec.structs.replace(data.codec, targets=("lade\u0301",))
    assert task.histories(tmp_path / "a.csv", codec=earlier).histories[0].name == "\xe9"
    table = {"ds": range(40), " lade\u0301": np.arange(40.0) % 5, "prix": [1] * 40}
    assert task.read_table(table).codec.targets == ("lad\xe9",)
    spelt = msgspec.structs.replace(task, normal_form="none", horizon=1, window=2)
    assert len(spelt.histories(tmp_path / "a.csv", codec=earlier).histories) == 2


def test_columns_of_texts_and_series_are_compared_in_normal_form(tmp_path):
    head = '"id", label,"\ufeffavis e\u0301crit"'
    (tmp_path / "a.csv").write_text("\n".join([head, *(f"{n},{'ab'[n % 2]},un deux" for n in range(8))]))
    task = elman.Classification(text_column="avis \xe9crit", label_column="label ")
    assert task.read(tmp_path / "a.csv").codec.labels == ("a", "b")
    asked = {"read": "auto", "column": "avis \xe9crit", "encoding": "utf-8"}
    group: Any = next(texts_asked(str(tmp_path / "a.csv"), is_label=bool, **asked))
    assert (group[0].asked, group[0].table.head) == ("un deux", ("id", " label", "\ufeffavis e\u0301crit"))
    (tmp_path / "b.jsonl").write_text('{"text ": "one", "label": "a"}\n{" text": "two", "label": "a"}\n')
    assert [one.text for one in read_labelled(tmp_path / "b.jsonl").train] == ["one", "two"]
    (tmp_path / "b.jsonl").write_text('{"text ": "one", "text": "two", "label": "a"}\n')
    with pytest.raises(elman.DataError, match="line 1: 'text' is there twice"):
        read_labelled(tmp_path / "b.jsonl")
    (tmp_path / "c.csv").write_text("series,Re\u0301sultat,label\n a,1,x\na ,2,x\n")
    columns = ColumnRoles(values=("R\xe9sultat",))
    assert [len(one.values) for one in read_series_parts(tmp_path / "c.csv", columns=columns).train] == [2]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("settings", [{}, {"pieces": "words", "vocabulary": "characters"}], ids=str)
def test_a_classifier_reads_every_spelling_alike(form, settings):
    texts = [(spelt, label) for spelt in both(TEXT) for label in "ab" for _ in range(3)]
    data = elman.Classification(normal_form=form, lower=False, **settings).read_texts(texts)
    first, second = ([ids.tolist() for ids in data.codec.encode(spelt)] for spelt in both(TEXT))
    assert first == second
    assert all(unicodedata.is_normalized(form, token) for token in data.codec.vocabulary.tokens)
    assert 1 not in first[0] or settings


@pytest.mark.parametrize("form", ["NFC", "NFKD"])
@pytest.mark.parametrize("kind", ["characters", "words", "subwords"])
def test_a_language_model_reads_every_spelling_alike(tmp_path, monkeypatch, form, kind):
    if kind != "subwords":  # these are learned from lines, and from the parts of those that lie across pieces
        monkeypatch.setattr(text_module, "PIECE", 7)
    task = elman.LanguageModelling(vocabulary=kind, normal_form=form, validation=40, test=0, unroll_length=8)
    pieces = []
    for name, spelt in zip(("nfc.txt", "nfd.txt"), both(TEXT * 12), strict=True):
        (tmp_path / name).write_text(spelt)
        pieces.append(task.read(tmp_path / name))
    ids = [np.concatenate([data.train.tokens[:], data.validation.tokens[:]]) for data in pieces]
    np.testing.assert_array_equal(ids[0], ids[1])
    assert pieces[0].codec == pieces[1].codec
    assert pieces[0].codec.decode(ids[0].tolist()) == unicodedata.normalize(form, TEXT * 12)
    np.testing.assert_array_equal(*map(pieces[0].codec.encode, both("idée 각")))
    task.configure(pieces[0])
    with pytest.raises(elman.DataError, match="another task read it"):
        elman.LanguageModelling(vocabulary=kind, normal_form="none").configure(pieces[0])


def test_the_place_of_an_unknown_character_is_counted_in_normal_form(tmp_path):
    codec = elman.LanguageModelling(validation=2, test=0, unroll_length=8).read_text("café " * 9).codec
    with pytest.raises(elman.VocabularyError, match=r"has no 'x' \(U\+0078\), character 6"):
        codec.encode("cafe\u0301 x")


@pytest.mark.parametrize("spelt", both(TEXT * 9))
def test_bytes_are_read_as_they_are(tmp_path, spelt):
    (tmp_path / "a.txt").write_text(spelt)
    task = elman.LanguageModelling(vocabulary="bytes", validation=2, test=0, unroll_length=8)
    data = task.read(tmp_path / "a.txt")
    assert bytes([*data.train.tokens[:], *data.validation.tokens[:]]) == spelt.encode()
    task.configure(data)
    spelt = spelt.partition("\n")[0]
    texts = elman.Classification(vocabulary="bytes", lower=False).read_texts([(spelt, label) for label in "aabb" * 3])
    assert bytes(texts.codec.encode(spelt)[0].tolist()) == spelt.encode()


@pytest.mark.parametrize("units", [("characters", "words"), ("subwords", "characters")])
@pytest.mark.parametrize("form", FORMS)
def test_pairs_that_look_alike_are_one(form, units):
    lines = [(source, target) for n in range(9) for source in both(f"née {n}") for target in both(f"Å {n}")]
    lines += [("\u0301a", "\u0301b"), ("e", "f")]  # a text may begin with a mark, which belongs to no other text
    source, target = units
    task = elman.Seq2Seq(source_vocabulary=source, target_vocabulary=target, normal_form=form, validation=1, test=0)
    data = task.read_pairs(lines)
    pairs = [*data.train.examples, *data.validation.examples]
    assert len(pairs) == 11
    assert all(len(pair.targets) == 1 for pair in pairs)
    for side in ("source", "target"):
        texts = both("née 1" if side == "source" else "Å 1")
        rows = data.codec.rows(side, [*texts, "\u0301a" if side == "source" else "\u0301b"])
        first, second, third = np.split(rows.ids, rows.starts[1:-1])
        np.testing.assert_array_equal(first, second)
        assert data.codec.source.decode(third.tolist()) == "\u0301a" or side == "target"


@pytest.mark.parametrize("form", FORMS)
def test_a_tagger_looks_words_up_in_normal_form_and_keeps_their_spelling(form):
    composed, apart = both("Idée")
    sentences = [((word, "x"), (tag, "B")) for word, tag in zip((composed, apart) * 6, both("é") * 6, strict=True)]
    task = elman.Tagging(normal_form=form)
    data = task.read_sentences(sentences)
    assert len(data.codec.tags) == 2
    assert {word for sentence in data.train.examples for word in sentence.words} == {composed, apart, "x"}
    np.testing.assert_array_equal(*(data.codec.word_ids([word]) for word in (composed, apart)))
    np.testing.assert_array_equal(*(data.codec.letter_ids(word) for word in (composed, apart)))
    assert 1 not in data.codec.word_ids([apart])
    assert 1 not in data.codec.letter_ids(apart)


@pytest.mark.parametrize("name", [name for name in TASKS if "normal_form" in find_task(name).__struct_fields__])
def test_models_saved_before_there_was_a_normal_form_have_none(name):
    kind = find_task(name)
    settings = kind().to_builtins()
    del settings["type"]
    assert task_of(kind, settings).to_builtins()["normal_form"] == "NFC"
    del settings["normal_form"]
    assert task_of(kind, settings).to_builtins()["normal_form"] == "none"


def test_a_codec_without_a_normal_form_is_saved_as_it_was():
    characters = elman.words.vocabulary.Characters.of(["abc"])
    assert form_of(characters.normal_form) == "none"
    assert set(msgspec.to_builtins(characters)) == {"kind", "tokens", "lower"}


def untrained(task, data):
    """A model with random weights, saved and loaded again by the caller."""
    task = task.configure(data)
    return type(task).fitted_class(task=task, codec=data.codec, model=task.build(data.codec, key=jax.random.key(0)))


def test_a_saved_language_model_reads_primes_and_queries_in_its_form(tmp_path):
    task = elman.LanguageModelling(vocabulary="words", hidden_size=4, embedding_size=3, num_layers=1, unroll_length=8)
    untrained(task, task.read_text("thé café, été " * 40)).save(tmp_path / "a.elman")
    fitted = elman.load(tmp_path / "a.elman")
    first, second = (fitted.generate(prime, length=9, seed=1) for prime in both("un café"))
    assert first == second
    assert unicodedata.is_normalized("NFC", first)
    near = [elman.word_vectors(fitted).neighbours(word, 3) for word in both("été")]
    assert near[0] == near[1]


@pytest.mark.slow
def test_saved_models_of_texts_pairs_and_tags_answer_every_spelling_alike(tmp_path):
    classification = elman.Classification(hidden_size=4, embedding_size=4)
    pairs, tagging = elman.Seq2Seq(hidden_size=4, embedding_size=4), elman.Tagging(hidden_size=4, num_layers=1)
    texts = both("Une idée à côté")
    data = {
        classification: classification.read_texts([(text, label) for text in texts for label in "ab" * 9]),
        pairs: pairs.read_pairs([(f"{text} {n}", texts[1]) for n in range(20) for text in texts]),
        tagging: tagging.read_sentences([(text.split(), ("A", "B", "C", "D")) for text in texts for _ in range(9)]),
    }
    for number, (task, read) in enumerate(data.items()):
        untrained(task, read).save(tmp_path / f"{number}.elman")
        answers = elman.load(tmp_path / f"{number}.elman").predict_all(texts)
        if task is tagging:
            assert [answer.words for answer in answers] == [tuple(text.split()) for text in texts]
            answers = [answer.probabilities for answer in answers]
        assert answers[0] == answers[1]
