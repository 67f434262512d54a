"""Draws docs/studio.png: the studio with a text that a model writes, coloured by the unit that follows a pattern best.

    elman train tinyshakespeare.txt --hidden-size 128 --minutes 9 --out shakespeare.elman
    python scripts/studio_picture.py shakespeare.elman

Needs playwright (of the extra `peers`) and Chromium.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "studio.png"


def main() -> None:
    """Starts a studio, does what the picture shows, and takes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--prime", default="ROMEO:\nO, ")
    parser.add_argument("--pattern", default="^.{1,15}")
    options = parser.parse_args()
    model = options.model.resolve()
    command = [
        sys.executable,
        "-c",
        "from elman.cli.main import main; main()",
        "studio",
        str(model.parent),
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stdout
        address = server.stdout.readline().strip()
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1120, "height": 1180}, reduced_motion="reduce")
            page.goto(address)
            page.goto(f"{address.partition('?')[0]}#/model/{model.name}/write")
            page.get_by_label("Prime").fill(options.prime)
            page.get_by_label("Length").fill("900")
            page.get_by_label("Temperature").fill("0.6")
            page.get_by_role("button", name="Write").click()
            page.locator(".paper[data-done]").wait_for()
            page.wait_for_timeout(3000)
            page.get_by_text("Find a unit").click()
            page.get_by_label("A regular expression").fill(options.pattern)
            page.get_by_role("button", name="Find").click()
            page.locator(".list button").first.click(timeout=180_000)
            page.wait_for_timeout(1000)
            page.evaluate("window.scrollTo(0, document.querySelector('.coloured').offsetTop - 78)")
            page.wait_for_timeout(300)
            page.locator(".paper span").nth(90).hover()
            page.wait_for_timeout(300)
            page.screenshot(path=PICTURE)
        finally:
            server.terminate()
    Image.open(PICTURE).quantize(128).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
