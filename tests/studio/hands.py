"""Steps that the tests in a browser share: opening a view, typing or choosing an input, looking."""

import pytest

from tests.studio.conftest import WAIT

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra peers").expect
expect.set_options(timeout=WAIT)


def visit(page, served, place):
    page.goto(f"{served.address}/#/{place}")
    expect(page.locator("h1")).to_be_visible()


def look(page, served, place, *, text="", file="", button="Look"):
    """Opens a view and looks at something, by the keyboard."""
    visit(page, served, place)
    ask(page, text=text, file=file).get_by_role("button", name=button, exact=True).press("Enter")


def ask(page, *, text="", file=""):
    if text:
        page.get_by_label("Text", exact=True).fill(text)
    if file:
        page.locator("#input-file").select_option(file)
    return page
