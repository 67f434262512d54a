"""Pages of the studio for everybody: contrast, names, phone width, light and dark."""

import os
import re
from pathlib import Path

import pytest

from tests.studio.hands import expect, visit

pytestmark = pytest.mark.slow

PAGES = {
    "folder": "",
    "data": "data?file=sms.txt",
    "trainings": "runs",
    "lessons": "lessons",
    "write": "model/language-modelling.elman/write",
    "match": "model/language-modelling.elman/match",
    "gates": "model/language-modelling.elman/gates",
    "gradient": "model/language-modelling.elman/gradient",
    "tag": "model/tagging.elman/tag",
    "translate": "model/seq2seq.elman/translate",
    "predict": "model/classification.elman/predict",
    "confusion": "model/classification.elman/confusion",
    "forecast": "model/forecasting.elman/forecast",
    "ecg": "model/ecg.elman/ecg",
    "about": "model/tagging.elman/about",
}
TYPED = {"tag": "the bank can see the dog .", "translate": "3+4", "predict": "free cash, you win"}
CHOSEN = {"confusion": "sms.txt", "forecast": "shops.csv", "ecg": "strip.hea"}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_everybody(page, served, name, tmp_path):
    """axe-core finds nothing serious in light and dark, nothing is wider than a phone, and the pictures are kept in the
    folder that `ELMAN_SCREENSHOTS` names."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    folder = Path(os.environ.get("ELMAN_SCREENSHOTS", tmp_path))
    visit(page, served, PAGES[name])
    if name in TYPED or name in ("gates", "gradient"):
        page.locator("#input-text").fill(TYPED.get(name, "the cat sat on the mat. the dog ate the cat's hat"))
    if name in CHOSEN:
        page.locator("#input-file").select_option(CHOSEN[name])
    if name == "write":
        page.get_by_label("Prime").fill("the cat ")
    if name == "match":
        page.get_by_label("Corpus").select_option("cats.txt")
        expect(page.locator("#stretch")).to_have_value(re.compile("^the cat sat on"))
        page.locator("#stretch").evaluate("(one) => one.setSelectionRange(4, 7)")
        page.get_by_label("A unit is on above").fill("0")
    if name in {*TYPED, *CHOSEN, "gates", "gradient", "write", "match"}:
        page.locator("button.main").click()
    expect(page.locator("[aria-busy='true']")).to_have_count(0)
    if name not in ("folder", "trainings"):  # whose stream of news never ends
        page.wait_for_load_state("networkidle")
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.wait_for_function("(width) => document.documentElement.scrollWidth <= width", arg=width)
        found = axe.run(page).response["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")], found
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
