"""The page of docs/browser, in headless Chromium: exported models write and tag there as they do here."""

import shutil
import subprocess
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import jax
import pytest

import elman
from elman.interop.language import language_model
from elman.layers import Dense, Embedding
from elman.layers.chain import Chain
from elman.words.vocabulary import Characters
from tests.conformance.peers import peer
from tests.studio.conftest import browser  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unchecked"), pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]
PACKAGE, FILES = "onnxruntime-web@1.30.0", ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
SENTENCE = "The dog follows two kings ."


@pytest.fixture
def package(request):
    """The files of onnxruntime-web that the page needs; they stay in pytest's cache."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm, to fetch onnxruntime-web")
    place = request.config.cache.mkdir(PACKAGE.replace("@", "-"))
    if not all((place / name).is_file() for name in FILES):
        done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=place, capture_output=True, timeout=300)
        archives = list(place.glob("*.tgz"))
        if done.returncode or not archives:
            pytest.skip(f"needs {PACKAGE}, which npm cannot fetch here")
        with tarfile.open(archives[0]) as archive:
            for name in FILES:
                (place / f"{name}.part").write_bytes(archive.extractfile(f"package/dist/{name}").read())
                (place / f"{name}.part").rename(place / name)
        archives[0].unlink()
    return place


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, format, *args):
        pass


@pytest.fixture
def address(package, tmp_path):
    folder = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(package / name, folder)
    shutil.copy(ROOT / "docs" / "browser" / "index.html", tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def writer():
    """A language model of 256 units with random weights, which write no text but always the same."""
    keys = jax.random.split(jax.random.key(0), 3)
    vocabulary = Characters.of(["abcdefghijklmnopqrstuvwxyz ABCÉéा中,.\n"])
    head = Dense(256, vocabulary.size, key=keys[2])
    layers = {"embedding": Embedding(vocabulary.size, 32, key=keys[0]), "lstm": elman.LSTM(32, 256, key=keys[1])}
    chain = Chain({**layers, "head": jax.tree.map(lambda leaf: 16 * leaf, head)})
    return language_model(chain, vocabulary, tokens=vocabulary.size)


def test_exported_models_write_and_tag(address, browser, tmp_path):  # noqa: F811
    peer("onnxruntime")
    fitted, tagger = writer(), elman.load(Path(__file__).parents[1] / "artefacts" / "tagging" / "model")
    elman.interop.export(fitted, tmp_path / "text", to="onnx")
    elman.interop.export(tagger, tmp_path / "tags", to="onnx")
    context = browser.new_context()
    context.set_default_timeout(120_000)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/?text=text&tagger=tags")
    page.wait_for_selector("body[data-ready]")
    assert not page.inner_text("#fault")
    page.fill("[name=prime]", "Éa中 ")
    page.fill("[name=length]", "200")
    page.fill("[name=temperature]", "0")
    page.click("#text button")
    page.wait_for_selector("#text [role=status]:not(:empty)")
    assert page.text_content("#text output") == "Éa中 " + fitted.generate("Éa中 ", length=200, temperature=0)
    print(page.inner_text("#text [role=status]"))
    page.fill("[name=words]", SENTENCE)
    page.click("#tagger button")
    page.wait_for_selector("#tagger [role=status]:not(:empty)")
    tags = [one.inner_text() for one in page.query_selector_all("#tagger rt")]
    assert tags == list(tagger.predict(SENTENCE.split()).tags)
    page.fill("[name=prime]", "Q")
    page.click("#text button")
    page.wait_for_selector("#fault:not(:empty)")
    assert page.inner_text("#fault") == 'the vocabulary has no "Q"'
    assert not faults
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
