import pytest

from elman.tasks.output import Warning
from elman.tasks.tagging.untagged import sentences_asked

CONLLU = "1\tHi" + 8 * "\t_" + "\n\n"


def words(place, read="auto", tags=("O", "B-LOC")):
    groups = [*sentences_asked(str(place), read=read, tags=tags)]
    asked = [one for group in groups if not isinstance(group, Warning) for one in group]
    return [one.asked.words if one.asked else () for one in asked], [
        group.text for group in groups if isinstance(group, Warning)
    ]


@pytest.mark.parametrize(
    ("name", "text", "result"),
    [
        ("a.conllu", CONLLU, [("Hi",)]),
        ("a.txt", CONLLU, [("Hi",)]),
        ("a.conll", "New York\tB-LOC\nis\tO\n", [("New York", "is")]),
        ("a.bio", "York B-LOC\nis O\n\nHi O\n", [("York", "is"), ("Hi",)]),
        ("a.txt", "York is\n\nHi you\n", [("York", "is"), (), ("Hi", "you")]),
    ],
)
def test_the_name_or_the_content_of_a_file_says_its_form(tmp_path, name, text, result):
    (tmp_path / name).write_text(text)
    assert words(tmp_path / name) == (result, [])


def test_a_guess_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("York B-LOC\nis O\n\nHi O\n")
    result, [warning] = words(tmp_path / "a.txt")
    assert result == [("York", "is"), ("Hi",)]
    assert "the last column of every line is a tag; the first is read as words" in warning
    assert words(tmp_path / "a.txt", "text") == ([("York", "B", "-", "LOC"), ("is", "O"), (), ("Hi", "O")], [])
    result, [warning] = words(tmp_path / "a.txt", "words")
    assert result == [("York B-LOC", "is O"), ("Hi O",)]
    assert "--read columns" in warning


def test_words_are_whole_lines_or_first_columns(tmp_path):
    (tmp_path / "a.txt").write_text("Hà Nội\ncó\n10 000\n\n\nAnh\n")
    assert words(tmp_path / "a.txt", "words")[0] == [("Hà Nội", "có", "10 000"), ("Anh",)]
    (tmp_path / "a.txt").write_text("Hà Nội\tB-LOC\ncó\tO\n")
    assert words(tmp_path / "a.txt", "words", ())[0] == [("Hà Nội", "có")]
