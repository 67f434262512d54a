"""A table in memory gives what the file of the same rows gives, for every task; models are saved beside the tests."""

from pathlib import Path

import numpy as np
import pandas
import pytest

import elman
from elman import DataError
from elman.formats.conllu import read_conllu
from elman.formats.wfdb.record import read_record
from elman.tasks.forecasting.histories import histories_of
from elman.tasks.forecasting.reading import SeriesColumns, rows_in
from tests.conformance.peers import peer

ARTEFACTS = Path(__file__).parents[1] / "artefacts"


def model(name):
    return elman.load(ARTEFACTS / name / "model")


def frame(name, file, **options):
    return pandas.read_csv(ARTEFACTS / name / file, **options)


def answers(fitted, place, **options):
    """The lines that `elman predict` prints, as fields."""
    lines = fitted.output(str(place), options=type(fitted.task).options(**options))
    return [line.split("\t") for line in lines]


def same(table, lines, columns=("elman", "elman-probability")):
    assert [(text, np.float32(share)) for text, share in lines] == [
        *zip(table[columns[0]], table[columns[1]], strict=True)
    ]


def test_classes():
    fitted, file = model("classification"), ARTEFACTS / "classification" / "sms.txt"
    sms = frame("classification", "sms.txt", sep="\t", names=["label", "text"], index_col=False)
    sms.index += 7
    assert fitted.evaluate(sms) == fitted.evaluate(fitted.read(file))
    predicted = fitted.predict(sms)
    same(predicted, answers(fitted, file, read="labelled"))
    assert predicted.to_pandas().index.equals(sms.index)
    same(fitted.predict(sms["text"].astype("category")), answers(fitted, file, read="labelled"))
    assert [one.label for one in fitted.predict_all(sms["text"][:2])] == predicted["elman"][:2].tolist()
    assert fitted.task.read(sms).fingerprint.codec == fitted.task.read(file).fingerprint.codec
    blank = fitted.predict(pandas.Series(["", "see you"]))
    assert blank["elman"].tolist()[0] is None
    with pytest.raises(DataError, match=r"the table, row 2 \(index 8\), text: no value; expected a text"):
        fitted.predict(sms.assign(text=sms["text"].where(sms.index != 8)))
    with pytest.raises(DataError, match=r"row 1 \(index 7\), label: 1 is a number; expected a text, such as '1'"):
        fitted.task.read(sms.assign(label=1))
    with pytest.raises(DataError, match="text 1: no value"):
        fitted.predict(None)
    with pytest.raises(DataError, match="expected several texts, such as a list; got one: 'see'"):
        fitted.predict_all("see")
    with pytest.raises(DataError, match="the table: one column, text; expected two, text and label"):
        fitted.task.read(sms["text"])


def test_labels_in_lists_and_in_columns():
    task = elman.Classification(hidden_size=4, embedding_size=4)
    texts = pandas.DataFrame({"text": ["a b", "b", "a"] * 5, "a": [1, 0, 1] * 5, "b": [True, True, False] * 5})
    listed = pandas.DataFrame({"text": texts["text"], "label": [["a", "b"], ["b"], np.array(["a"])] * 5})
    pairs = [("a b", ["a", "b"]), ("b", ["b"]), ("a", ["a"])] * 5
    datas = [task.read(texts), task.read(listed), task.read_texts(pairs)]
    assert len({data.fingerprint.codec for data in datas}) == 1
    assert [[one.label for one in data.train.examples] for data in datas[1:]] == [
        [one.label for one in datas[0].train.examples]
    ] * 2


def test_classes_of_series():
    fitted, file = model("series-classification"), ARTEFACTS / "series-classification" / "waves.csv"
    waves = frame("series-classification", "waves.csv")
    measured = fitted.evaluate(fitted.read(file))
    assert fitted.evaluate(waves) == measured
    mixed = waves.sample(frac=1, random_state=0).set_index(["series", "time"])
    levels = mixed.sort_index(level=0, sort_remaining=False)
    assert fitted.evaluate(levels) == measured  # in the order of time, whatever that of the rows
    assert fitted.evaluate(waves.set_index(["series", "time"]).rename_axis([None, None])) == measured
    predicted = fitted.predict(waves.drop(columns="label"))
    same(predicted, answers(fitted, file))
    assert predicted["series"].tolist() == waves["series"].astype(str).unique().tolist()
    with pytest.raises(DataError, match="the table, row 1, left: the value of step 1 is missing"):
        fitted.evaluate(waves.assign(left=np.nan))


def test_tags():
    fitted, file = model("tagging"), ARTEFACTS / "tagging" / "bank.conllu"
    rows = [
        (number, *word)
        for number, sentence in enumerate(read_conllu(file.read_text().split("\n")), start=1)
        for word in zip(sentence.values("form"), sentence.values("upos"), strict=True)
    ]
    words = pandas.DataFrame(rows, columns=["sentence", "word", "tag"])
    lists = words.groupby("sentence").agg(tokens=("word", list), tags=("tag", list))
    marked = words.assign(sentence=words["sentence"].where(~words["sentence"].duplicated()))  # once for each sentence
    measured = fitted.evaluate(fitted.read(file))
    assert [fitted.evaluate(one) for one in (words, lists, marked)] == [measured] * 3
    one_by_one = [tag for sentence in fitted.predict_all([*lists["tokens"]]) for tag in sentence.tags]
    assert fitted.predict(words.drop(columns="tag"))["elman"].tolist() == one_by_one
    assert fitted.predict(lists)["elman"].tolist() == one_by_one
    assert fitted.predict(pandas.Series(["The dog follows."]))["word"].tolist() == ["The", "dog", "follows", "."]
    with pytest.raises(DataError, match="the table, row 1, the tag of 'the': 3 is a number"):
        fitted.evaluate(words.assign(tag=3))


def test_pairs():
    fitted, file = model("seq2seq"), ARTEFACTS / "seq2seq" / "input.txt"
    sums = frame("seq2seq", "input.txt", names=["source"])
    expected = [line for (line,) in answers(fitted, file)]
    assert fitted.predict(sums)["elman"].tolist() == fitted.predict(sums["source"])["elman"].tolist() == expected
    pairs = pandas.DataFrame({"question": ["1+2", "7+6"], "answer": ["3", "13"]})
    (data,) = {len(fitted.read(pairs)), len(fitted.read(pairs.rename(columns={"question": "source"})))}
    assert data == 2
    with pytest.raises(DataError, match="row 2, answer: no value; expected a text"):
        fitted.read(pairs.replace("13", None))
    with pytest.raises(DataError, match="expected columns source and target, or only two; got question, answer, n"):
        fitted.read(pairs.assign(n=1))


def test_texts():
    fitted, file = model("language-modelling"), ARTEFACTS / "language-modelling" / "cats.txt"
    lines = pandas.Series(file.read_text().splitlines())
    measured = fitted.evaluate(fitted.read(file))
    assert fitted.evaluate(lines) == fitted.evaluate(lines.to_frame("text").assign(n=1)) == measured
    with pytest.raises(DataError, match="the table, row 3, text: no value"):
        fitted.task.read(lines.where(lines.index != 2))


def test_forecasts():
    fitted = model("forecasting")
    shops = frame("forecasting", "shops.csv", parse_dates=["ds"])
    more = frame("forecasting", "more.csv", parse_dates=["ds"])
    levels = more.set_index(["unique_id", "ds"])
    expected = fitted.update(ARTEFACTS / "forecasting" / "more.csv").predict().to_csv()
    for rows in (more, levels, levels.rename_axis([None, None]), more.set_index("ds"), more.to_dict("list")):
        assert fitted.update(rows).predict().to_csv() == expected
    with pytest.raises(DataError, match="row 1: the stamps of 'north' are whole numbers; the model knows times"):
        fitted.update(more.drop(columns="ds"))
    assert fitted.read(shops).digest == fitted.read(ARTEFACTS / "forecasting" / "shops.csv").digest
    predicted = fitted.predict(shops).to_pandas()
    assert predicted["ds"].dtype.kind == "M"
    assert predicted["elman"].tolist() == fitted.predict(shops)["elman"].tolist()


DAYS = pandas.date_range("2024-03-29", periods=30)


@pytest.mark.parametrize(
    ("index", "name", "step", "first"),
    [
        (DAYS, "y", "1d", "2024-03-29T00:00:00"),
        (DAYS.tz_localize("Europe/Berlin"), "y", "1d", "2024-03-29T00:00:00"),  # one of them has 23 hours
        (pandas.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin"), "y", "1h", "2024-03-29T23:00:00"),
        (pandas.period_range("2024Q1", periods=8, freq="Q"), "y", "1q", "2024-01-01T00:00:00"),
        (pandas.date_range("2024-01-31", periods=8, freq="ME").astype(str), "y", "1mo", "2024-01-31T00:00:00"),
        (pandas.RangeIndex(1949, 1960), "y", "1", "1949"),
        (pandas.RangeIndex(9), "y", "1", "0"),
    ],
)
def test_the_index_has_the_stamps(index, name, step, first):
    for series in (pandas.Series(1.0, index), pandas.Series(1.0, index, name="y").to_frame()):
        read = histories_of(rows_in(series, SeriesColumns()))
        (one,) = read.histories
        assert (one.name, len(one.values), str(one.stamps[0])) == (name, len(index), first)
        assert str(read.frequency) == step


def test_levels_of_an_index_name_the_series():
    index = pandas.MultiIndex.from_product([["north", "south"], [1, 2], DAYS], names=["region", "shop", "day"])
    read = histories_of(rows_in(pandas.DataFrame({"y": 1.0}, index), SeriesColumns()))
    assert [one.name for one in read.histories] == ["north/1", "north/2", "south/1", "south/2"]
    sales = pandas.DataFrame({"sales": 1.0}, index).rename_axis([None, "shop", None])
    read = histories_of(rows_in(sales.droplevel(1).iloc[:30], SeriesColumns()))
    assert [(one.name, read.targets) for one in read.histories] == [("north", ("sales",))]
    with pytest.raises(DataError, match="the table: no column in it"):
        rows_in(pandas.DataFrame(), SeriesColumns())
    for order, message in ((slice(None, None, -1), "comes after"), ([0, 0, 1], "is there already")):
        with pytest.raises(DataError, match=rf"the table, row 2 \(index .*\): .* {message}"):
            histories_of(rows_in(pandas.Series(1.0, DAYS).iloc[order], SeriesColumns()))


@pytest.mark.slow  # it trains; that times become UTC is tested above
def test_times_of_a_zone_come_back_in_it():
    task = elman.Forecasting(horizon=2, window=4, hidden_size=2, season=1)
    hours = pandas.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin")
    load = pandas.Series(np.arange(48.0), hours, name="load")
    fitted = elman.fit(task, load[:40], steps=1)
    rows = [load[40:], load[40:].tz_convert("UTC"), load[40:].tz_localize(None)]
    for new in rows:
        forecast = fitted.update(new).predict()
        expected = pandas.date_range(hours[-1], periods=3, freq="h")[1:]
        assert forecast.to_pandas()["ds"].tolist() == expected.tolist()
        assert forecast.to_csv().split("\n")[1].startswith("load,2024-04-01 01:00:00+02:00,")


def test_ecgs():
    fitted = model("ecg")
    record = read_record(ARTEFACTS / "ecg" / "strip")
    leads = pandas.DataFrame(record.signals, columns=list(record.leads))
    expected = fitted.predict(record).beats
    times = pandas.timedelta_range(0, periods=len(leads), freq=pandas.Timedelta(seconds=1 / record.rate))
    assert fitted.predict(leads, rate=record.rate).beats == fitted.predict(leads.set_index(times)).beats == expected
    with pytest.raises(DataError, match="the table: no rate; give the samples a second with --rate, or a column"):
        fitted.predict(leads)
    with pytest.raises(DataError, match="a table has no annotations to learn from or to measure with"):
        fitted.evaluate(leads)


def test_frames_of_polars_and_arrow():
    polars, pyarrow = peer("polars"), peer("pyarrow")
    fitted, file = model("classification"), ARTEFACTS / "classification" / "sms.txt"
    columns = {"text": ["see you", "free cash"], "label": ["ham", "spam"]}
    lines = [fitted.predict(text) for text in columns["text"]]
    for table in (polars.DataFrame(columns), pyarrow.table(columns)):
        predicted = fitted.predict(table)
        assert predicted["elman"].tolist() == [one.label for one in lines]
        assert fitted.evaluate(table).count == 2
        assert polars.DataFrame(predicted.to_dict())["elman"].to_list() == [one.label for one in lines]
    sms = polars.read_csv(file, separator="\t", has_header=False, new_columns=["label", "text"])
    assert fitted.task.read(sms).fingerprint.codec == fitted.task.read(file).fingerprint.codec
