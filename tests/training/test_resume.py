"""A run goes on with its own data and settings alone. `tests/testing/test_task.py` resumes a run of every task."""

import os
import signal
from typing import Any

import pytest

import elman
from elman import artefact
from elman.training.events import Stepped
from elman.training.reporters import Quiet
from tests.tasks.cases import CASES, replaced

RUN: dict[str, Any] = dict(steps=6, evaluations=2)


class Stop(Quiet):
    def __call__(self, event):
        if isinstance(event, Stepped) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_small_change_of_the_data_is_told_with_its_part(make, tmp_path):
    case = make()
    read = lambda task, parts: case.read(task, parts, tmp_path).fingerprint
    own = read(case.task, case.parts)
    assert read(case.task, case.parts) == own
    for change, part, parts in case.changed():
        assert getattr(read(case.task, parts), part) != getattr(own, part), (change, part)
        if part != "train" and not isinstance(case.task, elman.LanguageModelling):  # whose parts are of one text
            assert replaced(read(case.task, parts), **{part: getattr(own, part)}) == own, (change, part)
    assert read(case.other(case.task), case.parts) != own


@pytest.mark.optimised
@pytest.mark.sample(1)
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_run_that_was_interrupted_goes_on_with_its_own_settings_alone(make, tmp_path):
    case, out, folder = make(), tmp_path / "m.elman", tmp_path / "data"
    folder.mkdir()
    task = replaced(case.task, **case.beyond)
    data = case.read(task, case.parts, folder)
    whole = elman.fit(task, data, report=Quiet(), **RUN)
    with pytest.raises(elman.Interrupted, match="after step 3"):
        elman.fit(task, data, out=out, report=Stop(), **RUN)
    other = case.other(task)
    with pytest.raises(
        elman.ArtefactError, match=r"not the data of .*m\.elman, which was training on .*: the .* differs?$"
    ):
        elman.fit(task, case.read(other, case.parts, folder), out=out, resume=True, **RUN)
    with pytest.raises(elman.ConfigError, match="it cannot be resumed with"):
        elman.fit(other, case.read(other, case.parts, folder), out=out, resume=True, **RUN)
    again = elman.fit(task, case.read(task, case.parts, folder), out=out, resume=True, report=Quiet(), **RUN)
    ours, theirs = (artefact.named_arrays(fitted.model) for fitted in (again, whole))
    assert {name: array.tobytes() for name, array in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}
    assert again.validation == whole.validation


def test_a_run_of_another_version_is_refused_and_its_model_loads(small_text, tmp_path):
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=8)
    data = task.read_text(small_text)
    with pytest.raises(elman.Interrupted):
        elman.fit(task, data, out=tmp_path / "m", report=Stop(), **RUN)
    saved = artefact.read(tmp_path / "m", with_state=True)
    assert saved.state is not None
    values = saved.state.values | {"fingerprint": "0123456789abcdef"}
    state = replaced(saved.state, values=values)
    artefact.write(tmp_path / "m", replaced(saved, state=state))
    with pytest.raises(elman.ArtefactError, match="another version of elman hashed .*; resume with that version, or"):
        elman.fit(task, data, out=tmp_path / "m", resume=True, **RUN)
    assert elman.load(tmp_path / "m").task == task.configure(data)


def test_a_moved_file_holds_the_same_data(tmp_path):
    prints = []
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("neg\ta bad film\npos\ta good film\n" * 9)
        prints.append(elman.Classification().read(tmp_path / f"{name}.txt").fingerprint)
    assert prints[0] == prints[1]
