"""The report as a page: whole, by itself, and for every task."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

import elman
from elman.inspection.page import write_page
from tests.inspection.test_inside import TEXT, untrained, writer
from tests.tasks.cases import CASES

OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["'](?!#|data:)|url\((?!#|"?data:)|@import|<script""")


class Page(HTMLParser):
    """The headings, the identifiers and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.identifiers, self.open, self.text = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.identifiers += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data.split(":")[0])


def test_a_page_stands_by_itself_and_signs_of_a_text_stay_signs(tmp_path):
    task = elman.LanguageModelling(hidden_size=6, embedding_size=5, num_layers=1, batch_size=4)
    words = "<b>&amp; '\"$x$ "
    write_page(untrained(task, task.read_text(words * 100)), words, tmp_path / "inside.html")
    text = (tmp_path / "inside.html").read_text()
    page = Page(text)
    assert not OUTSIDE.search(text)
    assert len({*page.identifiers}) == len(page.identifiers) > 50
    assert {"Parts", "Answers", "Gates", "Memory", "Gradient of the loss"} <= {*page.headings}
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert text.count('<svg role="img"') == 5
    [marked] = re.findall(r'aria-label="answers">(.*?)</div>', text, re.DOTALL)
    assert "".join(map(unescape, re.findall(r">([^<>]*)</b>", marked))) == words[1:]
    assert "layers.cells.0 (LSTM)" in "".join(page.text)


@pytest.mark.slow
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_page_for_every_task(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    write_page(untrained(case.task, data), data.train, tmp_path / "inside.html")
    page = Page((tmp_path / "inside.html").read_text())
    assert {"Parts", "Answers", "Calibration", "Gates", "Memory"} <= {*page.headings}
    assert not OUTSIDE.search((tmp_path / "inside.html").read_text())


def test_a_page_that_cannot_be_written(tmp_path):
    with pytest.raises(elman.DataError, match="cannot be written"):
        write_page(writer(), TEXT, tmp_path / "no" / "folder.html")
