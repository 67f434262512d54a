import builtins
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import elman
from elman.tasks.drawing import label
from elman.tasks.seq2seq.fitted import AttentionMap
from elman.tasks.seq2seq.picture import draw_attention

MAP = AttentionMap(tuple("a $"), ("x", ""), np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]))


def test_a_picture_has_all_tokens_and_weights(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw_attention(MAP, tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text()
    for token in (">a<", ">␣<", ">$<", ">x<", ">end<"):
        assert token in text
    draw_attention(MAP, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_long_names_of_neighbours_do_not_touch(tmp_path):
    """Each name of the input stands upright in its own column, and none is longer than `LONGEST`."""
    pytest.importorskip("matplotlib")
    words = ("Ein", "Donaudampfschifffahrtsgesellschaftskapitän", "geht", "über", "die", "Straße")
    weights = np.full((2, len(words)), 1 / len(words))
    draw_attention(AttentionMap(words, ("ein", ""), weights), tmp_path / "map.svg")
    root = ElementTree.parse(tmp_path / "map.svg").getroot()
    names = {text.text: text.attrib["transform"] for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "Donaudampfschi…schaftskapitän" in names
    turned = [names[label(word)] for word in words]
    assert all("rotate(-90" in transform for transform in turned)
    lefts = [float(re.findall(r"translate\(([\d.]+)", transform)[0]) for transform in turned]
    assert np.diff(lefts).min() > 10  # points; the letters have 10


def test_a_character_that_no_font_has_is_said(tmp_path):
    pytest.importorskip("matplotlib")
    unknown = AttentionMap(("ཀ", "b"), ("x",), np.ones((1, 2)) / 2)
    with pytest.warns(UserWarning, match="no installed font has"):
        draw_attention(unknown, tmp_path / "map.png")


def test_formats_that_there_are_not(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(elman.ConfigError, match="cannot be drawn: .*'xyz' is not supported"):
        draw_attention(MAP, tmp_path / "map.xyz")


def test_without_matplotlib(monkeypatch, tmp_path):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(elman.ConfigError, match=r"pip install 'elman\[plot\]'"):
        draw_attention(MAP, tmp_path / "map.png")
