"""The page's tables are those of benchmarks/results, and cells are shown as they should be."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SAVED = SimpleNamespace(save=True)


@pytest.fixture
def modules(monkeypatch, tmp_path):
    """The modules that benchmarks share, with a folder of results of their own."""
    monkeypatch.syspath_prepend(FOLDER)
    import results
    import tables

    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["/somewhere/pace.py", "/elsewhere/text.txt", "--rounds", "2", "--save"])
    return results, tables


def test_page_agrees_with_results():
    done = subprocess.run(
        [sys.executable, FOLDER / "tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_spreads(modules):
    results, _ = modules
    assert results.middle([4.0, 1.0, 2.0, 3.0, 10.0]) == {"median": 3.0, "spread": 2.75, "of": 5}
    assert results.middle([4.0]) == {"median": 4.0, "spread": 0.0, "of": 1}
    assert results.mean([1.0, 3.0]) == {"mean": 2.0, "spread": pytest.approx(2**0.5), "of": 2}
    assert results.mean([1.0]) == {"mean": 1.0, "spread": None, "of": 1}


@pytest.mark.parametrize(
    ("cell", "form", "shown"),
    [
        (None, ".3g", ""),
        ("LSTM", ".3g", "LSTM"),
        (1234.5, ",.0f", "1,234"),
        (0.5649, ".0%", "56%"),
        ({"median": 1.2345, "spread": 0.0678, "of": 9}, ".3g", "1.23 ± 0.068"),
        ({"mean": 82.41, "spread": None, "of": 1}, ".1f", "82.4"),
        ({"mean": 82.41, "spread": 1.26, "of": 3}, ".1f", "82.4 ± 1.3"),
        ([64600, 83806], ",.0f", "64,600 to 83,806"),
    ],
)
def test_cells(modules, cell, form, shown):
    results, _ = modules
    assert results.shown(cell, form) == shown


def test_table_is_kept_and_brought_to_the_page(modules, tmp_path, capsys):
    results, tables = modules
    with results.Table("pace", {"library": "", "ms": ".3g"}, SAVED) as table:
        table.add("elman", results.middle([1.0, 1.0]))
        table.sum_up("best", 0.5)
    [place] = tmp_path.iterdir()
    records = json.loads(place.read_text())
    assert records["command"] == "python benchmarks/pace.py text.txt --rounds 2"
    assert records["rows"] == [["elman", {"median": 1.0, "spread": 0.0, "of": 2}]]
    second = records | {"processor": records["processor"] | {"model": "another"}, "rows": [["elman", None]]}
    page = "# Pace\n<!-- results: pace -->\nold\n<!-- /results -->\nprose\n"
    new = tables.filled(page, [records, second])
    assert "old" not in new
    assert new.startswith("# Pace\n")
    assert new.endswith("<!-- /results -->\nprose\n")
    assert (
        new.index("| elman | 1 ± 0 |") < new.index("Best: 0.5.") < new.index("| elman |  |") < new.index("on another (")
    )
    assert tables.filled(new, [records, second]) == new
    assert "| elman | 1 ± 0 |" in capsys.readouterr().out


def test_results_with_the_same_columns_are_one_table(modules, tmp_path):
    results, tables = modules
    for name in ("two", "ten"):
        with results.Table(name, {"sums": "", "right, %": ".1f"}, SAVED) as table:
            table.add(name, 99.5)
    records = [json.loads(place.read_text()) for place in tmp_path.iterdir()]
    page = tables.filled("<!-- results: two ten -->\n<!-- /results -->\n", records)
    assert "| sums | right, % |\n|---|---|\n| two | 99.5 |\n| ten | 99.5 |\n" in page


def test_peers_that_are_missing_are_left_out(modules, monkeypatch, capsys):
    import turns

    monkeypatch.setattr(turns.importlib.util, "find_spec", lambda name: None if name == "torch" else name)
    assert turns.present(["elman", "torch", "scan"]) == ["elman", "scan"]
    assert capsys.readouterr().out == "torch is not installed: left out\n"


def test_what_is_wrong_is_said(modules, tmp_path, monkeypatch, capsys):
    results, tables = modules
    with pytest.raises(ValueError, match="expected 1 cells, got 2"), results.Table("a", {"x": ""}, SAVED) as table:
        table.add("1", "2")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="the page asks for pace"):
        tables.filled("<!-- results: pace -->\n<!-- /results -->\n", [])
    with pytest.raises(SystemExit, match="no place in the page for pace"):
        tables.filled("", [{"table": "pace"}])
    monkeypatch.setattr(sys, "argv", ["pace.py", "--smoke", "--save"])
    import argparse

    import options

    with pytest.raises(SystemExit):
        next(options.runs(argparse.ArgumentParser(), ("",)))
    assert "--smoke stands alone" in capsys.readouterr().err
