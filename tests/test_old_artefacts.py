"""Models that were saved by an earlier elman load, and the commands print of them what they printed then."""

import json
import re
import shutil
from pathlib import Path

import pytest

import elman
from elman.artefact import FORMAT_VERSION
from tests.cli.commands import run

pytestmark = pytest.mark.optimised

ARTEFACTS = Path(__file__).parent / "artefacts"
TASKS = {
    "classification": elman.Classification,
    "ecg": elman.Ecg,
    "forecasting": elman.Forecasting,
    "forecasting-autoregressive": elman.Forecasting,
    "language-modelling": elman.LanguageModelling,
    "seq2seq": elman.Seq2Seq,
    "series-classification": elman.SeriesClassification,
    "tagging": elman.Tagging,
    "unfinished": elman.LanguageModelling,
    "classification-several": elman.Classification,
    "classification-vectors": elman.Classification,
    "tagging-bilou": elman.Tagging,
    "classification-subwords": elman.Classification,
    "ecg-causal": elman.Ecg,
}
MORE = [name for name in TASKS if name.startswith(("classification-", "tagging-", "ecg-"))]
"""Other models of the same tasks, which the second tier verifies."""

# Another processor, engine or compiler adds in another order: decimals and percentages may differ in their last place
# or by this share; words, labels and whole numbers may not. A run of 200 steps adds such differences up.
ROUNDING, TRAINED = 1e-4, 1e-2
NUMBER = re.compile(r"(-?\d+\.(\d+)(?:e[-+]\d+)?|-?\d+(?=%))")


def session(name):
    """The commands and what each printed, as (command, output)."""
    pieces = re.split(r"^\$ elman (.*)\n", (ARTEFACTS / name / "session.txt").read_text(), flags=re.MULTILINE)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def repeat(folder, command):
    command, _, source = command.partition(" < ")
    return run(folder, *command.split(), stdin=(folder / source).read_text() if source else "").stdout


def check_same(result, kept, *, share=ROUNDING):
    assert NUMBER.sub("#", result) == NUMBER.sub("#", kept)
    for ours, theirs in zip(NUMBER.finditer(result), NUMBER.finditer(kept), strict=True):
        place = 10.0 ** -len(theirs[2] or "")
        assert float(ours[0]) == pytest.approx(float(theirs[0]), rel=share, abs=1.01 * place), (result, kept)


ANSWERS = [
    pytest.param(name, command, kept, id=f"{name}: {command}")
    for name in TASKS
    for command, kept in session(name)
    if command.split()[0] not in ("info", "train")
]


@pytest.mark.parametrize(("name", "command", "kept"), ANSWERS)
def test_an_old_model_answers_as_it_did(name, command, kept):
    check_same(repeat(ARTEFACTS / name, command), kept)


@pytest.mark.parametrize("name", TASKS)
def test_an_old_model_is_described_as_it_was(name):
    command, kept = session(name)[0]
    assert command == "info model"
    _, *rest = described(repeat(ARTEFACTS / name, command))
    old_settings, *old = described(kept)
    settings = {f"{name} {value}" for name, value in elman.load(ARTEFACTS / name / "model").task.to_builtins().items()}
    assert set(old_settings.removeprefix("model: ").split(", ")) <= settings  # a later elman may have more of them
    assert rest == old


def test_models_of_every_format_are_kept():
    kept = {json.loads((ARTEFACTS / name / "model" / "manifest.json").read_text())["format_version"] for name in TASKS}
    assert kept == {*range(1, FORMAT_VERSION + 1)}
    assert {folder.name for folder in ARTEFACTS.iterdir() if (folder / "model").is_dir()} == {*TASKS}


def described(text):
    """The lines without the engine, which depends on the machine, and the size, which an earlier elman did not say."""
    return [line for line in text.splitlines() if not line.startswith(("engine ", "size: "))]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in MORE else ()) for name in TASKS])
def test_an_old_model_is_whole(name):
    assert "files whole" in run(ARTEFACTS / name, "verify", "model").stdout


@pytest.mark.parametrize(("name", "task"), TASKS.items())
def test_an_old_model_that_is_saved_again_has_the_same_arrays(tmp_path, name, task):
    old, again = ARTEFACTS / name / "model", tmp_path / "again.elman"
    fitted = elman.load(old)
    assert type(fitted.task) is task
    fitted.save(again)
    files = {file.name for file in old.glob("*.safetensors")}
    assert files == {file.name for file in again.glob("*.safetensors")}
    for file in files:
        assert (again / file).read_bytes() == (old / file).read_bytes()


def test_an_old_training_that_was_stopped_goes_on_to_its_end(tmp_path):
    folder = shutil.copytree(ARTEFACTS / "unfinished", tmp_path / "unfinished")
    command, kept = session("unfinished")[-1]
    assert "--resume" in command
    result, *_ = repeat(folder, command).splitlines()  # a later elman says more
    check_same(result.removesuffix(" of 400"), kept.rstrip(), share=TRAINED)
    assert "trained for 400 steps" in run(folder, "info", "model").stdout
