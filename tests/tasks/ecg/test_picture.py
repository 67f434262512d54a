import builtins
import re

import numpy as np
import pytest

from elman import ConfigError, DataError
from elman.formats.wfdb.record import Record
from elman.tasks.ecg import picture as ecg
from elman.tasks.ecg.beat_table import BeatTable
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.faults import Fault
from elman.tasks.ecg.picture import COLOURS, draw_ecg, ecg_figure
from elman.tasks.ecg.strip import strips_of

RATE = 250.0


def beat(at, symbol="N", width=20):
    qrs = DetectedWave("QRS", at - width // 2, at, at + width // 2, 0.9)
    return DetectedBeat(
        symbol,
        qrs,
        None,
        None,
        DetectedWave("P", at - 45, at - 35, at - 25, 0.9),
        DetectedWave("T", at + 30, at + 50, at + 70, 0.9),
    )


def record(seconds=10, leads=("II",), height=1.0):
    time = np.arange(int(seconds * RATE)) / RATE
    signals = np.stack([height * np.sin(2 * np.pi * time)] * len(leads), axis=1).astype(np.float32)
    return Record("r1", signals, RATE, leads, ("mV",) * len(leads))


def drawn(record, *beats):
    """The leads of a record, each with the beats."""
    return [(strip, BeatTable.of(beats, rate=RATE)) for strip in strips_of(record)]


def svg(path, leads, **options):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw_ecg(leads, path, **options)
    return path.read_text()


def words(text):
    return re.findall(r">([^<>]+)</text>", text)


def test_waves_beats_and_marks_are_in_the_picture(tmp_path):
    text = svg(tmp_path / "a.svg", drawn(record(), beat(300), beat(500, "V", width=40), beat(700)))
    labels = words(text)
    assert all(colour in text.lower() for colour in COLOURS.values())
    assert (labels.count("V"), labels.count("N")) == (1, 2)
    assert (labels.count("P"), labels.count("T")) == (1 + 3, 1 + 3), "the key and three beats"
    assert "QRS 160 H" in labels
    assert "QRS 80 H" not in labels
    assert any(word.startswith("record r1, 0.0 to 10.0 s; 25 mm/s") for word in labels)


def test_the_paper_has_25_mm_a_second_and_10_mm_a_millivolt(tmp_path):
    text = svg(tmp_path / "a.svg", drawn(record(seconds=10, height=1.9)))
    width, height = size_mm(text)
    assert width == pytest.approx(ecg.LEFT_MM + 250 + ecg.RIGHT_MM)
    strip = ecg.ABOVE_MM + 40 + ecg.LINE_MM  # 4 mV, and a line for the letters
    assert height == pytest.approx(ecg.TOP_MM + strip + ecg.BETWEEN_MM + ecg.BOTTOM_MM)


def size_mm(text):
    return [float(re.findall(rf'{side}="([\d.]+)pt"', text)[0]) * 25.4 / 72 for side in ("width", "height")]


def test_long_records_go_on_in_rows_below_each_lead(tmp_path):
    text = svg(tmp_path / "a.svg", drawn(record(seconds=60, leads=("I", "II"))), seconds=25)
    labels = words(text)
    assert (labels.count("I"), labels.count("II")) == (3, 3)
    assert any("0.0 to 25.0 s of 60.0 s" in word for word in labels)
    later = words(svg(tmp_path / "b.svg", drawn(record(seconds=60)), start=52))
    assert any("52.0 to 60.0 s of 60.0 s" in word for word in later)


def test_a_figure_has_axes_for_each_lead_and_row():
    pytest.importorskip("matplotlib")
    figure = ecg_figure(drawn(record(seconds=25, leads=("I", "II")), beat(300)), row_seconds=10.0)
    assert [axes.get_xlim() for axes in figure.axes] == [(0, 10), (0, 10), (10, 20), (10, 20), (20, 25), (20, 25)]
    trace = np.asarray(figure.axes[0].lines[0].get_xydata())
    assert trace[250].tolist() == pytest.approx([1.0, 0.0], abs=1e-6), "a sine of one turn a second"


def test_beats_of_other_times_are_left_out_and_a_wave_over_the_edge_is_cut(tmp_path):
    text = svg(tmp_path / "a.svg", drawn(record(seconds=20), beat(100), beat(2510), beat(4000)), seconds=10)
    labels = words(text)
    assert labels.count("N") == 1
    assert labels.count("P") == 1 + 2, "the P of the beat after the edge lies before it"


def test_faults_and_gaps_are_shown(tmp_path):
    broken = record()
    broken.signals[500:1000] = np.nan
    faults = [Fault("II", 500, 999, "missing", RATE), Fault("V1", 0, 99, "flat", RATE)]
    text = svg(tmp_path / "a.svg", drawn(broken, beat(300)), faults=faults)
    assert "missing" in words(text)
    assert "flat" not in words(text)
    nothing = record()
    nothing.signals[:] = np.nan
    svg(tmp_path / "b.svg", drawn(nothing))


def test_wild_signals_do_not_make_endless_pictures(tmp_path):
    _, height = size_mm(svg(tmp_path / "a.svg", drawn(record(height=1e6))))
    assert height < 150


def test_png(tmp_path):
    pytest.importorskip("matplotlib")
    draw_ecg(drawn(record(seconds=2), beat(300)), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match="cannot be drawn: .*'xyz' is not supported"):
        draw_ecg(drawn(record()), tmp_path / "a.xyz")
    with pytest.raises(ConfigError, match="73 rows; expected 72 at most: draw fewer seconds or leads"):
        draw_ecg(drawn(record(seconds=73)), tmp_path / "a.png", seconds=73, row_seconds=1)
    for start in (10, -1):
        with pytest.raises(DataError, match=f"no second from {start} on to draw; it has 10.0 s"):
            draw_ecg(drawn(record()), tmp_path / "a.png", start=start)
    with pytest.raises(DataError, match="no lead to draw"):
        draw_ecg([], tmp_path / "a.png")
    with pytest.raises(DataError, match="lead II has 500 samples at 250 a second; lead II has 2,500 at 250"):
        draw_ecg(drawn(record()) + drawn(record(seconds=2)), tmp_path / "a.png")


def test_without_matplotlib(monkeypatch, tmp_path):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[plot\]'"):
        draw_ecg(drawn(record()), tmp_path / "a.png")
