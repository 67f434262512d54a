"""The trained forecaster: rows behind rows give the same bits as a fresh pass, tables, intervals, bad input."""

import jax
import numpy as np
import pytest

import elman
from elman._errors import ArtefactError, ConfigError, DataError
from elman.artefact import SavedState
from elman.training.reporters import Quiet

SMALL = dict(horizon=4, window=12, hidden_size=8, samples=20)
MODELS = ("direct", "autoregressive", "encoder-decoder")


def table(steps=160, *, first=0, gap=(), series=("a", "b")):
    """Two series with a covariate of each kind and a gap; the covariate known ahead goes on for a horizon."""
    noise = np.random.default_rng(0).normal(size=400)
    rows = {name: [] for name in ("unique_id", "ds", "y", "wind", "holiday", "size")}
    for place, name in enumerate(series):
        for step in range(first, steps + 4):
            wave = 5 * place + np.sin(step / 3) + 0.1 * noise[step]
            rows["unique_id"].append(name)
            rows["ds"].append(step)
            rows["y"].append(None if step >= steps or step in gap else wave)
            rows["wind"].append(None if step >= steps or step == 30 else np.cos(step / 5))
            rows["holiday"].append(float(step % 7 == 0))
            rows["size"].append(place + 1.0)
    return rows


def trained(steps=30, read=None, **settings):
    covariates = dict(past=("wind",), future=("holiday",), static=("size",))
    task = elman.Forecasting(**{**SMALL, **covariates, **settings})
    return elman.fit(task, task.read_table(read or table(gap=(40, 41))), steps=steps, evaluations=1, report=Quiet())


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return trained(model=request.param)


def bits(one):
    """All that a forecast is made of."""
    history = one.history
    leaves = [history.stamps, history.values, history.past, history.future, *jax.tree.leaves(one.state)]
    return [np.asarray(leaf).tobytes() for leaf in leaves]


@pytest.mark.sample(1)
@pytest.mark.optimised
def test_rows_one_by_one_give_the_bits_of_a_fresh_pass(fitted):
    whole = fitted.predict(table(180, gap=(40, 41, 165)), level=[80])
    now = fitted
    for step in range(160, 180):
        if step != 165:  # what has no value comes with the next row: alone, it would only say what is known ahead
            now = now.update(table(step + 1, first=step - (step == 166), gap=(165,)))
    result = now.predict(level=[80])
    assert result.columns == whole.columns
    for ours, fresh in zip(result.arrays, whole.arrays, strict=True):
        assert ours.tobytes() == fresh.tobytes()


@pytest.mark.sample(1)
@pytest.mark.optimised
def test_rows_in_groups_and_across_a_gap(fitted):
    """A gap in the rows is the same as rows without a value, where nothing of them was known ahead."""
    plain = trained(model=fitted.task.model, past=(), future=(), static=(), read=plain_rows(range(160)))
    steps = [*range(160, 163), *range(165, 175)]
    at_once = plain.update(plain_rows(steps))
    missing = plain.update({"ds": [160], "y": [None]}).update({"ds": [161], "y": [1.0]})
    assert missing.predict()["elman"].tobytes() == plain.update({"ds": [161], "y": [1.0]}).predict()["elman"].tobytes()
    in_two = plain.update(plain_rows(steps[:3])).update(plain_rows(steps[3:]))
    whole = plain.predict(plain_rows([*range(160), *steps]))
    for each in (at_once, in_two):
        assert each.predict()["elman"].tobytes() == whole["elman"].tobytes()


def plain_rows(steps):
    return {"ds": list(steps), "y": [np.sin(step / 3) for step in steps]}


def test_an_update_leaves_the_model_as_it_was(fitted):
    before = {name: bits(one) for name, one in fitted.memory.items()}
    fitted.update(table(161, first=160))
    assert {name: bits(one) for name, one in fitted.memory.items()} == before


def test_a_series_that_training_did_not_have(fitted):
    """It is scaled by its first window, whenever the rows come."""
    whole = fitted.predict(table(60, series=("new",)))
    now = fitted
    for first, last in ((0, 5), (5, 9), (9, 14), (14, 60)):
        now = now.update(table(last, first=first, series=("new",)))
        if last < 12:
            with pytest.raises(DataError, match=rf"'new' has {last} rows; expected 12 or more"):
                now.predict()
    result = now.predict()
    mine = result["unique_id"] == "new"
    assert result["elman"][mine].tobytes() == whole["elman"].tobytes()


def test_a_saved_model_goes_on_where_it_was(fitted, tmp_path):
    now = fitted.update(table(165, first=160))
    now.save(tmp_path / "now.elman")
    again = elman.load(tmp_path / "now.elman")
    for ours, saved in zip(now.predict(level="80").arrays, again.predict(level="80").arrays, strict=True):
        assert ours.tobytes() == saved.tobytes()
    assert elman.verify(tmp_path / "now.elman").agrees
    assert again.update(table(166, first=165)).predict()["ds"][0] == 166


def test_what_is_remembered_is_saved_to_the_bit(fitted, tmp_path):
    fitted.save(tmp_path / "model.elman")
    again = elman.load(tmp_path / "model.elman")
    assert {name: bits(one) for name, one in again.memory.items()} == {
        name: bits(one) for name, one in fitted.memory.items()
    }


@pytest.mark.sample(1)
def test_a_session_reads_on_and_is_a_value(fitted):
    session = fitted.session()
    fork = session.fork()
    later = table(162, first=160)
    assert session.feed(later) == 4
    assert session.position == fork.position + 4
    assert session.next(level=[80])["elman"].tobytes() == fitted.update(later).predict()["elman"].tobytes()
    again = fitted.session(session.to_bytes())
    assert again.diff(session) == {}
    assert [*again.next(level=80).lines()] == [*session.next(level=80).lines()]
    assert {name for name in fork.diff(session) if name.endswith("values")} == {"0.values", "1.values"}
    with pytest.raises(DataError, match="is not after"):
        session.feed(later)
    assert session.diff(again) == {}
    whole = fitted.session(history=table(170))
    assert whole.next()["ds"].tolist()[:4] == [170, 171, 172, 173]
    with pytest.raises(ConfigError, match="did you mean 'history'"):
        fitted.session(histroy=1)
    saved = session.contents()
    for values in ({}, {**saved.values, "stamps": {"kind": "hours"}}, {**saved.values, "series": []}):
        with pytest.raises(ArtefactError):
            fitted.saved_session(SavedState(values, saved.arrays))


def test_the_table_has_the_columns_that_users_expect(fitted):
    result = fitted.predict(level=[80, 97.5])
    assert result.columns == (
        "unique_id", "ds", "elman", "elman-lo-80", "elman-hi-80", "elman-lo-97.5", "elman-hi-97.5"
    )  # fmt: skip
    assert result["unique_id"].tolist() == ["a"] * 4 + ["b"] * 4
    assert result["ds"].tolist() == [160, 161, 162, 163] * 2
    assert (result["elman-lo-97.5"] <= result["elman-lo-80"]).all()
    assert (result["elman-hi-80"] <= result["elman-hi-97.5"]).all()
    assert result.to_csv().splitlines()[0] == ",".join(result.columns)
    assert set(fitted.predict().columns) == {"unique_id", "ds", "elman"}


def test_a_forecast_does_not_depend_on_the_other_series(fitted):
    both, alone = fitted.predict(table()), fitted.predict(table(series=("a",)))
    assert both["elman"][:4].tobytes() == alone["elman"].tobytes()


def test_a_backtest_forecasts_from_the_rows_before_each_origin_alone(fitted):
    result = fitted.backtest(table(60), first=20, step=10, level=[80])
    assert result.columns[:5] == ("unique_id", "ds", "cutoff", "y", "elman")
    assert sorted(set(result["cutoff"].tolist())) == [19, 29, 39, 49]
    one = (result["cutoff"] == 39) & (result["unique_id"] == "b")
    cut = fitted.predict(table(40))
    assert result["elman"][one].tobytes() == cut["elman"][4:].tobytes()
    assert result["ds"][one].tolist() == [40, 41, 42, 43]
    truth = np.array(table(60)["y"][64 + 40 : 64 + 44], float)
    np.testing.assert_array_equal(result["y"][one], truth)


def test_files(fitted, tmp_path, capsys):
    """New rows in a file are put behind those that are known; a whole history is read anew."""
    place = tmp_path / "model.elman"
    fitted.save(place)
    for name, rows in (("new.csv", table(163, first=160)), ("whole.csv", table(163, gap=(40, 41)))):
        values = zip(*rows.values(), strict=True)
        lines = [",".join("" if value is None else str(value) for value in row) for row in values]
        (tmp_path / name).write_text("\n".join([",".join(rows), *lines]))
    from elman.cli.predict import run

    assert run([str(place), str(tmp_path / "new.csv"), "--level", "80,95", "--save", str(place)]) == 0
    by_rows = capsys.readouterr().out
    assert run([str(place), str(tmp_path / "whole.csv"), "--level", "80,95"]) == 0
    assert capsys.readouterr().out == by_rows
    assert run([str(place), "--level", "80,95"]) == 0
    assert capsys.readouterr().out == by_rows
    assert by_rows.splitlines()[0].startswith("unique_id,ds,elman,elman-lo-80,elman-hi-80,elman-lo-95")


def test_only_steps_that_training_has_not_seen_are_measured(fitted, tmp_path):
    """For known series, the steps after the validation part, later rows included; for other series, all steps."""
    rows = table(170, gap=(40, 41), series=("a", "c"))
    values = zip(*rows.values(), strict=True)
    lines = [",".join("" if value is None else str(value) for value in row) for row in values]
    (tmp_path / "rows.csv").write_text("\n".join([",".join(rows), *lines]))
    part = fitted.read(tmp_path / "rows.csv")
    assert [one.name for one in part.series] == ["a", "c"]
    assert part.spans == ((144, 170), (0, 170))
    assert fitted.evaluate(part).count > 150 * 4


def test_rows_that_do_not_follow(fitted):
    with pytest.raises(DataError, match="159 of 'a' is not after 159, the last row that the model knows"):
        fitted.update(table(162, first=159))
    with pytest.raises(DataError, match="10 steps of 'a' are left out between 159 and 170; expected a row for each"):
        fitted.update(table(180, first=170))


def test_what_is_known_ahead_has_to_reach_over_the_horizon(fitted):
    rows = table()
    kept = [place for place, step in enumerate(rows["ds"]) if step < 162]
    short = {name: [column[place] for place in kept] for name, column in rows.items()}
    with pytest.raises(DataError, match="holiday of 'a' ends before 162"):
        fitted.predict(short)


def test_impossible_questions(fitted):
    for level in ([120], 0.8):
        with pytest.raises(ConfigError, match="level: expected numbers in percent, from 1 on and below 100"):
            fitted.predict(level=level)
    with pytest.raises(DataError, match="20 rows; expected 24 or more"):
        fitted.backtest(table(20), first=20)
    with pytest.raises(DataError, match="no column 'wind'"):
        fitted.predict({"ds": [1, 2, 3], "y": [1, 2, 3]})


def test_a_picture_of_history_forecast_and_bands(fitted, tmp_path, capsys):
    from elman.cli.predict import run

    fitted.save(tmp_path / "model.elman")
    assert run([str(tmp_path / "model.elman"), "--level", "80,95", "--plot", str(tmp_path / "bands.svg")]) == 0
    capsys.readouterr()
    drawn = (tmp_path / "bands.svg").read_text()
    assert drawn.count('id="FillBetweenPolyCollection') == 4  # two levels for each of two series
    with pytest.raises(ConfigError, match="no-format: cannot be drawn"):
        run([str(tmp_path / "model.elman"), "--plot", str(tmp_path / "bands.no-format")])
