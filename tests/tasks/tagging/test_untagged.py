import pytest

import elman
from elman.tasks.tagging.untagged import arriving_sentences

CONLLU = "1\tHi" + 8 * "\t_" + "\n\n"


def test_conllu_is_not_taken_for_text(tmp_path):
    (tmp_path / "a.conllu").write_text(CONLLU)
    place = str(tmp_path / "a.conllu")
    with pytest.raises(elman.ConfigError, match=r"read: .*a\.conllu is CoNLL-U by its name.*--read conllu"):
        next(arriving_sentences(place, read="text"))
    [group] = [group for group in arriving_sentences(place, read="conllu") if group]
    assert [str(sentence) for sentence in group] == [CONLLU]


def test_empty_lines_of_text_are_no_sentences(tmp_path):
    (tmp_path / "a.txt").write_text("Hi\n\n \nBye\n")
    [group] = arriving_sentences(str(tmp_path / "a.txt"), read="text")
    assert [sentence.values("form") for sentence in group] == [("Hi",), ("Bye",)]
