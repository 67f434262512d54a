"""Modules that a saved model names are imported only if the user trained with them or names them himself."""

import json
import shutil
import stat
import sys
from pathlib import Path

import msgspec
import pytest

import elman
from elman import _trust, artefact
from elman.training.reporters import Quiet
from tests.cli.commands import run

ARTEFACTS = Path(__file__).parent / "artefacts"
MODULE = """
from pathlib import Path

import elman

Path(__file__).with_suffix(".ran").touch()


class Own(elman.LSTM):
    class Inner(elman.LSTM):
        pass


class NoCell:
    def __init__(self, *sizes, **rest):
        Path(__file__).with_suffix(".called").touch()


def build(*sizes, key):
    Path(__file__).with_suffix(".called").touch()
    return elman.LSTM(*sizes, key=key)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a module of the user's own, and a state in which nothing is trusted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(_trust, "_OF_THIS_PROCESS", set())
    monkeypatch.setattr(_trust, "FOLDERS", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "owncells.py").write_text(MODULE)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("owncells", "ownpackage")]:
        del sys.modules[name]


def saved(place, cell="owncells:Own", name="language-modelling", **settings):
    """An old model, whose cell is now the user's own."""
    path = place / "m.elman"
    contents = artefact.read(ARTEFACTS / name / "model", with_state=True)
    task = {**contents.model["task"], "cell": cell, **settings}
    artefact.write(path, msgspec.structs.replace(contents, model={**contents.model, "task": task}))
    return path


def ran(place):
    return (place / "owncells.ran").exists()


def refused(place, path, message, **options):
    with pytest.raises(elman.ArtefactError, match=message) as error:
        elman.load(path, **options)
    assert str(path / "model.json") in str(error.value)
    assert not (place / "owncells.called").exists()
    return str(error.value)


def test_a_module_that_was_never_trained_with_is_not_imported(place):
    path = saved(place)
    sys.path.append(str(place))
    message = refused(place, path, "needs 'owncells:Own'")
    assert not ran(place)
    assert str(place / "owncells.py") in message
    assert "--trust owncells (elman.load(path, trust=('owncells',)))" in message
    assert type(elman.load(path, trust="owncells").model.layers.cells[0]).__name__ == "Own"
    assert ran(place)
    refused(place, path, "needs 'owncells:Own'")  # one yes is for one call


def test_training_with_a_module_makes_it_trusted(place, small_text):
    sys.path.append(str(place))
    task = elman.LanguageModelling(cell="owncells:Own", hidden_size=4, num_layers=1, batch_size=2, unroll_length=8)
    elman.fit(task, task.read_text(small_text), steps=1, report=Quiet())
    (line,) = (place / "state" / "elman" / "trusted").read_text().splitlines()
    assert line.endswith("  owncells:Own")
    elman.load(saved(place))
    elman.load(saved(place, "owncells:Own.Inner"))
    _trust.remember(["owncells:Own"])
    assert (place / "state" / "elman" / "trusted").read_text().splitlines() == [line]
    shutil.rmtree(place / "state")
    refused(place, saved(place), "needs 'owncells:Own'")


def test_a_module_that_has_changed_is_not_imported(place):
    sys.path.append(str(place))
    _trust.remember(["owncells:Own"])
    (place / "owncells.py").write_text(MODULE + "\n# changed")
    refused(
        place, saved(place), "which has changed since you trained with it. Loading runs it; if you trust it, --trust"
    )
    assert not ran(place)
    elman.load(saved(place), trust=["owncells"])


def test_compiled_code_beside_a_trusted_source_is_not_run(place):
    sys.path.append(str(place))
    source = place / "owncells.py"
    _trust.remember(["owncells:Own"])
    import importlib.util
    import py_compile

    enemy = place / "enemy.py"
    enemy.write_text("raise SystemExit('the compiled code ran')\n")
    compiled = Path(importlib.util.cache_from_source(str(source)))
    py_compile.compile(str(enemy), cfile=str(compiled))
    code, state = bytearray(compiled.read_bytes()), source.stat()
    code[8:16] = int(state.st_mtime).to_bytes(4, "little") + state.st_size.to_bytes(4, "little")
    compiled.write_bytes(bytes(code))
    elman.load(saved(place))


@pytest.mark.parametrize(
    "name",
    ["os:system", "builtins:eval", "subprocess:run", "owncells:build", "owncells:NoCell", "owncells:Path.cwd"],
)
def test_what_is_no_cell_is_never_called(place, name):
    sys.path.append(str(place))
    _trust.remember(["owncells:Own"])
    refused(place, saved(place, name), "needs '|no cell '")
    module = name.partition(":")[0]
    refused(place, saved(place, name), "no cell '", trust=(module,))


def test_a_function_is_called_if_it_is_trained_with_or_named_itself(place):
    sys.path.append(str(place))
    path = saved(place, "owncells:build")
    assert "--trust owncells:build" in refused(place, path, "no cell 'owncells:build'", trust="owncells")
    elman.load(path, trust="owncells:build")
    _trust.remember(["owncells:build"])
    elman.load(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../owncells:Own", "expected module:Class"),
        ("owncells:", "expected module:Class"),
        ("own cells:Own", "expected module:Class"),
        ("owncells:Own:Own", "expected module:Class"),
        ("nowhere:Own", "cannot import 'nowhere': no such module"),
        ("owncells.inner:Own", "cannot import 'owncells.inner': no such module"),
        ("Own", "no cell 'Own'"),
        ("find", "no cell 'find'"),
        ("x" * 100_000, "no cell"),
    ],
)
def test_names_that_name_nothing(place, name, message):
    sys.path.append(str(place))
    assert len(refused(place, saved(place, name), message)) < 400 + len(str(place))
    assert not ran(place)


def test_a_package_is_trusted_with_all_that_holds_it(place):
    sys.path.append(str(place))
    package = place / "ownpackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    shutil.copy("owncells.py", package / "cells.py")
    path = saved(place, "ownpackage.cells:Own")
    refused(place, path, "needs 'ownpackage.cells:Own'")
    _trust.remember(["ownpackage.cells:Own"])
    (package / "__init__.py").write_text("raise SystemExit('the package ran')")
    refused(place, path, "__init__.py, which has changed since")
    (package / "__init__.py").write_text("")
    elman.load(path)
    assert (package / "cells.ran").exists()
    refused(place, saved(place, "ownpackage.cells:build"), "no cell 'ownpackage.cells:build'")
    assert not (package / "cells.called").exists()


def test_the_cell_of_a_language_model_inside_a_codec_is_not_trusted_either(place):
    sys.path.append(str(place))
    inner, contents = (artefact.read(ARTEFACTS / name / "model") for name in ("language-modelling", "classification"))
    reading = {"vocabulary": "characters", "min_count": 1}
    codec = {
        **contents.codec,
        "vocabulary": inner.codec,
        "reading": {**contents.codec["reading"], **reading},
        "language_models": [json.dumps({**inner.model["task"], "cell": "owncells:Own"})],
    }
    model = {**contents.model, "task": {**contents.model["task"], **reading}}
    artefact.write(place / "m.elman", msgspec.structs.replace(contents, codec=codec, model=model))
    with pytest.raises(elman.ArtefactError, match="needs 'owncells:Own'"):
        elman.load(place / "m.elman")
    assert not ran(place)


def test_no_command_imports_a_module_that_is_not_trusted(place):
    path, text = saved(place), "the cat sat"
    (place / "labels.txt").write_text("a\tthe cat\nb\tthe dog\n" * 20)
    for command in (
        ("generate", path),
        ("evaluate", path, "-"),
        ("neighbours", path, "t"),
        ("train", "labels.txt", "--task", "classification", "--from", path),
    ):
        said = run(place, *command, stdin=text, code=2).stderr
        assert "--trust owncells" in said
        assert not ran(place)
    for command in ("info", "verify"):
        said = run(place, command, path).stdout
        assert "needs 'owncells:Own', which is not imported without --trust owncells" in said
    assert not ran(place)
    assert "m.elman: 3 files whole; nothing was computed" in said
    assert run(place, "generate", path, "--length", "3", "--trust", "owncells").stdout
    assert ran(place)


def test_verify_and_info_import_a_module_only_if_it_is_named(place):
    sys.path.append(str(place))
    path = saved(place)
    _trust.remember(["owncells:Own"])
    assert "not imported without" in elman.verify(path).untrusted
    assert elman.verify(path).agrees
    assert "18 characters" in run(place, "info", path).stdout
    assert not ran(place)
    assert "files whole; log-probabilities differ" in run(place, "verify", path, "--trust=owncells").stdout
    assert "engine " in run(place, "info", path, "--trust", "owncells").stdout
    assert ran(place)


def test_an_unfinished_run_is_continued_with_trusted_modules_only(place):
    path = saved(place, name="unfinished")
    text = (ARTEFACTS / "unfinished" / "cats.txt").read_text()
    said = run(place, "train", "-", "--resume", "--out", path, stdin=text, code=2).stderr
    assert "--trust owncells" in said
    assert not ran(place)


def test_predict_imports_a_task_only_after_the_model_was_checked(place):
    contents = artefact.read(ARTEFACTS / "classification" / "model")
    task = {"type": "owncells:Own"}
    artefact.write(place / "m.elman", msgspec.structs.replace(contents, model={**contents.model, "task": task}))
    assert "--trust owncells" in run(place, "predict", "m.elman", "-", stdin="x", code=2).stderr
    assert "Own" in run(place, "predict", "m.elman", "-", "--trust", "owncells", stdin="x", code=2).stderr
    (place / "owncells.ran").unlink()
    del sys.modules["owncells"]
    (place / "m.elman" / "codec.json").write_bytes(b"{}")
    assert "damaged" in run(place, "predict", "m.elman", "-", "--trust", "owncells", stdin="x", code=2).stderr
    assert not ran(place)


def test_without_a_home_the_state_is_in_a_folder_of_ones_own(place, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(place))
    sys.path.append(str(place))
    _trust.remember(["owncells:Own"])
    elman.load(saved(place))
    (folder,) = place.glob("elman-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    refused(place, saved(place), "needs 'owncells:Own'")
    with pytest.warns(UserWarning, match="others may write to it"):
        _trust.remember(["owncells:Own"])
