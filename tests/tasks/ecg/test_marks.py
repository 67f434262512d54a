import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.wfdb.annotations import Annotations
from elman.tasks.ecg.marks import annotated_beats, annotated_waves, check_within, flutter_mask, in_runs, without_t
from elman.tasks.ecg.strip import Beat, Wave


def marks(symbols, samples=None):
    """Annotations at these samples; without, every ten."""
    samples = range(10, 10 * len(symbols) + 10, 10) if samples is None else samples
    return Annotations.of(np.array(samples), tuple(symbols), rate=500.0)


def waves(symbols, samples=None):
    return [tuple(wave) for wave in annotated_waves(marks(symbols, samples)).waves]


def unclear(symbols, samples=None):
    return list(annotated_waves(marks(symbols, samples)).unclear)


def test_brackets_are_onset_and_end_of_the_wave_between_them():
    assert waves("(p)(N)(t)") == [("P", 10, 20, 30), ("QRS", 40, 50, 60), ("T", 70, 80, 90)]
    assert unclear("(p)(N)(t)") == []
    assert annotated_waves(marks("(V)")).complexes == (Beat(20, "V", "V"),)


def test_a_missing_onset_is_the_peak_and_where_it_may_be_is_unclear():
    assert waves("(N)t)(p)") == [("QRS", 10, 20, 30), ("T", 40, 40, 50), ("P", 60, 70, 80)]
    assert unclear("(N)t)(p)") == [(31, 39)]
    assert not Wave("T", 40, 40, 50).has_onset
    assert Wave("T", 40, 40, 50).has_end
    assert (waves("N)"), unclear("N)")) == ([("QRS", 10, 10, 20)], [(0, 9)])


def test_a_missing_end_is_the_peak_and_where_it_may_be_is_unclear():
    assert waves("(N(t)") == [("QRS", 10, 20, 20), ("T", 30, 40, 50)]
    assert unclear("(N(t)") == [(21, 29)]
    assert waves("(N") == [("QRS", 10, 20, 20)]


def test_u_waves_are_no_waves():
    assert waves("(t)u)(p)") == [("T", 10, 20, 30), ("P", 60, 70, 80)]
    assert unclear("(t)u)(p)") == []
    assert waves("(u)") == []


def test_an_onset_right_after_its_peak_belongs_to_it():
    # As in record 111 of LUDB: N 2920, ( 2921, ) 2996.
    assert waves("(t)N()(t)", [3, 9, 15, 2920, 2921, 2996, 3048, 3096, 3149])[1] == ("QRS", 2920, 2920, 2996)
    assert unclear("(t)N()(t)", [3, 9, 15, 2920, 2921, 2996, 3048, 3096, 3149]) == []


def test_brackets_without_a_peak_are_unclear():
    assert (waves("(t)()(N)"), unclear("(t)()(N)")) == ([("T", 10, 20, 30), ("QRS", 60, 70, 80)], [(40, 50)])


def test_marks_of_one_wave_that_were_made_several_times_are_one_wave():
    # As in record 116 of LUDB.
    assert waves("(N)((tttt)))(p)") == [("QRS", 10, 20, 30), ("T", 40, 80, 120), ("P", 130, 140, 150)]


@given(st.text("()()()pNtVu+", max_size=30), st.integers(1, 40))
def test_whatever_is_marked_gives_waves_in_order(symbols, step):
    marked = annotated_waves(marks(symbols, range(5, 5 + step * len(symbols), step)))
    assert all(0 <= wave.onset <= wave.peak <= wave.end for wave in marked.waves)
    peaks = [wave.peak for wave in marked.waves]
    assert peaks == sorted(peaks)
    assert len(marked.waves) <= sum(symbols.count(symbol) for symbol in "pNtV")
    assert all(first <= last for first, last in marked.unclear)
    known = in_runs(marked, None, 2000)
    assert not known[: min([wave.onset for wave in marked.waves], default=2000)].any()


def test_beats_are_told_from_other_marks():
    beats = annotated_beats(marks('+NL~AVF/Q"|(jr?'))
    assert "".join(beat.symbol for beat in beats) == "NLAVF/Qjr?"
    assert "".join(beat.kind for beat in beats) == "NNSVFQQNVQ"


def test_flutter_is_from_bracket_to_bracket():
    assert np.flatnonzero(flutter_mask(marks("N[!!]N", [1, 3, 4, 5, 6, 9]), 10)).tolist() == [3, 4, 5, 6]
    assert np.flatnonzero(flutter_mask(marks("N[", [1, 7]), 10)).tolist() == [7, 8, 9]


def runs(symbols, samples, beats):
    waves = annotated_waves(marks(symbols, samples))
    beats = None if beats is None else annotated_beats(marks("N" * len(beats), beats))
    return np.flatnonzero(np.diff(np.r_[0, in_runs(waves, beats, 1000).astype(int), 0]))


def test_runs_of_marked_beats_end_where_another_beat_lies_between():
    symbols, samples = "(p)(N)(t)(N)(t)(N)(t)", []
    for start in (100, 300, 500):
        samples += [start - 40, start - 30, start - 20] if start == 100 else []
        samples += [start - 5, start, start + 5, start + 30, start + 40, start + 50]
    assert runs(symbols, samples, [99, 302, 499]).tolist() == [60, 551]
    assert runs(symbols, samples, [99, 302, 400, 499]).tolist() == [60, 351, 495, 551]
    assert runs(symbols, samples, [99, 200, 400, 499]).tolist() == [60, 151, 295, 351, 495, 551]
    assert runs(symbols, samples, None).tolist() == [60, 551]


def test_without_other_beats_a_run_ends_at_a_long_pause():
    samples = [at for start in (100, 200, 300, 600) for at in range(start - 5, start + 25, 5)]
    assert runs("(N)(t)" * 4, samples, None).tolist() == [95, 321, 595, 621]


def test_after_a_complex_without_t_wave_there_may_be_one():
    waves = annotated_waves(marks("(N)(p)(N)(t)"))
    assert np.flatnonzero(without_t(waves, 200)).tolist() == list(range(31, 40))
    assert runs("(p)", [1, 2, 3], None).tolist() == []


def test_what_is_unclear_is_not_known():
    # Before the T wave, whose onset was not marked; before the second complex all is known.
    waves = annotated_waves(marks("(N)t)(p)(N)"))
    assert np.flatnonzero(~in_runs(waves, None, 112)).tolist() == [*range(10), *range(31, 40), 111]


def test_marks_beyond_the_record_are_refused():
    check_within(marks("N", [99]), 100, "a.atr")
    message = r"a\.atr: 2 of 3 annotations lie beyond .*\('V'\) at sample 100; the record has 100"
    with pytest.raises(DataError, match=message):
        check_within(marks("NVN", [99, 100, 101]), 100, "a.atr")
