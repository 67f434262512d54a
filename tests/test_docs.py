"""Every link leads somewhere. Every code block of the README and the docs runs, in order, a page at a time; budgets are
shortened first.

`tests/test_contributing.py` follows CONTRIBUTING.md.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.cli.commands import run_script

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEVER_RUN = ("console",)  # the two commands of the README, which .ci/run runs, and a server, which does not end
SHORT = [
    (re.compile(r"minutes=[\d.]+"), "minutes=0.001"),
    (re.compile(r"--minutes [\d.]+"), "--minutes 0.001"),
    (re.compile(r"--length \d+"), "--length 20"),
    (re.compile(r"(train sums --digits \d)"), r"\1 --examples 500"),
]
TEXT = 100_000  # characters of the text that the pages train on

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
USERS = (
    ("write", "getting-started.md"),
    ("look rather than type", "studio.md"),
    ("teach, or learn", "lessons.md"),
    ("answer customers", "label-texts.md"),
    ("study languages", "tag-words.md"),
    ("translate", "translate-pairs.md"),
    ("analyse series", "forecast-a-series.md"),
    ("develop for cardiology", "read-an-ecg.md"),
    ("do research", "engines.md"),
    ("deploy", "predict.md"),
    ("have a small machine", "getting-started.md#on-a-small-machine"),
)
TERMS = """activation, artefact, axes, batch, beam, carry, cell, codec, cross-entropy, embedding, epoch, gate, gradient,
gradient clipping by global norm, greedy, hidden state, hidden_size, input_size, Jacobian, learning rate, lengths,
logits, loss, mask, nat, nats_per_token, num_layers, one-hot, padding, perplexity, predict, prefill, probability,
resets, sample, scheduled sampling, sigmoid, softmax, step, tanh, target, teacher forcing, token_ids, transpose,
truncated BPTT, unroll, unroll_length, vocabulary, weight"""
"""Terms that the lessons use without a word on them, and those that the options and arguments of elman are named by."""


def anchors(page):
    """The anchors of a page's headings, as code hosts and MkDocs make them."""
    headings = re.findall(r"^(?:# )?#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "lessons").glob("[0-9]*.py"))],
    ids=lambda page: page.name,
)
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    if page.suffix == ".py":
        text = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for link in LINK.findall(text):
        target, _, anchor = link.partition("#")
        if not target.startswith(("http:", "https:")):
            there = (page.parent / target) if target else page
            assert there.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(there), f"{page.name}: {link}"


def test_the_first_page_leads_every_user_to_their_page_in_one_step():
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)
    assert tuple((user, LINK.findall(pages)[0]) for user, pages in rows[1:]) == USERS


def test_every_page_is_in_the_index_and_the_navigation():
    pages = {page.name for page in PAGES[1:]} - {"index.md"}
    assert pages <= set(LINK.findall((ROOT / "docs" / "index.md").read_text()))
    assert sorted(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text())) == sorted([*pages, "index.md"])


def test_the_glossary_has_each_term_once_in_order_and_in_two_lines():
    text = (ROOT / "docs" / "glossary.md").read_text()
    terms = re.findall(r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)", text, re.MULTILINE)
    names = [name for name, _ in terms]
    assert names == sorted(dict.fromkeys(names), key=str.lower)
    assert not [name for name, meaning in terms if meaning.count("\n") > 1]
    assert not set(" ".join(TERMS.split()).split(", ")) - set(names)


def blocks(page):
    return [(language, code) for language, code in BLOCK.findall(page.read_text()) if language not in NEVER_RUN]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A page's folder: a text to train on, and modules that the page writes; no other page finds these."""
    from elman.formats.text import TextSource

    data = os.environ.get("ELMAN_DATA")
    text = (Path(data) / "text" / "nietzsche.txt").read_text() if data else "".join(TextSource.embedded().characters())
    (tmp_path / "nietzsche.txt").write_text(text[:TEXT])
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_blocks_run(page, folder):
    names = {"__name__": "__main__"}
    for language, code in blocks(page):
        for long, short in SHORT:
            code = long.sub(short, code)
        if language == "python":
            # A block that begins with a file's name is that file, which later blocks import.
            if name := re.match(r"# (\w+\.py)\n", code):
                Path(name[1]).write_text(code)
            exec(compile(code, str(page), "exec"), names)
        elif language == "bash":
            done = run_script(folder, code)
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        else:
            pytest.fail(f"{page.name}: a block in {language!r}; expected python, bash or one of {NEVER_RUN}")
