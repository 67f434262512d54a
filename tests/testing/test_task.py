"""Every task of elman passes the table, and each way to break a task is caught by the check that is meant for it."""

import pytest

from elman.testing import TaskError, check_task
from tests.tasks import losses
from tests.tasks.cases import CASES, PROBABLE, written
from tests.testing import broken


@pytest.mark.slow
@pytest.mark.optimised
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_every_task_of_elman_passes(make, tmp_path):
    case, folder, inputs = make(), tmp_path / "data", tmp_path / "inputs"
    folder.mkdir()
    inputs.mkdir()
    read = lambda parts: case.read(case.task, parts, folder)
    changed = {name: [read(parts) for _, part, parts in case.changed() if part == name] for name in case.parts}
    check_task(
        case.task,
        read(case.parts),
        loss=case.loss,
        changed=changed,
        inputs=case.inputs(inputs),
        options=case.options,
        head=case.head,
    )


@pytest.fixture(scope="module")
def sms(tmp_path_factory):
    """Labelled texts in three files, the same with a change in each part, and inputs."""
    folder = tmp_path_factory.mktemp("sms")
    rows = [f"{'pos' if n % 2 else 'neg'}\t{'good' if n % 2 else 'bad'} {n % 5} film\n" for n in range(12)]
    parts = dict(train=rows, dev=rows[:4], test=rows[2:6])

    def write(name, parts):
        (folder / name).mkdir()
        for part, lines in parts.items():
            (folder / name / f"{part}.txt").write_text("".join(lines))
        return folder / name

    changed = {
        name: [write(f"{part}-order", {**parts, part: [*parts[part][1::-1], *parts[part][2:]]})]
        for name, part in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    return write("all", parts), changed, written(folder, one="good film\n\n", two="bad 3\n")


def check(kind, sms):
    data, changed, inputs = sms
    task = kind(embedding_size=4, hidden_size=4, batch_size=4)
    check_task(task, data, loss=losses.classification, changed=changed, inputs=inputs, options=PROBABLE)


def test_a_task_of_ones_own_passes(sms):
    check(broken.Sound, sms)


@pytest.mark.sample(1)
@pytest.mark.parametrize("kind", broken.BROKEN, ids=lambda kind: kind.__name__)
def test_broken_tasks_are_caught_by_the_checks_meant_for_them(kind, sms):
    with pytest.raises(TaskError) as caught:
        check(kind, sms)
    assert set(caught.value.failed) == broken.BROKEN[kind], str(caught.value)
    assert str(caught.value).startswith(f"{kind.__name__} fails {len(broken.BROKEN[kind])} of 12 checks:\n- ")
