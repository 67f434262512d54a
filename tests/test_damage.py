"""Every JSON value of saved models, edited, and their weights: each is refused by an error that names the file, or
read as a model that works."""

import json
import os
import random
import struct
import sys
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

import elman
from elman.cli.info import _model as describe
from elman.tasks.task import Task
from elman.training.begin import read_run
from tests.cli.commands import run
from tests.damage import ARTEFACTS, NAMES, Copy, edits, limited

LONGEST = 500  # characters of a message, beside the path
SHARE = 1.0 if os.environ.get("ELMAN_EDITS") == "all" else 0.25
"""The share of all edits that the second tier tries: several for each value."""


@pytest.fixture(autouse=True)
def _cheap_shapes(monkeypatch):
    """The shapes of a network are computed once for equal settings and codecs, which most edits leave."""
    monkeypatch.setattr(Task, "shapes", cache(Task.shapes))


def check_refusal(error, model):
    message = str(error)
    assert message.startswith(str(model)), message
    assert len(message) < LONGEST + len(str(model)), message
    assert message.isprintable(), message


def read(damaged, *, answers=False):
    """Uses a damaged artefact; None if it is refused, by an `ArtefactError` that names the file."""
    try:
        with limited():
            fitted = elman.load(damaged.model)
            describe(damaged.model)
            if answers:
                elman.verify(damaged.model)
                damaged.answer(fitted)
    except elman.ArtefactError as error:
        check_refusal(error, damaged.model)
        return None
    return fitted


def check_edits(damaged, chosen, **options):
    """Tries edits; the number of those that were read and refused, and the edits that were read."""
    refused, readable, failures = 0, [], []
    for edit in chosen:
        if damaged.damage(*edit):
            try:
                if read(damaged, **options) is None:
                    refused += 1
                else:
                    readable.append(edit)
            except Exception as error:
                failures.append(f"{edit}: {type(error).__name__}: {error}"[:400])
    assert not failures, "\n".join(failures)
    return refused, readable


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_value_is_decoded_or_refused(name, tmp_path):
    every = [*edits(name)]
    chosen = sorted(random.Random(0).sample(every, round(SHARE * len(every))), key=every.index)
    refused, readable = check_edits(Copy(name, tmp_path), chosen)
    assert {at for _, at, _ in chosen}
    assert refused > len(readable) > 0


@pytest.mark.parametrize("name", NAMES)
def test_some_values_are_decoded_or_refused(name, tmp_path):
    refused, readable = check_edits(Copy(name, tmp_path), random.Random(1).sample([*edits(name)], 25))
    assert refused > len(readable)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_of_an_edited_model_computes(name, tmp_path):
    """Verifies, and asks for an answer, after those edits of settings, codecs and memories that can still be read."""
    damaged, draw = Copy(name, tmp_path), random.Random(2)
    whole = elman.load(damaged.model)
    _, readable = check_edits(damaged, draw.sample([*edits(name)], 150))
    changed = []
    for edit in readable:
        damaged.damage(*edit)
        fitted = elman.load(damaged.model)
        if (fitted.task, fitted.codec, fitted.measures) != (whole.task, whole.codec, whole.measures):
            changed.append(edit)
    check_edits(damaged, draw.sample(changed, min(3, len(changed))), answers=True)


@pytest.fixture
def damaged(tmp_path):
    return Copy("language-modelling", tmp_path)


WEIGHTS = "weights.safetensors"


def changed_weights(damaged, change):
    arrays = load_arrays((damaged.model / WEIGHTS).read_bytes())
    change(arrays)
    damaged.write(WEIGHTS, save_arrays(arrays))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("head.bias"), r"expected head\.bias, float32 of shape \(18,\); got nothing"),
        (lambda w: w.update(tail=np.zeros(1)), "holds tail, which this model does not have"),
        (lambda w: w.update({"\n" * 999: np.zeros(1)}), "which this model does not have"),
        (lambda w: w.update({"head.bias": np.zeros(17, np.float32)}), r"expected head\.bias, .* got .* \(17,\)"),
        (lambda w: w.update({"head.bias": np.zeros((18, 0), np.float32)}), r"expected head\.bias"),
        (lambda w: w.update({"head.bias": np.zeros(18)}), r"expected head\.bias, float32 .* got float64"),
        (lambda w: w.update({"head.bias": np.zeros(18, np.int32)}), r"expected head\.bias, float32 .* got int32"),
        (lambda w: w.update({"head.bias": np.zeros(18, bool)}), r"expected head\.bias, float32 .* got bool"),
        (lambda w: w.clear(), "expected .* got nothing"),
        (lambda w: w["head.bias"].__setitem__(3, np.nan), r"head\.bias has NaN or infinite numbers.*allow_nonfinite"),
        (lambda w: w["head.kernel"].__setitem__(0, -np.inf), r"head\.kernel has NaN or infinite numbers"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(damaged, change, message):
    changed_weights(damaged, change)
    for use in (elman.load, elman.verify):
        with pytest.raises(elman.ArtefactError, match=message) as error:
            use(damaged.model)
        check_refusal(error.value, damaged.model / WEIGHTS)


def test_weights_that_are_not_finite_are_loaded_if_asked_for(damaged):
    changed_weights(damaged, lambda w: w["head.bias"].__setitem__(3, np.nan))
    fitted = elman.load(damaged.model, allow_nonfinite=True)
    assert np.isnan(np.asarray(fitted.model.head.bias)).sum() == 1


def header(entries, data=b""):
    content = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(content)) + content + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 10**8) + b"{}",
        header(b"[" * 100_000),
        header(b'{"a":' * 1000),
        header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 2**50]}}),
        header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        header({"a": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}}),
        header({"a": {"dtype": "F32", "shape": [1] * 70, "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, bytes(2)),
        header({"a": {"dtype": "pickle", "shape": [2], "data_offsets": [0, 2]}}, bytes(2)),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, bytes(4)),
    ],
    ids=lambda content: content[8:60].decode(errors="replace"),
)
def test_headers_of_weights_that_promise_or_hide_something_are_refused(damaged, content):
    damaged.write(WEIGHTS, content)
    with limited(), pytest.raises(elman.ArtefactError) as error:
        elman.load(damaged.model)
    check_refusal(error.value, damaged.model / WEIGHTS)


def test_a_state_that_is_not_finite_is_refused(tmp_path):
    damaged = Copy("forecasting-autoregressive", tmp_path)
    arrays = load_arrays((damaged.model / "memory.safetensors").read_bytes())
    arrays |= {name: np.full_like(array, np.nan) for name, array in arrays.items() if name.startswith("1.state.")}
    damaged.write("memory.safetensors", save_arrays(arrays))
    with pytest.raises(elman.ArtefactError, match=r"memory\.safetensors: memory of 'south': state has NaN"):
        elman.load(damaged.model)


@pytest.mark.parametrize("model", ["", "AAAA", "Z2FyYmFnZQ==", "!"])
def test_subwords_that_are_none_are_refused(damaged, model):
    pytest.importorskip("sentencepiece")
    damaged.write("codec.json", json.dumps({"kind": "subwords", "model": model}).encode())
    with pytest.raises(elman.ArtefactError, match=r"codec\.json: "):
        elman.load(damaged.model)


@pytest.mark.parametrize(
    "models",
    [[], ["x"], ["[" * 10_000], ['{"type": "Ecg"}'], ['{"type": "LanguageModelling", "more": 1}'], ["{}"] * 10_000],
)
def test_language_models_that_are_none_are_refused(models, tmp_path):
    damaged = Copy("tagging", tmp_path)
    codec = {**damaged.contents["codec.json"], "language_models": models}
    damaged.write("codec.json", json.dumps(codec).encode())
    if not models:
        elman.load(damaged.model)
        return
    with limited(), pytest.raises(elman.ArtefactError, match="language_models|LanguageModelling|16"):
        elman.load(damaged.model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m["files"]["model.json"].update(bytes="many"),
            r"manifest\.json: not what elman writes",
        ),
        (lambda m: m["files"].update({"codec.json": None}), r"manifest\.json: not what elman writes"),
        (lambda m: m.update(files=[]), r"manifest\.json: not what elman writes"),
        (lambda m: m.update(files=[], format_version=3), "written in format 3 by a newer elman"),
        (lambda m: m["files"].pop("codec.json"), "its manifest lists no codec.json"),
        (lambda m: m["files"].update({"../codec.json": m["files"]["codec.json"]}), "which is no file of an artefact"),
        (lambda m: m["files"].update({"/etc/passwd": m["files"]["codec.json"]}), "which is no file of an artefact"),
    ],
)
def test_manifests_that_are_not_elmans_are_refused(damaged, change, message):
    change(damaged.contents["manifest.json"])
    (damaged.model / "manifest.json").write_text(json.dumps(damaged.contents["manifest.json"]))
    with pytest.raises(elman.ArtefactError, match=message) as error:
        elman.load(damaged.model)
    check_refusal(error.value, damaged.model)


@pytest.mark.parametrize("name", ["hidden_size", "embedding_size"])
def test_sizes_are_compared_with_the_weights_before_anything_is_made(damaged, name):
    damaged.damage("model.json", ("task", name), "large")
    with limited(), pytest.raises(elman.ArtefactError, match=r"weights\.safetensors: expected .* of shape .*99999"):
        elman.load(damaged.model)


@pytest.mark.parametrize(("name", "setting"), [("classification", "start_from"), ("tagging", "vectors")])
def test_nothing_outside_the_artefact_is_opened(name, setting, tmp_path):
    damaged, trap = Copy(name, tmp_path), str(tmp_path / "trap")
    damaged.contents["model.json"]["task"][setting] = [trap] if setting == "start_from" else trap
    damaged.write("model.json", json.dumps(damaged.contents["model.json"]).encode())
    elman.load(damaged.model)  # imports what it needs
    with opened_files() as opened:
        elman.load(damaged.model)
    assert opened
    assert {path for path in opened if not path.startswith(str(damaged.model))} == set()


@contextmanager
def opened_files():
    """The paths that are opened in the block. The hook stays, since none can be taken away, but it does nothing."""
    paths, watches = [], [True]

    def hook(event, arguments):
        if watches and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            paths.append(os.fsdecode(arguments[0]))

    sys.addaudithook(hook)
    try:
        yield paths
    finally:
        watches.clear()


def test_what_is_in_the_manifest_is_read_only_from_the_artefact(damaged, tmp_path):
    weights = damaged.model / WEIGHTS
    (tmp_path / "elsewhere").write_bytes(weights.read_bytes())
    weights.unlink()
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(elman.ArtefactError, match="weights.safetensors: expected a plain file; got a link to another"):
        elman.load(damaged.model)
    weights.unlink()
    (damaged.model / "copy").write_bytes((tmp_path / "elsewhere").read_bytes())
    weights.symlink_to("copy")
    elman.load(damaged.model)
    (damaged.model / "copy").unlink()
    (damaged.model / "copy").mkdir()
    with pytest.raises(elman.ArtefactError, match="weights.safetensors: expected a plain file"):
        elman.load(damaged.model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json", "model.json"])
def test_a_pipe_is_not_waited_for(damaged, name):
    (damaged.model / name).unlink()
    os.mkfifo(damaged.model / name)
    with limited(), pytest.raises(elman.ArtefactError, match="expected a plain file|not an elman artefact"):
        elman.load(damaged.model)
    with limited():
        run(damaged.model.parent, "predict", "model", code=2)


@pytest.mark.skipif(not hasattr(os, "truncate"), reason="needs sparse files")
def test_a_file_larger_than_the_memory_is_not_read(damaged):
    size = 2**42
    os.truncate(damaged.model / WEIGHTS, size)
    with limited(), pytest.raises(elman.ArtefactError, match="damaged: 4,398,046,511,104 bytes where"):
        elman.load(damaged.model)
    manifest = damaged.contents["manifest.json"]
    manifest["files"][WEIGHTS]["bytes"] = size
    (damaged.model / "manifest.json").write_text(json.dumps(manifest))
    with limited(), pytest.raises(elman.ArtefactError, match="more bytes than this machine's memory has"):
        elman.load(damaged.model)


@pytest.mark.parametrize("name", ["forecasting", "forecasting-autoregressive"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("0.values"), r"memory of 'north': expected values, float64 .* got nothing"),
        (lambda a: a.update({"0.values": a["0.values"][:-1]}), r"expected values, .* of shape \(14, 1\); got .*13"),
        (lambda a: a.update({"0.stamps": a["0.stamps"].astype(np.int32)}), "expected stamps, int64"),
        (lambda a: a.update({"0.stamps": a["0.stamps"][::-1].copy()}), "expected ascending stamps"),
        (lambda a: a.update({"0.stamps": np.array(3)}), "memory of 'north': expected past"),
        (lambda a: a["1.values"].__setitem__(0, np.inf), "memory of 'south': values has infinite numbers"),
        (lambda a: a.update({"0.static": np.full(0, np.nan)[:, None]}), "expected static"),
        (lambda a: a.update({"0.more": np.zeros(2)}), "holds more, which this model does not have"),
        (lambda a: a.update({"9.values": np.zeros(2)}), "holds '9.values', which belongs to none of its 2 series"),
        (lambda a: a.update({"values": np.zeros(2)}), "belongs to none of its 2 series"),
    ],
)
def test_a_memory_that_does_not_fit_is_refused(name, change, message, tmp_path):
    damaged = Copy(name, tmp_path)
    arrays = load_arrays((damaged.model / "memory.safetensors").read_bytes())
    change(arrays)
    damaged.write("memory.safetensors", save_arrays(arrays))
    with pytest.raises(elman.ArtefactError, match=message) as error:
        elman.load(damaged.model)
    check_refusal(error.value, damaged.model / "memory.safetensors")


def test_an_unfinished_run_with_a_damaged_state_is_not_resumed(tmp_path):
    damaged = Copy("unfinished", tmp_path)
    _, task, training = read_run(damaged.model)
    settings = training.to_builtins()
    text = (ARTEFACTS / "unfinished" / "cats.txt").read_text()
    for at in (("progress", "step"), ("fingerprint", "train"), ("fingerprint",), ("places",)):
        assert damaged.damage("training/state.json", at, "nested")
        with pytest.raises(elman.ArtefactError) as error:
            elman.fit(task, task.read_text(text), out=damaged.model, resume=True, **settings)  # ty: ignore[missing-attribute]
        assert "training/state.json: Expected" in str(error.value) or "hashe" in str(error.value)
