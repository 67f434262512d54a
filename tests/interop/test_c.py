"""Networks in C: compiled without a warning, under sanitizers and for ARM, and compared with elman's step by step."""

import inspect
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

import elman
from elman import cells
from elman.cells import GRU, LRU, LSTM, Elman, LearnedStart, Normalised
from elman.interop import c_trace
from elman.interop.c_example import example
from elman.interop.c_proof import Compiler, prove, to_c
from elman.interop.c_source import c_source
from elman.layers import Bidirectional, Dense, Stack
from elman.layers.chain import Activation, Chain
from elman.tasks.ecg.codec import WAVES
from tests.cli.commands import run

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
LANGUAGE = ARTEFACTS / "language-modelling" / "model"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion", "-Wshadow")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ARM = Compiler(("aarch64-linux-gnu-gcc", "-static"), ("qemu-aarch64-static",))

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def compiled(folder, *sources, flags=STRICT):
    program = folder / "program"
    subprocess.run(["gcc", *flags, *(folder / one for one in sources), "-o", program, "-lm"], check=True)
    return program


def printed(program, *arguments, stdin=""):
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def differences(lines):
    """The greatest difference of each layer that a proof shows."""
    return {name: float(text) for name, text in (line.split() for line in lines if line.startswith("  "))}


def test_a_language_model_in_c_writes_the_text_that_elman_writes(tmp_path):
    said = run(tmp_path, "export", LANGUAGE, "--to", "c", "--name", "cats", "--out", "out").stdout.splitlines()
    assert said[-1] == "out: cats.h, cats.c, main.c, codec.json"
    assert [line.split(":")[0] for line in said[-4:-1]] == ["flash", "RAM", "time"]
    assert set(differences(said)) == {"next.0.h", "next.0.c", "logits"}
    text = printed(compiled(tmp_path / "out", "main.c", "cats.c"), "the cat", "40")
    fitted = elman.load(LANGUAGE)
    assert text == "the cat" + fitted.generate("the cat", length=40, temperature=0) + "\n"
    source = (tmp_path / "out" / "cats.c").read_text()
    assert "/* layers.cells.0: LSTM, 4 to 8 */" in source


def test_any_vocabulary_is_a_table_of_c(tmp_path):
    fitted = elman.load(LANGUAGE)
    hostile = ["\0", "*", "/", "\\", '"', "\n", "?", "%", "é", "—", "😀", "{", "\x7f", "\u2028", "0", "'", "a", " "]
    assert len(hostile) == len(fitted.codec.tokens)
    fitted = replace(fitted, codec=msgspec.structs.replace(fitted.codec, tokens=tuple(hostile)))
    source = c_source(fitted)
    for name, text in {**source.files, "main.c": example(fitted, source)}.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    program = compiled(tmp_path, "main.c", "model.c")
    prime = '*/ "??/\n\\é😀—0%'
    assert printed(program, prime, "30") == prime + fitted.generate(prime, length=30, temperature=0) + "\n"
    done = subprocess.run([program, "aé!"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "the model has no character for: !\n")


def test_names_are_safe_in_c():
    kind: Any = type("Größe", (Elman,), {})
    parts = {
        "a*/": kind(2, 3, key=jax.random.key(0)),
        "??/\n": Dense(3, 2, key=jax.random.key(1)),
        "for": Activation("softmax"),
    }
    source = to_c(Chain(parts), name="Two_2", compiler=Compiler(("gcc", "-Werror")))
    text = "".join(source.files.values())
    assert text.isascii()
    assert "/* parts.0: Gr\\xf6\\xdfe, 2 to 3 */" in text
    for name in ("main", "Math"):
        with pytest.raises(elman.ConfigError, match=f"name: {name}.h or {name}.c is a file of C's or of the example"):
            c_source(Chain(parts), name=name)
    with pytest.raises(
        elman.ConfigError, match="name: expected a letter, then at most 30 letters, digits or _; got 'a-b'"
    ):
        c_source(Chain(parts), name="a-b")


class Looped(Elman):
    """A cell with a loop in its step."""

    def step(self, h, a):
        h, _ = jax.lax.scan(lambda h, _: (jnp.tanh(h), None), h, None, length=2)
        return h, h


def test_what_c_cannot_be_is_said(tmp_path, monkeypatch):
    def refused(network, message):
        with pytest.raises(elman.ConversionError, match=message):
            c_source(network)

    key = jax.random.key(0)
    refused(
        elman.load(ARTEFACTS / "tagging" / "model"), "TaggingModel: reads whole sequences, and C reads a step at a time"
    )
    refused(Dense(2, 2, key=key), "Dense: reads whole sequences")
    refused(Bidirectional(GRU(2, 3, key=key), GRU(2, 3, key=key)), "cell: Bidirectional needs whole sequences")
    refused(
        LRU(2, 3, key=key), "complex64: C computes with no such numbers, which LRU has; RGLRU and MinGRU are like it"
    )
    broken = eqx.tree_at(lambda cell: cell.bias, GRU(2, 3, key=key), jnp.full(9, np.nan))
    refused(broken, "bias: has weights that are no finite numbers")
    looped: Any = Looped
    refused(looped(2, 3, key=key), "scan: an operation that the export to C does not know")
    monkeypatch.setenv("CC", "no-such-compiler -O3")
    done = run(tmp_path, "export", LANGUAGE, "--to", "c", "--out", "out", code=2)
    assert "no C compiler 'no-such-compiler', which proves that the C computes the same; install gcc" in done.stderr
    monkeypatch.setenv("CC", "gcc -fsyntax")
    done = run(tmp_path, "export", LANGUAGE, "--to", "c", "--out", "out", code=2)
    assert "gcc does not compile the C: gcc: error: unrecognized" in done.stderr
    assert "name: belongs to C" in run(tmp_path, "export", LANGUAGE, "--to", "onnx", "--name", "a", code=2).stderr
    assert not [*tmp_path.iterdir()]


def test_c_that_differs_is_not_written(tmp_path, monkeypatch):
    wrong = c_trace.FUNCTIONS["sigmoid"].replace("+ 0.5f", "+ 0.5001f")
    monkeypatch.setitem(c_trace.FUNCTIONS, "sigmoid", wrong)
    done = run(tmp_path, "export", LANGUAGE, "--to", "c", "--out", "out", code=2)
    assert "more than the 1e-05 that rounding explains; nothing was written" in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.fixture(scope="module")
def every_cell():
    """A stack of every cell that C can be, with a learned start and norms."""
    layers, size = [], 5
    for number, kind in enumerate(getattr(cells, name) for name in cells.__all__ if name != "LRU"):
        plain = isinstance(kind, type) and issubclass(kind, cells.Cell) and not inspect.isabstract(kind)
        if plain and not issubclass(kind, cells.Wrapper):
            layers.append(kind(size, 6, key=jax.random.key(number)))
            size = layers[-1].hidden_size
    start = LearnedStart(LSTM(size, 6, key=jax.random.key(0)))
    start = eqx.tree_at(lambda cell: jax.tree.leaves(cell.start), start, [jnp.linspace(-1, 1, 6)] * 2)
    layers += [start, Normalised(Elman(6, 6, activation="relu", key=jax.random.key(1)))]
    return Stack(tuple(layers), layer_norm=True, residual=True)


@pytest.mark.slow
def test_every_cell_in_c_under_sanitizers(every_cell):
    """The proof inside compares the state of every layer after every step."""
    lines, source = [], c_source(every_cell)
    prove(source, Compiler(("gcc",)), flags=(*STRICT, *SANITIZED), show=lines.append)
    assert len(differences(lines)) == len(source.structs.state) + 1 > 20


@pytest.mark.slow
def test_every_cell_in_c_on_arm_with_weights_of_8_bits(every_cell):
    if missing := [one for one in (ARM.command[0], ARM.runner[0]) if shutil.which(one) is None]:
        pytest.skip(f"needs {' and '.join(missing)}: gcc-aarch64-linux-gnu, qemu-user-static")
    source = c_source(every_cell, int8=True)
    figures = prove(source, ARM, flags=STRICT)
    assert figures.flash is not None
    assert 0 < figures.flash[0] < 30_000
    assert figures.flash[1] == pytest.approx(source.weight_bytes, rel=0.1)  # with alignment, without duplicates
    assert source.weight_bytes < 0.6 * sum(leaf.nbytes for leaf in jax.tree.leaves(every_cell))


@pytest.mark.slow
def test_an_ecg_in_c_has_the_waves_that_elman_finds(tmp_path):
    fitted = elman.load(ARTEFACTS / "ecg-causal" / "model")
    time, random = np.arange(1003) / fitted.codec.rate, np.random.default_rng(0)
    samples = 0.3 * np.sin(7 * time) + np.exp(-(((time % 0.8 - 0.4) / 0.01) ** 2)) + 0.02 * random.normal(size=1003)
    samples[5:7] = np.nan
    elman.interop.export(fitted, tmp_path / "out", to="c")
    program = compiled(tmp_path / "out", "main.c", "model.c", flags=(*STRICT, *SANITIZED))
    lines = [line.split() for line in printed(program, stdin=" ".join(map(str, samples))).splitlines()]
    assert [int(number) for number, _ in lines] == [*range(1003)]
    _, features = fitted.codec.features(fitted.codec.start(1), samples[None])
    best = np.asarray(fitted.model(jnp.asarray(features))[0])[0].argmax(axis=-1)
    assert len(set(best.tolist())) == len(WAVES)
    assert sum(wave != (WAVES[label] or "-") for (_, wave), label in zip(lines, best, strict=True)) <= 5


@pytest.mark.slow
def test_a_forecaster_in_c_reads_numbers(tmp_path):
    fitted = elman.load(ARTEFACTS / "forecasting-autoregressive" / "model")
    lines = []
    elman.interop.export(fitted, tmp_path / "out", to="c", int8=True, show=lines.append)
    assert {"next.last", "forecast.mean", "forecast.scale"} <= set(differences(lines))
    program = compiled(tmp_path / "out", "main.c", "model.c")
    step = "0 0.1 0.2 0.3 0.4 1 2.5 -0.5\n"
    numbers = printed(program, stdin=3 * step).splitlines()
    assert [len(line.split()) for line in numbers] == [2, 2, 2]
    assert len(set(numbers)) == 3
    done = subprocess.run([program], input="9 " + step, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "a whole number is out of its range\n")
