"""Units over stretches of text, and where else they are on, against recorded states and a NumPy search."""

import re
from collections import Counter

import numpy as np
import pytest

import elman
from elman.inspection import corpus, record, unit_states
from tests.inspection.test_inside import LONG, untrained, writer
from tests.tasks.cases import CASES, ecg, forecasting, language_modelling, series_classification

THRESHOLD = 0.02


def recorded(cell="layers.cells.1", state="h"):
    return record(writer(), LONG)[cell].states[state][0]


@pytest.mark.parametrize(("cell", "state"), [("", ""), ("layers.cells.0", "c")])
def test_units_are_on_where_their_state_is_above_the_threshold(cell, state):
    seen = unit_states(writer(), LONG, cell=cell, state=state, threshold=THRESHOLD)
    assert (seen.cell, seen.state) == (cell or "layers.cells.1", state or "h")
    values = recorded(seen.cell, seen.state)
    clear = np.abs(values - THRESHOLD) > 1e-6
    on = seen.on(range(6))
    assert (on == (values > THRESHOLD))[clear].all()
    start, stop = seen.stretch("world", which=3)
    assert "".join(seen.tokens[start:stop]) == "world"
    assert seen.units_over(start, stop) == tuple(np.flatnonzero((values[start:stop] > THRESHOLD).all(0)))
    before, after = values[start - 1] <= THRESHOLD, values[stop] <= THRESHOLD
    alone = (values[start:stop] > THRESHOLD).all(0) & before & after
    assert seen.units_over(start, stop, alone=True) == tuple(np.flatnonzero(alone))


def test_the_threshold_of_a_mark_is_told_from_the_beginning():
    values = recorded()
    start = LONG.index("world")
    highest = values[start : start + 5].min(axis=0).max()
    assert corpus.mark_threshold(writer(), LONG, "world") == pytest.approx(highest, abs=1e-6)
    assert corpus.mark_threshold(writer(), LONG, "no such words") is None


def test_each_part_of_a_long_text_begins_early(monkeypatch):
    monkeypatch.setattr(corpus, "SHORT", 100)
    monkeypatch.setattr(corpus, "WARM", 30)
    on = unit_states(writer(), LONG, threshold=THRESHOLD).on(range(6))
    for start, stop in ((0, 120), (120, 239)):
        begin = max(0, start - 30)
        values = record(writer(), LONG[begin : stop + 1])["layers.cells.1"].states["h"][0, start - begin :]
        clear = np.abs(values - THRESHOLD) > 1e-6
        assert ((values > THRESHOLD) == on[start:stop])[clear].all()


def test_matches_are_those_of_a_search_by_hand():
    seen = unit_states(writer(), LONG, threshold=THRESHOLD)
    start, stop = seen.stretch("lo w")
    units, length = (0, 1, 2, 3, 4, 5), stop - start
    found = seen.matches(units, length, count=4)
    on = seen.on(units)
    shared = [int(on[at : at + length].all(axis=0).sum()) for at in range(len(on) - length + 1)]
    assert len(found.places[0].units) == max(shared)
    least = len(found.places[-1].units)
    alike = [at for at, number in enumerate(shared) if number >= least]
    assert found.total == len(alike)
    after = Counter(seen.tokens[at + length] for at in alike if at + length < len(seen.tokens))
    assert found.follows == pytest.approx({token: n / after.total() for token, n in after.most_common(4)})
    for one in found.places:
        assert one.units == tuple(np.flatnonzero(on[one.start : one.stop].all(axis=0)))
        assert one.text == LONG[one.start : one.stop]
        assert LONG.startswith(one.before + one.text + one.after, one.start - len(one.before))
    spans = sorted((one.start, one.stop) for one in found.places)
    assert all(stop <= start for (_, stop), (start, _) in zip(spans, spans[1:], strict=False))
    best = [(-shared[one.start], one.start) for one in found.places]
    assert [number for number, _ in best] == sorted(number for number, _ in best)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: unit_states(writer(), LONG, cell="layers.cells.7"), "no cell 'layers.cells.7'; did you mean"),
        (lambda: unit_states(writer(), LONG, state="x"), "no state 'x'; the cell has h, c"),
        (lambda: unit_states(writer(), ""), "at least 2 tokens"),
        (lambda: unit_states(writer(), LONG).units_over(5, 5), "the stretch 5 to 5: expected two places from 0 to 239"),
        (lambda: unit_states(writer(), LONG).stretch("moon"), "the text does not hold 'moon'"),
        (lambda: unit_states(writer(), LONG).stretch(""), "the text does not hold ''"),
        (lambda: unit_states(writer(), LONG).stretch("hello", which=99), "the text does not hold 'hello' 99 times"),
        (lambda: unit_states(writer(), LONG).matches((9,), 3), "unit 9: expected 0 to 5, the units of layers.cells.1"),
        (lambda: unit_states(writer(), LONG).matches((), 3), "expected one or more units"),
    ],
)
def test_what_no_text_and_no_model_has(ask, message):
    with pytest.raises(elman.ElmanError, match=re.escape(message)):
        ask()


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_units_of_every_task_are_on_where_their_state_is_above_the_threshold(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    fitted, part = untrained(case.task, data), data.train
    seen = unit_states(fitted, part, threshold=0.0)
    by_example = make not in (language_modelling, forecasting, ecg)
    last = part.where(example is part.examples[-1] for example in part.examples) if by_example else part
    cell = record(fitted, last)[seen.cell]
    values = cell.states[seen.state][0][cell.valid[0]].reshape(int(cell.valid[0].sum()), -1)
    own = slice(-len(values), None) if by_example else slice(len(values))
    on, clear = seen.on(range(seen.size)), np.abs(values) > 1e-5
    assert (on[own] == (values > 0))[clear].all()
    if by_example:
        gaps = np.array(seen.tokens) == "\n"
        assert (gaps.sum(), on[gaps].any()) == (len(part) - 1, False)
    tokens = seen.tokens[own][:2]
    between = ".." if seen.numbered else seen.separator
    start, stop = seen.stretch(between.join(tokens))
    assert between.join(seen.tokens[start:stop]) == between.join(tokens)
    matches = seen.matches(range(seen.size), 1, count=1)
    assert 0 < len(matches.places[0].units) <= seen.size
    assert (matches.follows == {}) is seen.numbered


def test_steps_without_names_have_numbers(tmp_path):
    case = series_classification()
    fitted = untrained(case.task, case.read(case.task, case.parts, tmp_path))
    seen = unit_states(fitted, [[0.0, 1.0]] * 5)
    assert seen.tokens == ("1:1", "1:2", "1:3", "1:4", "1:5")
    assert (seen.stretch("1:2..1:4"), seen.stretch("1:5")) == ((1, 4), (4, 5))
    with pytest.raises(elman.DataError, match=re.escape("'2:1': expected steps such as 1:12..1:40")):
        seen.stretch("2:1")
