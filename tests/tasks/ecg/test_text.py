import io
import subprocess
import sys

import numpy as np
import pytest

from elman import DataError
from elman.formats.files import File
from elman.tasks.ecg.generator import generate_ecg
from elman.tasks.ecg.text import arriving_samples, read_ecg_table


def read(text, name="a.csv", **options):
    return read_ecg_table(File(name, (name,), text.encode()), **options)


@pytest.mark.parametrize(
    ("text", "leads", "values"),
    [
        ("II,V1\n1,2\n3,4\n", ("II", "V1"), [[1, 2], [3, 4]]),
        ('"II";"V1"\n1;2\n3;4\n', ("II", "V1"), [[1, 2], [3, 4]]),
        ("II\tV1\n1\t2\n\n3\t4", ("II", "V1"), [[1, 2], [3, 4]]),
        ("II  V1\n 1  2\n 3 4 \n", ("II", "V1"), [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", ("1", "2"), [[1, 2], [3, 4]]),
        ("5\n6\n", ("1",), [[5], [6]]),
        ("I (uV),II [V],III\n1,2,3\n", ("I", "II", "III"), [[0.001, 2000, 3]]),
        ("I,II\n1,\nNaN,2\n", ("I", "II"), [[1, np.nan], [np.nan, 2]]),
    ],
)
def test_tables_of_many_kinds_are_read(text, leads, values):
    record = read(text, rate=360)
    assert (record.rate, record.leads, record.name, record.place) == (360, leads, "a", "a.csv")
    np.testing.assert_allclose(record.signals, np.array(values, np.float32))
    assert record.signals.dtype == np.float32


@pytest.mark.parametrize("rate", [128, 250, 360, 500, 1000])
@pytest.mark.parametrize(
    ("head", "unit", "digits"), [("time", 1, 6), ("t", 1, 3), ("time (ms)", 1000, 0), ("ms", 1000, 2)]
)
def test_the_rate_is_told_by_the_time(rate, head, unit, digits):
    strip = generate_ecg(4, rate=rate, seed=1).strip
    rows = [f"{round(n * unit / rate, digits)},{value:.4f}" for n, value in enumerate(strip.signal)]
    record = read("\n".join([f"{head},II", *rows]))
    assert (record.rate, record.leads) == (rate, ("II",))
    np.testing.assert_allclose(record.signals[:, 0], strip.signal, atol=1e-4)


def test_a_rate_need_not_be_whole():
    rows = "\n".join(f"{n / 257.5:.6f},0" for n in range(2000))
    assert read(f"time,II\n{rows}").rate == pytest.approx(257.5, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv: empty; expected a column of numbers"),
        ("II\n1\n", "a.csv: no rate; give the samples a second with --rate"),
        ("time,II\n0,1\n", "a.csv: 1 sample; expected at least two"),
        ("time\n0\n1\n", "line 1: no lead"),
        ("I,II\n1,2\n3\n", "line 3: 1 column; expected 2, as in the first line"),
        ("I,II\n1,2\n3,x\n", "line 3, column II: expected a number; got 'x'"),
        ("I,II\n1,inf\n", "line 2, column II: expected a number; got 'inf'"),
        ("I (mmHg),II\n1,2\n", "line 1: unit 'mmhg' of I; expected mV, uV or V"),
        ("time (h),II\n1,2\n", "line 1: unit 'h' of time"),
        ("time,II\n0,1\n0.1,1\n0.2,1\n0.4,1\n0.5,1\n", "line 5: 0.2 s after the sample before; expected about 0.1 s"),
        ("time,II\n0,1\n0.1,1\n0.1,1\n0.2,1\n0.3,1\n", "line 4: 0 s after the sample before"),
        ("time,II\n0,1\n,1\n0.2,1\n0.3,1\n", "line 3: nan s after the sample before"),
    ],
)
def test_malformed_tables_are_named_with_the_line(text, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(").replace(")", r"\)")):
        read(text)


def test_a_rate_that_is_given_has_to_agree():
    text = "time,II\n0,1\n0.1,1\n0.2,1\n"
    assert read(text, rate=10).rate == 10
    with pytest.raises(DataError, match="the column of time gives 10 samples a second, and the rate is 250"):
        read(text, rate=250)
    with pytest.raises(DataError, match="a rate of 0; expected samples a second"):
        read("II\n1\n", rate=0)


def test_samples_arrive_as_they_are_written():
    program = (
        "import sys, elman.tasks.ecg.text as t\n"
        "for group in t.arriving_samples('-'): print(group.leads, group.values.tolist(), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for written, expected in (
            ("II,V1\n0.5,1\n", "('II', 'V1') [[0.5, 1.0]]"),
            ("0.25,\n", "('II', 'V1') [[0.25, nan]]"),
            ("1,2\n3,4\n", "('II', 'V1') [[1.0, 2.0], [3.0, 4.0]]"),
        ):
            process.stdin.write(written)
            process.stdin.flush()
            assert process.stdout.readline().strip() == expected
        process.stdin.close()
        assert process.stdout.read() == ""


def test_arriving_columns_of_time_are_left_out_and_units_counted(tmp_path):
    (tmp_path / "a.txt").write_text("time,II (uV)\n0,500\n0.004,250\n")
    (result,) = arriving_samples(str(tmp_path / "a.txt"))
    assert (result.leads, result.values.tolist()) == (("II",), [[0.5], [0.25]])


def test_what_arrives_malformed_is_named_with_the_line(monkeypatch):
    text = b"1\n" * 300 + b"x\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    *groups, error = arriving_samples("-")
    assert str(error) == "standard input, line 301, column 1: expected a number; got 'x'"
    assert sum(len(group.values) for group in groups) == 300
