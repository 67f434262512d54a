import builtins

import numpy as np
import pytest

import elman
from elman.tasks.seq2seq.fitted import AttentionMap
from elman.tasks.seq2seq.picture import draw_attention

FOUND = AttentionMap(tuple("a $"), ("x", ""), np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]))


def test_a_picture_has_all_tokens_and_weights(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw_attention(FOUND, tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text()
    for token in (">a<", ">␣<", ">$<", ">x<", ">end<"):
        assert token in text
    draw_attention(FOUND, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_formats_that_there_are_not(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(elman.ConfigError, match="cannot be drawn: .*'xyz' is not supported"):
        draw_attention(FOUND, tmp_path / "map.xyz")


def test_without_matplotlib(monkeypatch, tmp_path):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(elman.ConfigError, match=r"pip install 'elman\[plot\]'"):
        draw_attention(FOUND, tmp_path / "map.png")
