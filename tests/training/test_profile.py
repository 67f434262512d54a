import csv
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

import elman
from elman.training import profile
from elman.training.events import Compiled, Noted, Profiled
from elman.training.reporters import Quiet


class Kept(Quiet):
    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)


def test_a_table_says_where_the_time_of_a_step_goes(small_text, tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "STEPS", 3)
    task, kept = elman.LanguageModelling(hidden_size=6, embedding_size=5, batch_size=4, unroll_length=16), Kept()
    evaluate, numbers = elman.LanguageModelling.evaluate, jnp.sin(jnp.arange(200_000.0))
    sort = lambda *arguments: (jnp.sort(numbers).block_until_ready(), evaluate(*arguments))[1]
    monkeypatch.setattr(elman.LanguageModelling, "evaluate", sort)
    elman.fit(task, task.read_text(small_text), steps=7, evaluations=7, report=kept, profile=tmp_path / "p.tsv")
    [measured] = [event.profile for event in kept.events if isinstance(event, Profiled)]
    assert measured.steps == 3
    assert measured.operations
    assert not any("sort" in name for name in measured.operations)  # which an evaluation does, and no step
    assert list(measured.parts) == ["input", *profile.SCOPES, "copies", "between"]
    assert min(measured.parts[name] for name in profile.SCOPES) > 0
    head, *rows = csv.reader((tmp_path / "p.tsv").read_text().splitlines(), delimiter="\t")
    assert head == ["part", "ms a step", "share"]
    assert [name for name, *_ in rows[:10]] == [*measured.parts, "step"]
    assert float(rows[9][1]) == pytest.approx(measured.milliseconds, abs=1e-3)
    assert all(name.split(":")[0] in measured.parts for name, *_ in rows[10:])

    [memory] = [event.memory for event in kept.events if isinstance(event, Compiled)]
    [weights] = {event.parameters for event in kept.events if hasattr(event, "parameters")}
    assert memory.weights == 4 * weights
    assert memory.optimiser == 2 * memory.weights + 4  # Adam's two moments, and the number of steps
    assert memory.between >= 2 * 4 * 16 * 4 * 6 * 4  # the gates of two LSTMs, in float32


def test_a_run_that_ends_before_a_step_was_measured_says_so(small_text, tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "WAITS", 0)
    task = elman.LanguageModelling(hidden_size=4, embedding_size=4, batch_size=4, unroll_length=16)
    data, place = task.read_text(small_text), tmp_path / "p"
    with pytest.raises(elman.NonFiniteError, match="the update of the weights"):
        elman.fit(task, data, steps=1, learning_rate=1e30, profile=place)
    assert place.read_text() == ""
    monkeypatch.setattr(profile, "WAITS", 1)
    kept = Kept()
    elman.fit(task, data, steps=1, evaluations=1, report=kept, profile=place)
    [note] = [event.message for event in kept.events if isinstance(event, Noted) and "p: has no table" in event.message]
    assert "are not measured, and no more were made" in note


def test_a_trace_that_is_on_already_is_not_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "WAITS", 0)
    profiler = profile.Profiler()
    with jax.profiler.trace(str(tmp_path)):
        with pytest.raises(elman.ConfigError, match="profile: JAX traces something else already"):
            profiler.begin_input()
        assert profiler.end() is None
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_a_profile_that_cannot_be_written_is_refused_first(small_text, tmp_path):
    task = elman.LanguageModelling(hidden_size=6)
    with pytest.raises(elman.ConfigError, match="profile: .* cannot be written: No such file or directory"):
        elman.fit(task, task.read_text(small_text), steps=1, profile=tmp_path / "none" / "p.tsv")


def test_an_operation_inside_another_is_counted_once():
    event = lambda name, start, ns: SimpleNamespace(name=name, start_ns=start, duration_ns=ns, stats=[("hlo_op", name)])
    events = [event("while", 0, 100), event("dot", 10, 30), event("dot", 50, 40), event("tanh", 55, 5)]
    events += [event("add", 100, 7), SimpleNamespace(name="thread", start_ns=0, duration_ns=200, stats=[])]
    assert profile._own_times(events) == {"while": 30, "dot": 65, "tanh": 5, "add": 7}


def test_an_operation_belongs_to_its_innermost_scope():
    program = """
      %dot.3 = f32[2]{0} dot(%a, %b), metadata={op_name="jit(step)/transpose(jvp(network))/recurrence/dot_general"}
      ROOT add = f32[2]{0} add(%a, %b), metadata={op_name="jit(step)/add" stack_frame_id=4}
    """
    assert profile._scopes_of(program) == {"dot.3": "recurrence", "add": "network"}
