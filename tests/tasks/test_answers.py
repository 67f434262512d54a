import csv
import io
import json

import numpy as np
import pytest

import elman
from elman.formats.lines import Lines
from elman.formats.numbers import number_text
from elman.tasks.answers import Answer, answers_in_order, lines_asked, rows_asked
from elman.tasks.output import Warning

BLANK = Answer(("", ""), {"elman": None, "elman-probability": None})


def shout(texts):
    for text in texts:
        if "?" in text:
            yield elman.DataError("no question")
        else:
            share = np.float32(len(text) / 30)
            yield [Answer((text.upper(), number_text(share)), {"elman": text.upper(), "elman-probability": share})]


def answers(groups, with_input=False, on_error="fail"):
    result = [*answers_in_order(groups, shout, blank=BLANK, with_input=with_input, on_error=on_error)]
    lines = [one for one in result if isinstance(one, str)]
    return lines, [one.text for one in result if isinstance(one, Warning)]


def asked(text, form="", column="text"):
    lines = Lines.decoded("here", iter([text if isinstance(text, bytes) else text.encode()]))
    return rows_asked(lines, form, column) if form else lines_asked(lines)


def test_each_line_has_its_answer_and_a_blank_one_a_blank_one():
    assert answers(asked("a\n\n ab \n"))[0] == ["A\t0.033333335", "", "AB\t0.06666667"]
    written, _ = answers(asked("a; x\n\n"), with_input=True)
    assert [line.split("\t", 2) for line in written] == [["A; X", "0.13333334", "a; x"], ["", "", ""]]


BAD = b"one\n\xff\nwhat?\ntwo\n"


def test_a_line_that_cannot_be_answered_ends_the_answers_after_those_before_it():
    result = answers_in_order(asked(BAD), shout, blank=BLANK, with_input=False, on_error="fail")
    assert next(result) == "ONE\t0.1"
    with pytest.raises(elman.DataError, match="here, line 2: not text"):
        next(result)


@pytest.mark.parametrize(("on_error", "lines"), [("skip", ["ONE", "TWO"]), ("blank", ["ONE", "", "", "TWO"])])
def test_or_it_is_passed_over(on_error, lines):
    result, warnings = answers(asked(BAD), on_error=on_error)
    assert [line.split("\t")[0] for line in result] == lines
    said = "left out" if on_error == "skip" else "its answer is blank"
    assert warnings == [
        f"here, line 2: not text (byte 0xff); convert it to UTF-8; {said}",
        f"here, line 3: no question; {said}",
    ]


ROWS = [["1", 'say "a", b'], ["2", ""], ["3", "two\nlines"]]


def test_a_table_with_its_answers_is_a_table():
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["id", "text"], *ROWS])
    plain, _ = answers(asked(text.getvalue(), ".csv"))
    assert len(plain) == 3
    assert plain[1] == ""
    written, _ = answers(asked(text.getvalue(), ".csv"), with_input=True)
    head, *rows = csv.reader(io.StringIO("\n".join(written), newline=""))
    assert head == ["id", "text", "elman", "elman-probability"]
    assert [row[:2] for row in rows] == ROWS
    assert [row[2] for row in rows] == ['SAY "A", B', "", "TWO\nLINES"]
    assert np.float32(rows[0][3]) == np.float32(10 / 30)


def test_json_lines_with_their_answers_are_json_lines():
    text = "".join(f"{json.dumps({'id': int(id), 'text': text})}\n" for id, text in ROWS) + "\n"
    written, warnings = answers(asked(text + "[1]\n", ".jsonl"), with_input=True, on_error="blank")
    result = [json.loads(line, parse_constant=pytest.fail) for line in written]
    assert [one.get("id") for one in result] == [1, 2, 3, None, None]
    assert [one["elman"] for one in result] == ['SAY "A", B', None, "TWO\nLINES", None, None]
    assert warnings == [warnings[0]]
    assert "here, line 5: expected a JSON object" in warnings[0]


def test_a_tsv_with_its_answers_is_a_tsv_and_a_bad_row_a_blank_one():
    written, warnings = answers(asked('id\ttext\n1\t"a\n2\n3\tb\n', ".tsv"), with_input=True, on_error="blank")
    assert [line.split("\t")[:3] for line in written] == [
        ["id", "text", "elman"],
        ["1", '"a', '"A'],
        ["2", "", ""],
        ["3", "b", "B"],
    ]
    assert "here, line 3: 1 column; expected 2" in warnings[0]


def test_what_cannot_stand_beside_answers_is_named():
    with pytest.raises(elman.DataError, match="there is a column 'elman' already"):
        answers(asked("elman,text\na,b\n", ".csv"), with_input=True)
    tables = [*asked("text\na\n", ".csv"), *asked("text,id\na,1\n", ".csv")]
    with pytest.raises(elman.DataError, match="predict them one by one"):
        answers(tables, with_input=True)
    with pytest.raises(elman.DataError, match="no column 'txt'; did you mean 'text'"):
        answers(asked("text\na\n", ".csv", "txt"))
