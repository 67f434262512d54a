import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.wfdb.header import Header, Segment, Signal, read_header, write_header


def test_a_header_with_everything_in_it():
    text = (
        "# before\r\na 2 360.5/72(10) 1000 12:30:00 13/07/1998\r\n"
        "a.dat 16x2:3+24 1716(6)/mV 12 5 -120 -32198 0 lead II, left\r\n\r\na.dat 16 0 11 7\r\n#<age>: 51\r\n#\r\n"
    )
    header = read_header(text, "a.hea")
    assert (header.name, header.rate, header.frames, header.counter) == ("a", 360.5, 1000, (72.0, 10.0))
    assert header.start == "12:30:00 13/07/1998"
    assert header.comments == ("before", "<age>: 51", "")
    assert header.signals == (
        Signal("a.dat", 16, "lead II, left", 1716, 6, "mV", 2, 3, 24, 12, 5, -120, -32198),
        Signal("a.dat", 16, "", 200, 7, "mV", resolution=11, zero=7),  # the converter's middle is 0 mV
    )


def test_what_a_header_leaves_out_is_as_the_manual_says():
    header = read_header("a 1\na.dat 212\n", "a.hea")
    assert (header.rate, header.frames, header.counter, header.comments) == (250.0, None, None, ())
    assert header.signals == (Signal("a.dat", 212),)
    assert (header.signals[0].gain, header.signals[0].units, header.signals[0].checksum) == (200.0, "mV", None)


def test_lines_beyond_those_announced_are_no_part_of_the_header():
    assert len(read_header("a 1 250 9\na.dat 16\nb.dat 16\n", "a.hea").signals) == 1


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        ("0", (200.0, 0, "mV")),  # not measured
        ("0/uV", (200.0, 0, "uV")),
        ("0(5)/V", (200.0, 5, "V")),
        ("-400", (-400.0, 0, "mV")),  # upside down
        ("100/", (100.0, 0, "mV")),
        ("100()/mV", (100.0, 0, "mV")),
        ("1e3(-7)/l/min", (1000.0, -7, "l/min")),
        ("6344117.125(-1842966025)/mV", (6344117.125, -1842966025, "mV")),
    ],
)
def test_gains_baselines_and_units(gain, expected):
    signal = read_header(f"a 1\na.dat 32 {gain}\n", "a.hea").signals[0]
    assert (signal.gain, signal.baseline, signal.units) == expected


@pytest.mark.parametrize(
    ("line", "name", "start"),
    [
        ("E07835.mat 0 500 5000 05-May-2020 09:49:17", "E07835.mat", "05-May-2020 09:49:17"),
        ("S0287ECG 0 500 5000 2006", "S0287ECG", "2006"),
        ("ge_median/00001_medians 0 500 600", "ge_median/00001_medians", ""),
    ],
)
def test_names_and_dates_may_be_those_of_other_programs(line, name, start):
    header = read_header(line, "a.hea")
    assert (header.name, header.start, header.segments) == (name, start, ())


def test_age_and_sex_are_kept():
    comments = ("<age>: 51  <sex>: F", "Age: 74", "69 M 1085 1629 x1", "Dx: 59118001")
    header = read_header("# <age>: 51  <sex>: F\n100 0\n#Age: 74\n# 69 M 1085 1629 x1\n#Dx: 59118001\n", "100.hea")
    assert header.comments == comments
    assert read_header(write_header(header), "a.hea").comments == comments


def test_what_would_be_several_fields_or_lines_is_written_as_one():
    signal = Signal("a.dat", 16, "II\nleft", units="deg C", initial=0, checksum=0)
    header = Header("a", 250.0, 1, (signal, signal._replace(units="")), comments=("one\ntwo",))
    records = read_header(write_header(header), "a.hea")
    assert [(one.lead, one.units) for one in records.signals] == [("II left", "deg_C"), ("II left", "unknown")]
    assert records.comments == ("one", "two")


def test_a_record_in_pieces():
    header = read_header("m/3 2 250 300\nm_layout 0\nm1 100\n~ 200\n", "m.hea")
    assert header.segments == (Segment("m_layout", 0), Segment("m1", 100), Segment("~", 200))
    assert header.leads == 2
    assert header.has_layout
    assert not read_header("m/1 2 250 100\nm1 100\n", "m.hea").has_layout


WORDS = st.text("abcXYZ019_", min_size=1, max_size=8)
SIGNALS = st.builds(
    Signal,
    file=WORDS,
    format=st.sampled_from([16, 212]),
    lead=st.sampled_from(["", "II", "MLII (left)", "V1 V2"]),
    gain=st.floats(1e-3, 1e6),
    baseline=st.integers(-5000, 5000),
    units=st.sampled_from(["mV", "uV", "mm/Hg"]),
    frame=st.integers(1, 4),
    skew=st.integers(0, 9),
    offset=st.integers(0, 99),
    resolution=st.integers(0, 16),
    zero=st.integers(-99, 99),
    initial=st.integers(-99, 99),
    checksum=st.integers(-32768, 32767),
)
COMMENTS = st.lists(st.sampled_from(["a comment", "", "<age>: 3"]), max_size=2).map(tuple)


@given(st.lists(SIGNALS, max_size=3), COMMENTS, st.floats(0.1, 1e5), st.none() | st.just((72.0, 0.5)))
def test_what_is_written_is_read(signals, comments, rate, counter):
    header = Header("a", rate, 70, tuple(signals), comments=comments, counter=counter, start="10:00:00")
    assert read_header(write_header(header), "a.hea") == header


def test_a_record_in_pieces_is_written():
    header = Header("m", 250.0, 5, segments=(Segment("m1", 2), Segment("~", 3)), leads=2, comments=("two",))
    assert read_header(write_header(header), "m.hea") == header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.hea: empty; expected a WFDB header"),
        ("# only a comment", "a.hea: empty"),
        ("a", "line 1: expected the record's name and its number of signals; got 'a'"),
        ("a two", "line 1, the number of signals: expected a whole number from 0 on; got 'two'"),
        ("a 0 0 100", "line 1: a rate of 0; expected samples a second, such as 250"),
        ("a 0 -250 100", "line 1: a rate of -250"),
        ("a 0 1e-300 100", "line 1: a rate of 1e-300"),
        ("a 0 1e30 100", r"line 1: a rate of 1e\+30"),
        (f"a {'9' * 5000}", "line 1, the number of signals: expected a whole number from 0 on; got '9999999999"),
        (f"a 1\na.dat {'9' * 5000}", "line 2: expected a signal file and its format"),
        (f"a 1\na.dat 16 200 {'1' * 5000}", "line 2, a field: expected a whole number from .* on; got '11111"),
        ("a 1\na.dat 16 1e-300", "line 2: a gain of 1e-300; expected steps of the converter a unit"),
        ("a 0 nan 100", "line 1, the rate: expected a number; got 'nan'"),
        ("a 0 250 -1", "line 1, the number of samples: expected a whole number from 0 on"),
        ("a 2 250 9\na.dat 16\n", "line 1: expected a line for each of 2 signals; got 1"),
        ("a 1 250 9\n# x\na.dat", "line 3: expected a signal file and its format, such as '100.dat 212'; got 'a.dat'"),
        ("a 1 250 9\na.dat 16y2", "line 2: expected a signal file and its format"),
        ("a 1 250 9\na.dat 16 x/mV", "line 2, the gain: expected a number; got 'x'"),
        (
            "a 1 250 9\na.dat 16 200(x)",
            "line 2, the baseline: expected a whole number from .* on; got 'x'",
        ),
        ("a 1 250 9\na.dat 16 200 11 x", "line 2, a field: expected a whole number from .* on; got 'x'"),
        ("a/2 1 250 9\na1 4", "line 1: expected a line for each of 2 segments; got 1"),
        ("a/1 1 250 9\na1", "line 2: expected a segment's name and its number of samples"),
        ("a/2 1 250 9\na1 4\na2 6", "line 1: 9 samples; the segments have 10 together, 1 too many"),
    ],
)
def test_malformed_headers_are_named_with_the_line(text, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")) as raised:
        read_header(text, "a.hea")
    assert len(str(raised.value)) < 300
