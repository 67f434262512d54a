"""The states, gradients and memory of a model's cells, against NumPy loops in float64."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import elman
from elman._terminal import fold
from elman.inspection.corpus import unit_states
from elman.inspection.gradients import _slopes, gradients, saliency
from elman.inspection.memory import memory
from elman.inspection.pictures import draw_cell
from elman.inspection.record import record
from elman.inspection.report import _answered, report
from elman.inspection.units import units
from elman.inspection.watched import _run
from tests.recurrence import oracle
from tests.tasks.cases import CASES
from tests.tasks.losses import dense, nats

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
TEXT = "hello world. hello"


def untrained(task, data):
    task = task.configure(data)
    return task.fitted_class(task=task, codec=data.codec, model=task.build(data.codec, key=jax.random.key(1)))


@lru_cache
def writer(cell=elman.LSTM, layers=2):
    task = elman.LanguageModelling(cell=cell, hidden_size=6, embedding_size=5, num_layers=layers, batch_size=4)
    return untrained(task, task.read_text("hello world. " * 100))


def lstm_logits(fitted, text, nudge=None):
    """The logits after each token of a text in float64, and the states; `nudge` is (layer, step, "h" or "c", what is
    added to the state)."""
    model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), fitted.model)
    xs, states = model.embedding.table[fitted.codec.encode(text)[:-1]], []
    for layer, cell in enumerate(model.layers.cells):
        carry, ys = {"h": np.zeros(6), "c": np.zeros(6)}, []
        for step, x in enumerate(xs):
            carry, _ = oracle.lstm_step(vars(cell), carry, x)
            if nudge and nudge[:2] == (layer, step):
                carry = carry | {nudge[2]: carry[nudge[2]] + nudge[3]}
            ys.append(carry["h"])
            states.append(carry)
        xs = np.array(ys)
    return np.array([dense(model.head, h) for h in xs]), states


def lstm_loss(fitted, text, nudge=None):
    """The mean loss of a text, and the states."""
    logits, states = lstm_logits(fitted, text, nudge)
    targets = fitted.codec.encode(text)[1:]
    return np.mean([nats(row, target) for row, target in zip(logits, targets, strict=True)]), states


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_the_loss_of_every_task_is_that_of_its_numpy_loop(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    fitted = untrained(case.task, data)
    seen = record(fitted, data.train)
    batch = jax.tree.map(np.asarray, fitted.examples(data.train).batch)
    total, count = case.loss(jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), fitted.model), batch)
    assert seen.loss == pytest.approx(total / count, rel=1e-4)
    assert seen.cells
    for cell in seen:
        assert "cell " not in cell.name
        assert all(np.isfinite(values).all() for values in cell.states.values())
        assert (cell.outputs[~cell.valid] == 0).all()
    slopes = gradients(fitted, data.train)
    assert [cell.name for cell in slopes] == [cell.name for cell in seen]
    assert slopes.loss == pytest.approx(seen.loss, rel=1e-4)
    for cell, slope in zip(seen, slopes, strict=True):
        assert slope.inputs.shape == cell.inputs.shape
        assert (slope.norms[~cell.valid] == 0).all()
    assert max(slope.norms.max() for slope in slopes) > 0


def test_states_and_gates_are_those_of_the_equations():
    seen = record(writer(), TEXT)
    loss, states = lstm_loss(writer(), TEXT)
    assert seen.loss == pytest.approx(loss, rel=1e-5)
    for name in ("h", "c"):
        recorded = np.concatenate([cell.states[name][0] for cell in seen])
        np.testing.assert_allclose(recorded, [state[name] for state in states], atol=1e-6)
    cell = seen["layers.cells.1"]
    before = np.concatenate([np.zeros((1, 6)), cell.states["c"][0, :-1]])
    gates = {name: values[0] for name, values in cell.gates.items()}
    np.testing.assert_allclose(gates["f"] * before + gates["i"] * gates["g"], cell.states["c"][0], atol=1e-6)
    assert "".join(cell.steps) == TEXT[:-1]


@pytest.mark.parametrize("name", ["h", "c"])
@pytest.mark.parametrize("layer", [0, 1])
def test_gradients_of_states_are_finite_differences(layer, name):
    slopes = gradients(writer(), TEXT)[f"layers.cells.{layer}"].states[name][0]
    random = np.random.default_rng(0)
    for step in (0, 3, len(TEXT) - 2):
        direction = random.normal(size=6)
        high, low = (lstm_loss(writer(), TEXT, (layer, step, name, sign * 1e-5 * direction))[0] for sign in (1, -1))
        assert slopes[step] @ direction == pytest.approx((high - low) / 2e-5, rel=1e-3, abs=1e-7)


def test_occlusion_is_the_loss_without_the_input():
    part = saliency(writer(), TEXT)
    fitted, ids = writer(), writer().codec.encode(TEXT)
    whole = lstm_loss(fitted, TEXT)[0]
    # A further token whose vector is zeros stands for the input that is taken away.
    table = np.concatenate([np.asarray(fitted.model.embedding.table, np.float64), np.zeros((1, 5))])
    model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), fitted.model)
    for step in (0, 5):
        xs = table[np.where(np.arange(len(ids) - 1) == step, len(table) - 1, ids[:-1])]
        for cell in model.layers.cells:
            xs = oracle.loop(cell, xs[None])[1][0]
        loss = np.mean([nats(dense(model.head, h), target) for h, target in zip(xs, ids[1:], strict=True)])
        assert part.occlusion[0, step] == pytest.approx(loss - whole, rel=1e-3, abs=1e-6)
    slopes = gradients(writer(), TEXT)["layers.cells.0"].inputs[0]
    product = -(slopes * record(writer(), TEXT)["layers.cells.0"].inputs[0]).sum(-1)
    np.testing.assert_allclose(part.gradient[0], product, atol=1e-6)
    assert part.agreement > 0.9


def elman_jacobian(fitted, text, lag):
    """dh_T/dh_(T-lag) of a layer of Elman's, the product of diag(1 - h^2) U^T over the steps."""
    [cell] = record(fitted, text)
    kernel = np.asarray(fitted.model.layers.cells[0].recurrent_kernel, np.float64)
    product = np.eye(len(kernel))
    for h in cell.states["h"][0, len(cell.steps) - lag :].astype(np.float64):
        product = (1 - h**2)[:, None] * kernel.T @ product
    return product


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_norms_of_jacobians_are_those_of_their_product(scale):
    fitted = writer(elman.Elman, 1)
    kernel = fitted.model.layers.cells[0].recurrent_kernel
    model = jax.tree.map(lambda leaf: leaf * scale if leaf is kernel else leaf, fitted.model)
    fitted = type(fitted)(fitted.task, fitted.codec, model)
    [seen] = memory(fitted, TEXT)
    assert seen.lags.tolist() == [1, 2, 4, 8, 16]
    for lag, norm in zip(seen.lags.tolist(), seen.norms, strict=True):
        expected = np.linalg.norm(elman_jacobian(fitted, TEXT, lag), 2)
        assert norm == pytest.approx(expected, rel=0.02), lag
    last = np.linalg.norm(elman_jacobian(fitted, TEXT, 16), 2)
    assert seen.verdict == ("vanishing" if last < 1e-3 else "exploding" if last > 1e3 else "healthy")


@pytest.mark.parametrize(("most", "verdict"), [(0.5, "vanishing"), (0.9, "healthy"), (1.7, "exploding")])
def test_the_memory_of_a_cell_that_only_forgets(most, verdict):
    class Leaky(elman.Cell):
        keep: jax.Array

        def __init__(self, input_size, hidden_size, *, key):
            self.input_size, self.hidden_size = input_size, hidden_size
            self.keep = jax.numpy.linspace(0.1, most, hidden_size)

        def init_carry(self):
            return jax.numpy.zeros(self.hidden_size)

        def step(self, h, x):
            h = self.keep * h + x.mean()
            return h, h

    fitted = writer(elman.Elman, 1)
    model = fitted.model
    layers = type(model.layers)((Leaky(5, 6, key=jax.random.key(0)),))
    model = type(model).__new__(type(model))
    for name, value in vars(fitted.model).items():
        object.__setattr__(model, name, layers if name == "layers" else value)
    [seen] = memory(type(fitted)(fitted.task, fitted.codec, model), TEXT)
    expected = [-1 / np.log(keep) if keep < 1 else np.inf for keep in np.linspace(0.1, most, 6)]
    np.testing.assert_allclose(seen.time_constants["h"], expected, rtol=1e-4)
    np.testing.assert_allclose(seen.norms, most**seen.lags, rtol=0.02)
    assert seen.verdict == verdict


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("", "at least 2 tokens"),
        ("h", "at least 2 tokens"),
        (3, "expected a text or a part of the data"),
        ("?!", "'?'"),
    ],
)
def test_inputs_that_no_model_takes(inputs, message):
    with pytest.raises(elman.ElmanError, match="(?s)" + message.replace("?", r"\?")):
        record(writer(), inputs)


def test_a_source_without_tokens_is_nothing_to_look_at():
    translator = elman.load(ARTEFACTS / "seq2seq" / "model")
    with pytest.raises(elman.DataError, match="expected a text with one token or more"):
        record(translator, "")


def test_a_decoder_has_the_steps_of_its_answers_and_none_of_the_padding_behind_them(tmp_path):
    translator = elman.load(ARTEFACTS / "seq2seq" / "model")
    answer, name = translator.predict("12+3").text, "decoder.cells.0"
    cell = record(translator, "12+3")[name]
    assert cell.steps == ("", *answer)
    assert cell.valid.sum() == 1 + len(answer) < cell.valid.size
    assert gradients(translator, "12+3")[name].valid.tolist() == cell.valid.tolist()
    assert memory(translator, "12+3")[-1].lags.tolist() == [1]
    draw_cell(cell, tmp_path / "a.svg", of=["h"])

    pairs = Path(tmp_path, "a.tsv")
    pairs.write_text("1\t1\n2+1\t123\n3\t33\n")
    part = translator.read(pairs)
    states = [record(translator, replace(part, examples=(pair,)))[name].states["h"][0] for pair in part.examples]
    seen = unit_states(translator, part, cell=name, state="h", threshold=0.0)
    assert seen.tokens == ("", "1", "\n", "", "1", "2", "3", "\n", "", "3", "3")
    units = range(states[0].shape[1])
    assert (
        seen.on(units)[[0, 1, 3, 4, 5, 6, 8, 9, 10]].tolist()
        == (np.concatenate([states[0][:2], states[1][:4], states[2][:3]]) > 0).tolist()
    )


def test_another_text_of_the_same_length_needs_no_program_of_its_own():
    other = TEXT[::-1]
    losses = [record(writer(), TEXT).loss, gradients(writer(), TEXT).loss]
    programs: Any = _run, _slopes
    counts = [one._cache_size() for one in programs]
    assert [record(writer(), other).loss, gradients(writer(), other).loss] == pytest.approx(
        [lstm_loss(writer(), other)[0]] * 2, rel=1e-5
    )
    assert losses == pytest.approx([lstm_loss(writer(), TEXT)[0]] * 2, rel=1e-5)
    assert [one._cache_size() for one in programs] == counts
    assert "".join(record(writer(), other)["layers.cells.1"].steps) == other[:-1]


def test_a_name_that_no_cell_has():
    with pytest.raises(elman.DataError, match=r"no cell 'layers.cells.2'; did you mean 'layers.cells.\d'"):
        record(writer(), TEXT)["layers.cells.2"]


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_the_report_of_every_task_fits_a_terminal(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    lines = list(report(untrained(case.task, data), data.train, timed=False))
    folded = [line for text in lines for line in fold(text, 80, indent="  ").split("\n")]
    assert max(map(len, folded)) <= 80, max(folded, key=len)
    assert not any("nan" in line for line in lines[1:])
    heads = [line.split(":")[0].split(",")[0] for line in lines if line and not line.startswith(" ")]
    expected = {"parts", "answers", "gates", "memory", "gradient of the loss", "inputs that matter most to the loss"}
    assert expected <= {*heads}


def test_the_report_of_a_cell_without_gates_has_no_numbers_for_them():
    lines = list(report(writer(elman.Elman, 1), TEXT, timed=False))
    assert any(line.split()[:1] + line.split()[3:] == ["layers.cells.0", "none", "-", "-", "-"] for line in lines)


@pytest.mark.sample(1)
@pytest.mark.parametrize("make", [case for case in CASES if case.__name__ not in ("forecasting", "ecg")])
def test_an_input_alone_has_the_models_own_answer(make, tmp_path):
    case = make()
    data = case.read(case.task, case.parts, tmp_path)
    fitted = untrained(case.task, data)
    raw = {
        "language_modelling": lambda: "12 cats",
        "series_classification": lambda: np.ones((7, len(data.codec.channels))),
        "tagging": lambda: "the dog runs",
        "seq2seq": lambda: data.train.examples[0].source,
    }.get(make.__name__, lambda: "the film was good")()
    examples = fitted.examples(raw)
    seen = record(fitted, raw)
    assert np.isfinite(seen.loss)
    for start, names in examples.steps.items():
        cell = next(cell for cell in seen if cell.name.startswith(start))
        assert cell.steps == names
        assert len(names) <= cell.valid[0].sum()  # a decoder writes on to the end of the batch
    titles = [line for line in _answered(fitted, raw) if line.startswith(("answers", "calibration"))]
    assert titles
    assert not [line for line in titles if line.startswith("calibration")]  # nothing says what is right


LONG = "hello world. hello. " * 12


def held_loss(fitted, text, layer, name, unit, value):
    model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), fitted.model)
    ids = fitted.codec.encode(text)
    xs = model.embedding.table[ids[:-1]]
    for at, cell in enumerate(model.layers.cells):
        carry, ys = {"h": np.zeros(6), "c": np.zeros(6)}, []
        for x in xs:
            carry, _ = oracle.lstm_step(vars(cell), carry, x)
            if at == layer:
                carry[name][unit] = value
            ys.append(carry["h"].copy())
        xs = np.array(ys)
    return np.mean([nats(dense(model.head, h), target) for h, target in zip(xs, ids[1:], strict=True)])


def test_units_are_scored_on_steps_that_did_not_choose_them():
    seen, text = record(writer(), LONG), LONG[:-1]
    marked = np.zeros(len(text), bool)
    for match in re.finditer("world", text):
        marked[match.start() : match.end()] = True
    half = len(text) // 2
    said = list[str]()
    chosen = units(writer(), LONG, "world", count=3, progress=said.append)
    assert [line.rpartition(", ")[2] for line in said[2:]] == ["1 of 3", "2 of 3", "3 of 3"]
    assert [(one.cell, one.state, one.number) for one in chosen] == [
        (one.cell, one.state, one.number) for one in units(writer(), LONG, marked, count=3)
    ]
    best = {
        (cell.name, state, unit): abs(roc_auc_score(marked[:half], values[0, :half, unit]) - 0.5)
        for cell in seen
        for state, values in cell.states.items()
        for unit in range(6)
    }
    assert {(one.cell, one.state, one.number) for one in chosen} == {*sorted(best, key=best.__getitem__)[-3:]}
    for one in chosen:
        values = seen[one.cell].states[one.state][0, :, one.number]
        assert one.score == pytest.approx(roc_auc_score(marked[half:], one.sign * values[half:]), abs=2e-3)
        held = held_loss(writer(), LONG, int(one.cell[-1]), one.state, one.number, values.mean())
        assert one.ablation == pytest.approx(held - lstm_loss(writer(), LONG)[0], abs=1e-5)


def test_units_follow_numbers_by_their_correlation():
    numbers = np.arange(len(LONG) - 1) % 20.0
    [one] = units(writer(), LONG, numbers, count=1)
    half, values = len(numbers) // 2, record(writer(), LONG)[one.cell].states[one.state][0, :, one.number]
    assert one.score == pytest.approx(one.sign * np.corrcoef(values[half:], numbers[half:])[0, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("(", "no regular expression"),
        ("xyz", "a half of the steps has 0 steps with the property"),
        ("", "a half of the steps has 0 steps"),
        (["NOUN"] * 239, "expected a pattern, or True, False or a finite number"),
        ([0.5, float("nan")] * 119 + [1], "expected a pattern, or True, False or a finite number"),
        ([True, False], "expected a value for each step that a cell reads, of which there are 239"),
    ],
)
def test_properties_that_no_unit_can_follow(of, message):
    with pytest.raises(elman.ElmanError, match=re.escape(message)):
        units(writer(), LONG, of)
