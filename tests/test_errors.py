import time

from elman import DataError
from elman._errors import LONGEST_MESSAGE, nearest


def test_a_message_is_one_short_line_whatever_a_file_holds():
    message = str(DataError(f"a.csv, line 3: got {'é' * 5000}\n\x1b[31m\udc80; mend it"))
    assert len(message) == LONGEST_MESSAGE
    assert message.isprintable()
    assert message.startswith("a.csv, line 3: got é")
    assert message.endswith(r"é\n\x1b[31m\udc80; mend it")


def test_a_short_message_is_kept():
    assert str(DataError("a.csv: the text 'ünï' is empty")) == "a.csv: the text 'ünï' is empty"


def test_a_hint_takes_no_time_for_long_names():
    start = time.process_time()
    assert nearest("a" * 100_000, ["b" * 100_000, "a" * 99_999]) == ""
    assert nearest("label", ["x" * 100_000] * 50 + ["lable"]) == "; did you mean 'lable'?"
    assert time.process_time() - start < 5
