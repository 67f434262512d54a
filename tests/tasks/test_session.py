"""The state of a session as a value: pieces, forks, files, damage."""

import json
import random
import subprocess
import sys

import jax
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

import elman
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.session import SavedSession
from elman.words.vocabulary import Bytes, Characters, Words

TEXT = "Café au lait — l'eau, ΟΔΟΣ und Straße.\nZe\u0301ro \N{GRINNING FACE} or not; it's 3·5 là\n"
VOCABULARIES = {
    "bytes": Bytes(),
    "characters": Characters.of([TEXT * 2]),
    "characters in a normal form": Characters.of([TEXT], lower=True, normal_form="NFC"),
    "words": Words.of([TEXT * 3], lower=True, normal_form="NFKC"),
}


def untrained(codec, **options):
    options = {"hidden_size": 12, "embedding_size": 6, "num_layers": 2} | options
    task = elman.LanguageModelling(vocabulary=codec.kind, **options)
    random = np.random.default_rng(0)
    model = jax.tree.map(lambda leaf: jax.numpy.asarray(random.normal(size=leaf.shape), leaf.dtype), task.shapes(codec))
    return FittedLanguageModel(task, codec, model)


@pytest.fixture(scope="module")
def fitted():
    return untrained(VOCABULARIES["bytes"])


@pytest.fixture(scope="module")
def session(fitted):
    session = fitted.session(seed=3)
    session.feed("Café".encode()[:-1])
    session.next(5)
    return session


def pieces_of(text, seed):
    places = sorted(random.Random(seed).choices(range(len(text) + 1), k=len(text) // 4))
    return [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]


@given(st.sampled_from([*VOCABULARIES]), st.text(st.sampled_from(sorted({*TEXT})), max_size=30), st.integers(0, 30))
def test_what_is_settled_stays_as_it_is(name, text, cut):
    codec = VOCABULARIES[name]
    settled = codec.settled(text[:cut])
    assert settled <= cut
    apart = [codec.encode(part, unknown="skip") for part in (text[:settled], text[settled:])]
    np.testing.assert_array_equal(np.concatenate(apart), codec.encode(text, unknown="skip"))


@pytest.mark.parametrize("name", VOCABULARIES)
def test_pieces_that_cut_words_and_characters_are_the_whole(name):
    fitted = untrained(VOCABULARIES[name])
    whole = fitted.session(seed=1)
    nats = np.concatenate([whole.feed(TEXT), whole.flush()])
    assert len(nats) == whole.position - 1 == len(fitted.codec.encode(TEXT)) - 1
    for seed, text in ((0, TEXT), (1, TEXT), (2, TEXT.encode())):
        session = fitted.session(seed=1)
        parts = [session.feed(piece) for piece in pieces_of(text, seed)]
        np.testing.assert_array_equal(np.concatenate([*parts, session.flush()]), nats)
        assert session.diff(whole) == {}
    written = whole.fork().next(40)
    session = fitted.session(session.to_bytes())
    assert "".join(session.next(count) for count in (1, 2, 7, 0, 30)) == written
    assert len(set(written)) > 3
    assert session.position == whole.position + 40


def test_nats_are_those_of_the_whole_models_softmax(fitted):
    ids = fitted.codec.encode("a cafe\n")
    _, logits = fitted.model(jax.numpy.asarray(ids[None]), fitted.model.init_carry(1))
    expected = -jax.nn.log_softmax(logits[0])[np.arange(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(fitted.session().feed("a cafe\n"), expected, atol=1e-4)


@pytest.mark.parametrize("sampling", [{}, {"temperature": 0}, {"temperature": 0.6, "top_k": 9, "top_p": 0.9}])
def test_a_session_writes_what_generate_does(small_fitted, sampling):
    fitted, _ = small_fitted
    session = fitted.session(seed=5)
    session.feed("the cat")
    assert session.next(150, **sampling) == fitted.generate("the cat", length=150, seed=5, **sampling)
    assert fitted.session().next(30, seed=9, **sampling) == fitted.generate(length=30, seed=9, **sampling)


def test_a_model_without_native_steps_has_sessions_too():
    fitted = untrained(VOCABULARIES["words"], layer_norm=True)
    session = fitted.session()
    session.feed("au lait")
    pieces = session.fork()
    assert session.next(50, top_k=4) == "".join(pieces.next(count, top_k=4) for count in (1, 0, 33, 16))
    assert session.diff(pieces) == {}
    other, again = fitted.session(), fitted.session(session.to_bytes())
    other.feed("au lait")
    assert session.diff(again) == {}
    assert other.diff(session)["written"] == 50


def test_forks_go_on_by_themselves(session):
    one, same, other = session.fork(), session.fork(), session.fork(seed=4)
    text = one.next(30)
    assert same.next(30) == text != other.next(30)
    assert one.diff(same) == {}
    assert one.diff(other)["seed"] == 1
    same.feed("x")
    assert one.diff(same)["read"] == 1
    assert one.diff(same)["logits"] > 0
    with pytest.raises(elman.ConfigError, match="expected a TextSession"):
        one.diff(1)  # type: ignore[arg-type]


def test_a_text_ends_before_its_stop_and_goes_on_behind_it(small_fitted):
    fitted, _ = small_fitted
    session, whole = fitted.session(seed=2), fitted.session(seed=2).next(120)
    stop = whole[40:43]
    at = whole.index(stop)
    assert session.next(120, stop=stop) == whole[:at]
    assert session.next(120 - at - 3) == whole[at + 3 :]
    assert fitted.session(seed=2).next(120, stop="never there") == whole


def test_a_stream_that_was_left_cannot_undo_what_came_after_it(session):
    left = session.fork()
    first = left.stream(300)
    next(first)
    late = left.stream(3)
    left.feed("x")
    for stream in (first, late):
        with pytest.raises(elman.ConfigError, match="gone on meanwhile"):
            next(stream)
    before = left.written
    left.next(2)
    assert left.written == before + 2


def test_what_cannot_be_read_leaves_the_session_as_it_was(small_fitted, session, unchecked):
    text = small_fitted[0].session()
    text.feed("the ca")
    before = text.fork()
    for wrong, message in (("é", "no 'é'"), (b"a\xff", "UTF-8; invalid start byte, byte 2"), (3, "got int")):
        with pytest.raises(elman.DataError, match=message):
            text.feed(wrong)
        assert text.diff(before) == {}
    assert len(text.feed("é a", unknown="skip")) == 2
    text.feed("é", unknown="skip")
    assert len(text.next(3)) == 3
    text.feed("é".encode()[:1])
    with pytest.raises(elman.DataError, match="within a character"):
        text.next()
    with pytest.raises(elman.VocabularyError, match=r"\\ud800"):
        session.fork().feed("a\ud800")
    for options in ({"count": -1}, {"temperature": -1}, {"tempreature": 1}, {"seed": -1}, {"stop": 3}):
        with pytest.raises(elman.ConfigError):
            text.next(**options)


def test_a_saved_session_goes_on_and_its_file_is_whole_or_not_there(tmp_path, fitted, session, monkeypatch):
    path = tmp_path / "a.session"
    session.save(path)
    again = fitted.session(path)
    assert again.diff(session) == {}
    assert again.next(40) == session.fork().next(40)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(elman.ArtefactError, match="No space left"):
        again.save(path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before
    with pytest.raises(elman.ArtefactError, match="nowhere"):
        session.save(tmp_path / "nowhere" / "b.session")


@pytest.mark.slow
def test_a_session_goes_on_in_another_process(tmp_path, fitted, session):
    fitted.save(tmp_path / "a.elman")
    session.save(tmp_path / "a.session")
    code = (
        "import elman, json, sys; session = elman.load(sys.argv[1]).session(sys.argv[2]);"
        "print(json.dumps([session.next(99), session.to_bytes().hex()]))"
    )
    places = str(tmp_path / "a.elman"), str(tmp_path / "a.session")
    done = subprocess.run([sys.executable, "-c", code, *places], capture_output=True, text=True, check=True)
    here = session.fork()
    text, state = json.loads(done.stdout)
    assert text == here.next(99)
    assert fitted.session(bytes.fromhex(state)).diff(here) == {}


def test_a_state_of_another_model_is_refused_by_both_hashes(fitted, session):
    other = untrained(VOCABULARIES["bytes"], learned_start=True)
    with pytest.raises(elman.ArtefactError, match="another model") as caught:
        other.session(session.to_bytes())
    assert fitted.fingerprint[:16] in str(caught.value)
    assert other.fingerprint[:16] in str(caught.value)


def test_damage_anywhere_is_refused(fitted, session):
    content = session.to_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        with pytest.raises(elman.ArtefactError):
            fitted.session(content[:length])
    for place in [*range(0, 1600, 7), *range(1600, len(content), 211)]:
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(elman.ArtefactError):
            fitted.session(bytes(damaged))
    with pytest.raises(elman.ArtefactError, match="cannot be read"):
        fitted.session("nowhere.session")
    with pytest.raises(elman.ArtefactError, match="no saved session"):
        fitted.session(save_arrays({"a": np.zeros(3)}, metadata={"format": "pt"}))


def altered(content, values=None, arrays=None, **metadata):
    """A state with other contents and the checksum of these."""
    size = int.from_bytes(content[:8], "little")
    saved = msgspec.convert(json.loads(content[8 : 8 + size])["__metadata__"], SavedSession)
    values = json.dumps(json.loads(saved.values) | (values or {}))
    arrays = load_arrays(content) | (arrays or {})
    saved = msgspec.structs.replace(saved, values=values, **metadata)
    saved = msgspec.structs.replace(saved, sha256=saved.hash_with(arrays))
    return save_arrays(arrays, metadata=msgspec.structs.asdict(saved))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "2"}, "newer elman"),
        ({"format_version": "x"}, "newer elman"),
        ({"task": "Ecg"}, "model for Ecg"),
        ({"values": {"last": 10**9}}, "token"),
        ({"values": {"last": -1}}, "last"),
        ({"values": {"seed": 2**40}}, "seed"),
        ({"values": {"more": 1}}, "more"),
        ({"arrays": {"logits": np.zeros(3, np.float32)}}, "logits"),
        ({"arrays": {"logits": np.full(256, np.nan, np.float32)}}, "number"),
        ({"arrays": {"other": np.zeros(3, np.float32)}}, "other"),
    ],
)
def test_a_state_that_no_session_has_is_refused(fitted, session, changes, message):
    with pytest.raises(elman.ArtefactError, match=message):
        fitted.session(altered(session.to_bytes(), **changes))


def test_models_that_cannot_go_on_say_why(fitted):
    backwards = untrained(VOCABULARIES["bytes"], reverse=True)
    for make in (backwards.session, lambda: backwards.saved_session(None)):
        with pytest.raises(elman.ConfigError, match="reads from the end"):
            make()
    with pytest.raises(elman.ConfigError, match="no option 'sed'; did you mean 'seed'"):
        fitted.session(sed=1)
    with pytest.raises(elman.ConfigError, match="a saved one has its own seed"):
        fitted.session(b"", seed=1)


def test_an_idle_session_is_little_more_than_its_state(session):
    arrays = session.contents().arrays
    assert len(session.to_bytes()) < sum(array.nbytes for array in arrays.values()) + 2500
