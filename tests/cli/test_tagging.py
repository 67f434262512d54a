"""Tagging on the command line: real files and pipes."""

import json
import lzma
import subprocess
import time

import pytest

from elman.formats.conllu import read_conllu
from elman.tasks.tagging.generated import sentences
from tests.cli.commands import ELMAN, run

SMALL = ["--hidden-size", "12", "--embedding-size", "8", "--letter-hidden-size", "4", "--num-layers", "1"]


def conllu(examples):
    for sentence in examples:
        for place, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True), start=1):
            yield f"{place}\t{word}\t_\t{tag}" + 6 * "\t_" + "\n"
        yield "\n"


@pytest.fixture(scope="module")
def folder(once):
    """A compressed treebank with its parts, and a tagger trained on it."""
    return once("tagging", train)


def train(folder):
    (folder / "bank").mkdir()
    examples = sentences(400)
    for name, part in (("train", examples[:300]), ("dev", examples[300:350]), ("test", examples[350:])):
        with lzma.open(folder / "bank" / f"toy-ud-{name}.conllu.xz", "wt") as file:
            file.writelines(conllu(part))
    trained = run(folder, "train", "bank", "--out", "pos.elman", "--epochs", "40", "--learning-rate", "0.02", *SMALL)
    assert "pos.elman: validation accuracy" in trained.stdout


@pytest.mark.slow
def test_a_treebank_makes_a_tagger_that_filters_text(folder):
    written = run(folder, "predict", "pos.elman", "-", stdin="The dog can see a watch .\n").stdout
    [sentence] = read_conllu(written.split("\n"))
    assert sentence.lines[0] == "# text = The dog can see a watch ."
    assert sentence.values("upos") == ("DET", "NOUN", "AUX", "VERB", "DET", "NOUN", "PUNCT")
    measured = json.loads(run(folder, "evaluate", "pos.elman", "bank", "--json").stdout)
    assert measured["accuracy"] > 0.95
    assert measured["words"] == sum(len(sentence.words) for sentence in sentences(400)[350:])
    assert "most frequent mistakes" in run(folder, "evaluate", "pos.elman", "bank").stdout or measured["accuracy"] == 1


def test_conllu_comes_out_as_it_went_in_but_for_the_tags(folder):
    text = "".join(conllu(sentences(3)))
    assert run(folder, "predict", "pos.elman", "-", "--read", "conllu", stdin=text).stdout.count("\n") == text.count(
        "\n"
    )
    once = run(folder, "predict", "pos.elman", "-", "--read", "conllu", stdin=text).stdout
    assert run(folder, "predict", "pos.elman", "-", "--read", "conllu", stdin=once).stdout == once


def test_a_sentence_is_answered_before_the_next_one_comes(folder):
    with subprocess.Popen(
        [*ELMAN, "predict", "pos.elman", "-"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for word in ("dog", "cat"):
            process.stdin.write(f"the {word}\n")
            process.stdin.flush()
            lines = [process.stdout.readline() for _ in range(4)]
            assert lines[0] == f"# text = the {word}\n"
            assert lines[2].startswith(f"2\t{word}\t_\tNOUN")
            assert lines[3] == "\n"
        process.stdin.close()
        began = time.monotonic()
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - began < 60


def test_input_errors_name_file_and_line(folder):
    bad = run(folder, "predict", "pos.elman", "-", "--read", "conllu", stdin="1\tone\n", code=2)
    assert "elman predict: standard input, line 1: expected 10 columns; got 2" in bad.stderr
    (folder / "bad.conllu").write_text("".join(conllu(sentences(2))).replace("\n2\t", "\n3\t", 1))
    bad = run(folder, "train", "bad.conllu", code=2)
    assert "bad.conllu, line 2: the id 3 is out of order; expected 2" in bad.stderr
    bad = run(folder, "train", "bank", "--column", "xpos", "--out", "x.elman", code=2)
    assert "column xpos: nothing to learn" in bad.stderr
