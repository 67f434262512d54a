import time

import pytest

from elman import DataError
from elman._errors import LONGEST_MESSAGE, nearest


@pytest.mark.parametrize("value", ["é" * 5000, "é " * 2500, "é" * 30 + " é" * 500])
def test_a_message_is_one_short_line_whatever_a_file_holds(value):
    message = str(DataError(f"a.csv, line 3: got {value}\n\x1b[31m\udc80; mend it"))
    assert len(message) <= LONGEST_MESSAGE
    assert message.isprintable()
    assert message.startswith("a.csv, line 3: got é")
    assert message.endswith(r"\n\x1b[31m\udc80; mend it")


def test_what_is_left_out_first_is_the_middle_of_paths():
    folder = "/home/" + 20 * "folder/"
    message = str(DataError(f"{folder}a.csv, line 3: area is 8, and 7 in {folder}a.csv, line 2; expected one number"))
    assert message.endswith("folder/folder/a.csv, line 2; expected one number")
    assert "/a.csv, line 3: area is 8, and 7 in /home/" in message


def test_a_short_message_is_kept():
    assert str(DataError("a.csv: the text 'ünï' is empty")) == "a.csv: the text 'ünï' is empty"


def test_a_hint_takes_no_time_for_long_names():
    start = time.process_time()
    assert nearest("a" * 100_000, ["b" * 100_000, "a" * 99_999]) == ""
    assert nearest("label", ["x" * 100_000] * 50 + ["lable"]) == "; did you mean 'lable'?"
    assert time.process_time() - start < 5
