import numpy as np


def test_ecg(names):
    middle, anywhere = names["by_move"]["trained in the middle"], names["by_move"]["trained anywhere"]
    assert middle[0] == middle[-1] == 0 < middle[len(middle) // 2]
    assert min(anywhere[1:-1]) > 0  # at the ends the edge cuts the beat
    at_rest, fast = names["by_rate"]["windows of 1 s"]
    assert at_rest > 2 * fast
    for detector in ("sliding, 84 ms", "recurrent"):
        assert min(names["by_rate"][detector] + names["by_width"][detector]) > 0.9 > at_rest
    assert names["sizes"]["recurrent"] == 3 * 32 * (2 + 32 + 1) + 32 + 4 * 33
    assert names["sizes"]["window of 1 s"] == 64 * 251 + 3 * 251 * 65
    assert abs(names["off"].mean()) < 4

    check_late_outputs(names["recurrent_scores"], names["recurrent"], names["signals"][:1])
    assert len(names["hits"]) > len(names["small_hits"])
    assert names["pictures"] == ["18-strip", "18-windows"]
    assert "sel100" in names["printed"] or "figures differ" in names["printed"]


def check_late_outputs(scores, model, signal):
    """Asserts that an output depends on the samples up to 80 ms later, and on none after them."""
    moved = signal.copy()
    moved[0, 500] += 1
    changed = np.abs(np.asarray(scores(model, moved)) - np.asarray(scores(model, signal))).max(axis=2)[0] > 0
    assert changed[480:500].any()
    assert not changed[:480].any()
