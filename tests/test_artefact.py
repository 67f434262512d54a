import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import jax
import msgspec
import numpy as np
import pytest

import elman
from elman import _folder, artefact
from elman.artefact import refuse_existing


@pytest.fixture
def saved(small_fitted, tmp_path):
    fitted, _ = small_fitted
    fitted.save(tmp_path / "m.elman")
    return tmp_path / "m.elman"


def test_a_loaded_model_is_the_saved_one(small_fitted, saved):
    fitted, data = small_fitted
    loaded = elman.load(saved)
    assert loaded.task == fitted.task
    assert loaded.codec == fitted.codec
    assert loaded.training == fitted.training
    assert (loaded.measures, loaded.history) == (fitted.measures, fitted.history)
    assert len(fitted.history)
    for a, b in zip(jax.tree.leaves(loaded.model), jax.tree.leaves(fitted.model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loaded.generate("the", length=30, seed=1) == fitted.generate("the", length=30, seed=1)
    assert loaded.evaluate(data.validation) == fitted.evaluate(data.validation)


def test_an_artefact_is_plain_files(saved):
    assert sorted(file.name for file in saved.iterdir()) == [
        "codec.json",
        "history.json",
        "items.safetensors",
        "manifest.json",
        "model.json",
        "weights.safetensors",
    ]
    model = json.loads((saved / "model.json").read_text())
    assert model["task"]["hidden_size"] == 16
    assert model["versions"]["jax"] == jax.__version__
    assert json.loads((saved / "codec.json").read_text())["kind"] == "characters"


def test_strided_arrays_are_saved_as_they_read():
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    assert artefact.named_arrays({"a": array})["a"].flags.c_contiguous
    np.testing.assert_array_equal(artefact.named_arrays({"a": array})["a"], array)


@pytest.mark.parametrize(
    "name", ["model.json", "codec.json", "history.json", "items.safetensors", "weights.safetensors"]
)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:], "damaged: its checksum differs"),
        (lambda data: data[:-7], "damaged: .* bytes where"),
        (lambda data: None, "missing"),
    ],
    ids=["flipped", "cut", "gone"],
)
def test_damage_is_found_and_the_file_named(saved, name, damage, message):
    content = damage((saved / name).read_bytes())
    (saved / name).unlink() if content is None else (saved / name).write_bytes(content)
    for use in (elman.load, elman.verify):
        with pytest.raises(elman.ArtefactError, match=rf"m\.elman/{name}: {message}"):
            use(saved)


def test_a_place_that_cannot_be_overwritten_is_refused_before_training(saved, tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(elman.ArtefactError, match="notes.txt: exists and is no elman artefact; choose another place"):
        refuse_existing(tmp_path / "notes.txt", force=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(elman.ArtefactError, match="exists and is no elman artefact"):
        refuse_existing(Path(""), force=True)
    refuse_existing(saved, force=True)


def test_foreign_and_newer_and_missing_artefacts(saved, tmp_path):
    (tmp_path / "foreign").mkdir()
    with pytest.raises(elman.ArtefactError, match="not an elman artefact"):
        elman.load(tmp_path / "foreign")
    with pytest.raises(elman.ArtefactError, match="no such artefact"):
        elman.load(tmp_path / "missing")
    (tmp_path / "file").write_text("text")
    with pytest.raises(elman.ArtefactError, match="not an elman artefact"):
        elman.load(tmp_path / "file")
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps(manifest | {"format_version": 3}))
    with pytest.raises(elman.ArtefactError, match="format 3 by a newer elman; this one reads up to 2"):
        elman.load(saved)


@pytest.mark.parametrize("content", ["{}", "[1", "", '{"format": "elman", "format_ver', None])
def test_a_manifest_that_is_damaged_or_lost_is_told_from_a_foreign_folder(saved, content):
    manifest = saved / "manifest.json"
    manifest.unlink() if content is None else manifest.write_text(content)
    what = "missing; restore" if content is None else "damaged: not what elman writes; restore"
    with pytest.raises(elman.ArtefactError, match=f"manifest.json: {what} the artefact from a copy"):
        elman.load(saved)
    (saved / "weights.safetensors").unlink()
    with pytest.raises(elman.ArtefactError, match="not an elman artefact"):
        elman.load(saved)


def rewritten(saved, **changes):
    """The artefact with other contents and right checksums, as another program could have written it."""
    contents = artefact.read(saved)
    for name, change in changes.items():
        value = json.loads(json.dumps(getattr(contents, name))) if name != "weights" else dict(contents.weights)
        change(value)
        contents = msgspec.structs.replace(contents, **{name: value})
    artefact.write(saved, contents)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(model=lambda m: m["task"].update(kr=0.01)), "no option 'kr'"),
        (dict(model=lambda m: m["task"].update(hidden_sise=1)), "did you mean 'hidden_size'"),
        (
            dict(model=lambda m: m["task"].update(hidden_size=0)),
            "hidden_size: expected a whole number of at least 1 and below 1,048,576; got 0",
        ),
        (dict(model=lambda m: m["task"].update(hidden_size=17)), r"expected layers\.cells\.0\.kernel.* got"),
        (dict(model=lambda m: m["task"].update(cell="nowhere:Cell")), "cannot import 'nowhere'"),
        (dict(model=lambda m: m["task"].update(type="Dreaming")), "a model for Dreaming"),
        (dict(model=lambda m: m["task"].update(hidden_size=10**12)), "hidden_size"),
        (dict(model=lambda m: m.pop("task")), "model.json: Object missing required field `task`"),
        (dict(codec=lambda c: c["tokens"].append("two")), "single characters"),
        (dict(codec=lambda c: c.update(kind="runes")), "runes"),
        (dict(weights=lambda w: w.pop("head.bias")), "expected head.bias.* got nothing"),
        (dict(weights=lambda w: w.update(tail=np.zeros(1))), "holds tail, which this model does not have"),
    ],
)
def test_contents_that_make_no_model(saved, changes, message):
    rewritten(saved, **changes)
    with pytest.raises(elman.ArtefactError, match=message):
        elman.load(saved)


def test_nothing_is_overwritten_without_being_asked(small_fitted, saved, tmp_path):
    fitted, _ = small_fitted
    with pytest.raises(elman.ArtefactError, match=r"exists; --resume goes on with it, --force"):
        fitted.save(saved)
    fitted.save(saved, force=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    with pytest.raises(elman.ArtefactError, match="is no elman artefact"):
        fitted.save(tmp_path / "notes", force=True)
    assert (tmp_path / "notes" / "thesis.txt").read_text() == "years of work"


FILL_THE_DISK = """
import resource, signal, sys
import elman
fitted = elman.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    fitted.save(sys.argv[2], force=True)
except elman.ArtefactError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_a_disk_that_fills_leaves_the_artefact_before_it_whole(saved, tmp_path):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    for place, kept in ((saved, "the artefact saved before is whole"), (tmp_path / "new", "nothing was written")):
        done = subprocess.run([sys.executable, "-c", FILL_THE_DISK, saved, place], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "cannot be saved (File too large)" in done.stdout
        assert kept in done.stdout
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.elman"]
    elman.verify(saved)


def test_a_stop_between_the_two_moves_loses_nothing(small_fitted, saved):
    fitted, _ = small_fitted
    aside = saved.with_name(".m.elman.old")
    os.rename(saved, aside)
    assert elman.load(saved).codec == fitted.codec
    with pytest.raises(elman.ArtefactError, match="exists"):
        fitted.save(saved)
    fitted.save(saved, force=True)
    assert not aside.exists()
    elman.verify(saved)


def test_files_that_are_not_elmans_are_never_deleted(small_fitted, saved, tmp_path):
    fitted, _ = small_fitted
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "state.json").write_text("another program's")
    mine = {"NOTES.md": "what I found", "plots/loss.txt": "my loss", "training/log.txt": "my log"}
    for name, text in mine.items():
        (saved / name).parent.mkdir(exist_ok=True)
        (saved / name).write_text(text)
    (saved / "link").symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        fitted.save(saved, force=True)
        assert {name: (saved / name).read_text() for name in mine} == mine
        assert (saved / "link" / "state.json").read_text() == "another program's"
    elman.verify(saved)
    (saved / "training" / "log.txt").unlink()
    (saved / "training").rmdir()
    (saved / "training").symlink_to(tmp_path / "elsewhere")
    fitted.save(saved, force=True)
    assert (saved / "training" / "state.json").read_text() == "another program's"


def test_a_folder_that_is_no_artefact_is_not_replaced(small_fitted, tmp_path):
    fitted, _ = small_fitted
    (tmp_path / "extension").mkdir()
    (tmp_path / "extension" / "manifest.json").write_text('{"name": "x"}')
    with pytest.raises(elman.ArtefactError, match="is no elman artefact"):
        fitted.save(tmp_path / "extension", force=True)
    with pytest.raises(elman.ArtefactError, match="no place for an artefact"):
        fitted.save("/", force=True)


def test_the_folder_one_stands_in_is_not_replaced(small_fitted, saved, monkeypatch):
    monkeypatch.chdir(saved)
    with pytest.raises(elman.ArtefactError, match="is the current folder"):
        small_fitted[0].save(".", force=True)


def test_only_a_damaged_one_moved_aside_is_an_error(saved):
    (saved / "weights.safetensors").unlink()
    os.rename(saved, saved.with_name(".m.elman.old"))
    with pytest.raises(elman.ArtefactError, match=r"weights\.safetensors: missing"):
        elman.load(saved)


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "\0"])
def test_a_manifest_names_only_files_of_an_artefact(saved, name):
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": "", "bytes": 1}
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(elman.ArtefactError, match="which is no file of an artefact"):
        elman.load(saved)


def test_a_json_file_that_is_none_is_an_error(saved):
    contents = artefact.check(saved)
    (saved / "model.json").write_bytes(b"[1]")
    manifest = json.loads((saved / "manifest.json").read_text())
    import hashlib

    manifest["files"]["model.json"] = {"sha256": hashlib.sha256(b"[1]").hexdigest(), "bytes": 3}
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(elman.ArtefactError, match=r"model\.json: not what elman writes"):
        elman.load(saved)
    assert len(contents) == 5


def test_a_link_is_followed_and_kept(small_fitted, saved, tmp_path):
    fitted, _ = small_fitted
    link = tmp_path / "link.elman"
    link.symlink_to(saved)
    for _ in range(2):
        fitted.save(link, force=True)
    assert link.is_symlink()
    elman.verify(link)


def test_the_current_folder_is_not_replaced(small_fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(elman.ArtefactError, match="is no elman artefact"):
        small_fitted[0].save(".", force=True)


def test_when_the_new_one_cannot_be_moved_in_the_old_one_comes_back(small_fitted, saved, monkeypatch):
    move = os.rename

    def fail(source, target):
        if str(source).endswith(".new"):
            raise OSError(5, "Input/output error")
        move(source, target)

    monkeypatch.setattr(os, "rename", fail)
    monkeypatch.setattr(_folder, "_exchange", lambda one, other: False)  # as systems that need two moves
    with pytest.raises(elman.ArtefactError, match="Input/output error.*the artefact saved before is whole"):
        small_fitted[0].save(saved, force=True)
    elman.verify(saved)


def test_reading_while_another_writes_finds_no_damage(small_fitted, saved):
    from threading import Event, Thread

    fitted, _ = small_fitted
    stop, failures = Event(), []

    def write():
        while not stop.is_set():
            fitted.save(saved, force=True)

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(500):
            artefact.read(saved)
    except elman.ArtefactError as error:
        failures.append(error)
    finally:
        stop.set()
        writer.join()
    assert not failures


def test_what_a_killed_process_left_is_cleared_away_and_never_read(small_fitted, saved):
    """Half an artefact, one that was replaced, with a note in it, and the file of a lock."""
    fitted, _ = small_fitted
    for left in (".m.elman.new", ".m.elman.old"):
        saved.with_name(left).mkdir()
        (saved.with_name(left) / "weights.safetensors").write_bytes(b"half")
    (saved.with_name(".m.elman.new") / "notes.txt").write_text("mine")
    saved.with_name(".m.elman.lock").write_text('{"pid": 1')
    elman.verify(saved)
    fitted.save(saved, force=True)
    assert [file.name for file in saved.parent.iterdir()] == ["m.elman"]
    assert (saved / "notes.txt").read_text() == "mine"


def test_a_users_files_in_the_way_are_named(small_fitted, saved):
    beside = saved.with_name(".m.elman.new")
    beside.mkdir()
    for folder in (saved, beside):
        (folder / "notes.txt").write_text(folder.name)
    with pytest.raises(elman.ArtefactError, match=r"new has other files; move it away.* saved before is whole"):
        small_fitted[0].save(saved, force=True)
    assert (beside / "notes.txt").read_text() == beside.name
    beside.rename(saved.with_name("mine"))
    beside.symlink_to(saved.with_name("mine"))
    with pytest.raises(elman.ArtefactError, match=r"new has other files; move it away"):
        small_fitted[0].save(saved, force=True)
    assert (beside / "notes.txt").read_text() == beside.name


HOLDING = """
import sys, time
from pathlib import Path
from elman import artefact
with artefact.claim(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


def test_a_second_writer_is_refused_until_the_first_ends_however_it_ends(small_fitted, saved):
    fitted, _ = small_fitted
    with subprocess.Popen([sys.executable, "-c", HOLDING, saved], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "holding\n"
        year = datetime.now().year
        try:
            with pytest.raises(
                elman.ArtefactError,
                match=rf"by process {first.pid} on .* \(-c .*\) since {year}-.*; wait .* or name another place",
            ):
                fitted.save(saved, force=True)
            elman.verify(saved)
        finally:
            first.kill()
        first.wait()
    assert saved.with_name(".m.elman.lock").exists()
    fitted.save(saved, force=True)
    assert not saved.with_name(".m.elman.lock").exists()


def test_a_second_thread_is_refused_too(small_fitted, saved):
    fitted, _ = small_fitted
    with ThreadPoolExecutor(1) as pool, artefact.claim(saved):
        with pytest.raises(elman.ArtefactError, match=f"is being written by process {os.getpid()} "):
            pool.submit(fitted.save, saved, force=True).result()
        fitted.save(saved, force=True)
        saved.with_name(".m.elman.lock").unlink()  # somebody tidies up
        fitted.save(saved, force=True)
        with pytest.raises(elman.ArtefactError, match="is being written"):
            pool.submit(fitted.save, saved, force=True).result()
    assert [file.name for file in saved.parent.iterdir()] == ["m.elman"]


def test_a_lock_is_not_written_through_a_link(small_fitted, saved, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    saved.with_name(".m.elman.lock").symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(elman.ArtefactError, match="cannot be saved.*whole"):
        small_fitted[0].save(saved, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_system_without_locks_is_named(small_fitted, saved, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="this file system has no locks; make sure"):
        small_fitted[0].save(saved, force=True)


def test_verify_finds_agreement(saved):
    result = elman.verify(saved)
    assert result.files == 5
    assert result.agrees
    assert list(result.differences) == ["in chunks of 7 tokens", "step by step"]
    assert all(0 <= difference < 1e-5 for difference in result.differences.values())


def test_verify_finds_a_cell_that_depends_on_how_time_is_cut(tmp_path, small_text):
    from elman.training.reporters import Quiet

    task = elman.LanguageModelling(hidden_size=8, batch_size=2, unroll_length=8, cell="tests.test_artefact:Forgetful")
    elman.fit(task, task.read_text(small_text), steps=2, out=tmp_path / "m", report=Quiet())
    result = elman.verify(tmp_path / "m", trust="tests.test_artefact")
    assert not result.agrees
    assert result.differences["in chunks of 7 tokens"] > 1e-3


class Forgetful(elman.Elman):
    """A wrong cell: its projection looks across time."""

    def project(self, xs):
        return super().project(xs - xs.mean(0, keepdims=True))
