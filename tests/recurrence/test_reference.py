import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import LSTM, Elman
from elman.recurrence import reference, tap
from elman.recurrence.reference import backward, forward, gradient_check, loss_and_gradients, softmax_cross_entropy
from tests.conftest import SMALL_TEXT
from tests.recurrence.oracle import loop
from tests.recurrence.test_unroll import names, relu_elman, shaken

BATCH, TIME, INPUT, HIDDEN = 3, 6, 4, 5
CELLS = {
    "elman": (reference.ELMAN, Elman),
    "elman-relu": (reference.ELMAN_RELU, relu_elman),
    "gru": (reference.GRU, elman.GRU),
    "lstm": (reference.LSTM, LSTM),
}
EACH = pytest.mark.parametrize("cell", CELLS)

RESETS = np.zeros((BATCH, TIME), bool)
RESETS[0, 3] = RESETS[1, 0] = RESETS[1, 2] = RESETS[1, 5] = RESETS[2, 1] = True
LENGTHS = np.array([TIME, 3, 0])
RIGHT = np.arange(TIME) < LENGTHS[:, None]
LEFT = RIGHT[:, ::-1]
SITUATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "right": dict(lengths=LENGTHS),
    "left": dict(lengths=LENGTHS, padding="left"),
    "resets": dict(resets=RESETS),
    "reverse": dict(reverse=True),
    "resets-at-padding": dict(lengths=LENGTHS, resets=RESETS),
    "all-right": dict(lengths=LENGTHS, resets=RESETS & RIGHT, reverse=True),
    "all-left": dict(lengths=LENGTHS, padding="left", resets=RESETS & LEFT, reverse=True),
}
EVERY = pytest.mark.parametrize("situation", SITUATIONS)


def weights_of(cell):
    return {name: np.asarray(value, np.float64) for name, value in vars(cell).items() if hasattr(value, "dtype")}


def case(cell, size=HIDDEN, features=INPUT):
    """The equations, and random weights, inputs, carry and start state."""
    equations, rng = CELLS[cell][0], np.random.default_rng(5)
    draw = lambda *shape: rng.normal(scale=0.7, size=shape)
    gates = equations.gates * size
    shapes = {"kernel": (features, gates), "recurrent_kernel": (size, gates), "bias": (gates,)}
    weights = {name: draw(*shapes.get(name, (size,))) for name in equations.weights}
    carry = {name: draw(BATCH, size) for name in equations.state}
    return equations, weights, draw(BATCH, TIME, features), carry, {name: draw(size) for name in equations.state}


def from_left(array, lengths):
    """Rows that are padded on the left, padded on the right."""
    return np.stack([np.roll(row, length, axis=0) for row, length in zip(array, lengths, strict=True)])


def to_left(array, lengths):
    return np.stack([np.roll(row, -length, axis=0) for row, length in zip(array, lengths, strict=True)])


@EACH
@pytest.mark.parametrize("situation", [name for name in SITUATIONS if name != "resets-at-padding"])
def test_values_are_those_of_the_numpy_loop(cell, situation):
    equations, kind = CELLS[cell]
    module, how = shaken(kind), SITUATIONS[situation]
    xs = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT))
    left = how.get("padding") == "left"
    options = {name: value for name, value in how.items() if name != "padding"}
    if left and "resets" in options:
        options["resets"] = from_left(options["resets"], LENGTHS)
    expected_carry, expected = loop(module, from_left(xs, LENGTHS) if left else xs, **options)
    run = forward(equations, weights_of(module), xs, **how)
    np.testing.assert_allclose(run.ys, to_left(expected, LENGTHS) if left else expected, atol=1e-12)
    for name in equations.state:
        np.testing.assert_allclose(run.carry[name], expected_carry[name], atol=1e-12)


@pytest.mark.sample(4)
@EACH
@EVERY
def test_values_gates_and_gradients_are_those_of_unroll(cell, situation):
    equations, weights, xs, carry, _ = case(cell)
    how = SITUATIONS[situation]
    rng = np.random.default_rng(1)
    dys, dcarry = rng.normal(size=(BATCH, TIME, HIDDEN)), {name: rng.normal(size=(BATCH, HIDDEN)) for name in carry}
    with jax.enable_x64(True):
        module = CELLS[cell][1](INPUT, HIDDEN, key=jr.key(0))
        leaves, structure = jax.tree.flatten(module)
        by_name = {name: jnp.asarray(value) for name, value in weights.items()}
        order = [path[-1].name for path, _ in jax.tree_util.tree_leaves_with_path(module)]
        assert len(leaves) == len(weights)
        module = structure.unflatten([by_name[name] for name in order])
        options: dict[str, Any] = {
            name: jnp.asarray(value) if isinstance(value, np.ndarray) else value for name, value in how.items()
        }
        make = elman.cells.lstm.LSTMCarry if cell == "lstm" else (lambda h: h)

        def run(module, xs, carry):
            last, ys, taps = tap(module, xs, carry, **options)
            return (last, ys), taps

        inputs = module, jnp.asarray(xs), make(**jax.tree.map(jnp.asarray, carry))
        (last, ys), pull, taps = jax.vjp(run, *inputs, has_aux=True)
        by_module, by_xs, by_carry = pull((make(**jax.tree.map(jnp.asarray, dcarry)), jnp.asarray(dys)))

    mine = forward(equations, weights, xs, carry, **how)
    gradients = backward(mine, dys, dcarry)
    np.testing.assert_allclose(mine.ys, ys, atol=1e-13)
    expected = {**taps, **names(taps["carry"])}
    assert set(mine.taps) == set(expected) - {"carry"}
    for name, seen in mine.taps.items():
        np.testing.assert_allclose(seen, expected[name], atol=1e-13)
    np.testing.assert_allclose(gradients.xs, by_xs, atol=1e-12)
    for name in equations.state:
        np.testing.assert_allclose(mine.carry[name], names(last)[name], atol=1e-13)
        np.testing.assert_allclose(gradients.carry[name], names(by_carry)[name], atol=1e-12)
    for name in equations.weights:
        np.testing.assert_allclose(gradients.weights[name], getattr(by_module, name), atol=1e-12)


def errors_of_all_gradients(equations, weights, xs, carry, start, how):
    """By name, with a loss that weighs every output and every number of the last carry differently."""
    rng = np.random.default_rng(2)
    size = len(weights["recurrent_kernel"])
    dys, dcarry = rng.normal(size=(*xs.shape[:2], size)), {name: rng.normal(size=(len(xs), size)) for name in start}
    arrays = {**weights, "xs": xs, **{f"start {name}": value for name, value in start.items()}}
    arrays |= {f"carry {name}": value for name, value in (carry or {}).items()}

    def run(arrays):
        own_carry = {name: arrays[f"carry {name}"] for name in start} if carry else None
        first = {name: arrays[f"start {name}"] for name in start}
        return forward(equations, {name: arrays[name] for name in weights}, arrays["xs"], own_carry, start=first, **how)

    def loss(arrays):
        seen = run(arrays)
        return float((seen.ys * dys).sum() + sum((seen.carry[name] * dcarry[name]).sum() for name in start))

    by = backward(run(arrays), dys, dcarry)
    gradients = {**by.weights, "xs": by.xs, **{f"start {name}": value for name, value in by.start.items()}}
    if carry:
        gradients |= {f"carry {name}": value for name, value in by.carry.items()}
    assert gradients.keys() == arrays.keys()
    return gradient_check(loss, arrays, gradients)


@pytest.mark.sample(16)
@EACH
@EVERY
def test_every_gradient_is_that_of_central_differences(cell, situation):
    equations, weights, xs, carry, start = case(cell, size=2, features=2)
    errors = errors_of_all_gradients(equations, weights, xs, carry, start, SITUATIONS[situation])
    assert max(errors.values()) < 1e-7, errors


@EACH
@EVERY
def test_without_a_carry_the_start_state_has_the_gradient_of_the_beginning_too(cell, situation):
    equations, weights, xs, _, start = case(cell, size=2, features=2)
    errors = errors_of_all_gradients(equations, weights, xs, None, start, SITUATIONS[situation])
    assert max(errors.values()) < 1e-7, errors


@EACH
def test_gates_and_states_of_every_step_are_shown(cell):
    equations, w, xs, carry, _ = case(cell)
    run = forward(equations, w, xs, carry, lengths=LENGTHS)
    gates = {"gru": "rzn", "lstm": "ifgo"}.get(cell, "")
    assert set(run.taps) == set(gates) | set(equations.state)
    assert all(run.taps[name].shape == (BATCH, TIME, HIDDEN) for name in run.taps)
    blocks = xs @ w["kernel"] + w["bias"], run.befores["h"] @ w["recurrent_kernel"]
    a, u = (dict(zip(gates, np.split(block, max(len(gates), 1), axis=-1), strict=False)) for block in blocks)
    if cell == "gru":
        u["n"] = run.taps["r"] * (u["n"] + w["recurrent_bias"])
    for name in gates:
        expected = np.tanh(a[name] + u[name]) if name in "gn" else 1 / (1 + np.exp(-a[name] - u[name]))
        np.testing.assert_allclose(run.taps[name], np.where(RIGHT[..., None], expected, 0), atol=1e-14)
    for name in equations.state:
        np.testing.assert_array_equal(run.taps[name][:, -1], run.carry[name])
        np.testing.assert_array_equal(run.taps[name][2], np.tile(carry[name][2], (TIME, 1)))
        np.testing.assert_array_equal(run.befores[name][:, 1:], run.taps[name][:, :-1])


@EACH
@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_may_hold_anything(cell, padding):
    equations, weights, xs, carry, start = case(cell)
    how: dict[str, Any] = dict(start=start, lengths=LENGTHS, padding=padding, resets=RESETS)
    real = RIGHT if padding == "right" else LEFT
    dirty = np.where(real[..., None], xs, np.nan)
    ones = np.ones((BATCH, TIME, HIDDEN))
    clean = backward(forward(equations, weights, xs, carry, **how), ones)
    by = backward(forward(equations, weights, dirty, carry, **how), np.where(real[..., None], ones, np.nan))
    for name in weights:
        np.testing.assert_array_equal(by.weights[name], clean.weights[name])
    np.testing.assert_array_equal(by.xs, clean.xs)
    assert not by.xs[~real].any()


@EACH
def test_resets_cut_the_gradient(cell):
    equations, weights, xs, carry, _ = case(cell)
    resets = np.arange(TIME) == np.full((BATCH, 1), 4)
    dys = np.zeros((BATCH, TIME, HIDDEN))
    dys[:, 4:] = 1
    by = backward(forward(equations, weights, xs, carry, resets=resets), dys)
    assert not by.xs[:, :4].any()
    assert by.xs[:, 4:].any()
    assert not any(value.any() for value in by.carry.values())


@EACH
def test_chunks_equal_the_whole_both_ways(cell):
    equations, weights, xs, carry, _ = case(cell)
    whole = forward(equations, weights, xs, carry)
    dys = np.cos(whole.ys)
    by = backward(whole, dys)
    first = forward(equations, weights, xs[:, :2], carry)
    second = forward(equations, weights, xs[:, 2:], first.carry)
    by_second = backward(second, dys[:, 2:])
    by_first = backward(first, dys[:, :2], by_second.carry)
    np.testing.assert_array_equal(np.concatenate([first.ys, second.ys], axis=1), whole.ys)
    np.testing.assert_array_equal(np.concatenate([by_first.xs, by_second.xs], axis=1), by.xs)
    for name in weights:
        np.testing.assert_allclose(by_first.weights[name] + by_second.weights[name], by.weights[name], atol=1e-12)


def test_weights_may_change_between_forward_and_backward():
    equations, weights, xs, carry, _ = case("gru")
    run = forward(equations, weights, xs, carry)
    before = backward(run, np.ones_like(run.ys))
    weights["recurrent_kernel"] *= 2
    np.testing.assert_array_equal(backward(run, np.ones_like(run.ys)).xs, before.xs)


def test_large_sums_do_not_overflow():
    equations, weights, xs, carry, _ = case("lstm")
    by = backward(forward(equations, weights, 1e6 * xs, carry), np.ones((BATCH, TIME, HIDDEN)))
    assert all(np.isfinite(value).all() for value in by.weights.values())


# The loss


def test_cross_entropy_has_the_published_figures():
    p, y = np.array([0.2, 0.7, 0.1]), np.array([0.0, 1.0, 0.0])
    loss, dlogits = softmax_cross_entropy(np.log(p)[None, None], np.array([[1]]))
    assert loss == pytest.approx(0.35667494393873245, rel=1e-15)
    jacobian = np.diag(p) - np.outer(p, p)
    np.testing.assert_allclose(dlogits[0, 0], jacobian @ [0, -1.4286, 0], atol=1e-5)
    np.testing.assert_allclose(dlogits[0, 0], p - y, atol=1e-15)
    np.testing.assert_allclose(reference.softmax(p), [0.2814, 0.464, 0.2546], atol=5e-5)


def test_cross_entropy_is_the_mean_over_real_tokens_and_its_gradient_the_slope():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(2, 3, 4)), rng.integers(4, size=(2, 3))
    mask = np.array([[True, True, False], [False, True, False]])
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    rows = [(0, 0), (0, 1), (1, 1)]
    nats = [np.log(np.exp(logits[row]).sum()) - logits[row][targets[row]] for row in rows]
    assert loss == pytest.approx(np.mean(nats), rel=1e-14)
    slope = gradient_check(
        lambda at: softmax_cross_entropy(at["logits"], targets, mask)[0], {"logits": logits}, {"logits": dlogits}
    )
    assert slope["logits"] < 1e-8
    assert not dlogits[~mask].any()
    assert softmax_cross_entropy(logits, targets - 9, np.zeros((2, 3), bool))[0] == 0


def test_cross_entropy_of_extreme_logits_is_finite():
    logits = np.array([[[1000.0, 0.0, -1000.0]]])
    loss, dlogits = softmax_cross_entropy(logits, np.array([[2]]))
    assert loss == 2000
    np.testing.assert_array_equal(dlogits, [[[1, 0, -1]]])


# Learning


def text_batch(cell, size=16):
    """Next-character sequences of the small text, small random weights, and the loss of a uniform guess."""
    vocabulary = "".join(sorted(set(SMALL_TEXT)))
    tokens = np.array([vocabulary.index(c) for c in SMALL_TEXT[: 16 * 9]]).reshape(9, 16)
    rng, equations, vocab = np.random.default_rng(0), CELLS[cell][0], len(vocabulary)
    gates = equations.gates * size
    shapes = {"kernel": (vocab, gates), "recurrent_kernel": (size, gates), "bias": gates, "recurrent_bias": size}
    shapes = {name: shapes[name] for name in equations.weights} | {"output_kernel": (size, vocab), "output_bias": vocab}
    weights = {name: rng.normal(scale=0.3, size=shape) for name, shape in shapes.items()}
    return equations, weights, np.eye(vocab)[tokens[:, :-1]], tokens[:, 1:], np.log(vocab)


@EACH
def test_plain_gradient_descent_learns_the_next_character(cell):
    equations, weights, xs, targets, uniform = text_batch(cell)
    losses = []
    for _ in range(150):
        loss, gradients, _ = loss_and_gradients(equations, weights, xs, targets)
        weights = {name: w - 0.5 * gradients[name] for name, w in weights.items()}
        losses.append(loss)
    assert losses[0] > 0.8 * uniform
    assert losses[-1] < 0.5 * uniform


@EACH
def test_gradients_of_the_loss_by_all_weights(cell):
    equations, weights, xs, targets, _ = text_batch(cell, size=2)
    xs, targets, lengths = xs[:2, :4], targets[:2, :4], np.array([4, 2])
    _, gradients, _ = loss_and_gradients(equations, weights, xs, targets, lengths=lengths)
    errors = gradient_check(
        lambda w: loss_and_gradients(equations, w, xs, targets, lengths=lengths)[0], weights, gradients
    )
    assert errors.keys() == weights.keys()
    assert max(errors.values()) < 1e-6, errors


def inner_product(weights, before, x, now, d):
    """The fault of the source lesson: h . da, one number, where the outer product belongs."""
    dw, dx, by_before = reference.ELMAN.step_backward(weights, before, x, now, d)
    da = d["h"] * (1 - now["h"] ** 2)
    return {**dw, "recurrent_kernel": (before["h"] * da).sum()}, dx, by_before


def changed_inside(weights, before, x, now, d):
    """The other one: weights that change inside the backward loop."""
    gradients = reference.ELMAN.step_backward(weights, before, x, now, d)
    weights["recurrent_kernel"] -= 0.01 * gradients[0]["recurrent_kernel"]
    return gradients


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        (inner_product, ["recurrent_kernel"]),
        (changed_inside, ["kernel", "recurrent_kernel", "bias", "xs", "carry h"]),
    ],
)
def test_gradient_check_names_what_the_faults_of_the_source_make_wrong(fault, wrong):
    equations, weights, xs, carry, start = case("elman", size=2, features=2)
    faulty = equations._replace(step_backward=fault)
    errors = errors_of_all_gradients(faulty, weights, xs, carry, start, SITUATIONS["plain"])
    assert [name for name, error in errors.items() if error > 1e-5] == wrong


def test_gradient_check_takes_the_gradient_of_another_shape_for_an_error():
    with pytest.raises(elman.ShapeError, match=r"gradient by w: expected shape \(2,\); got \(\)"):
        gradient_check(lambda at: float(at["w"].sum()), {"w": np.ones(2)}, {"w": np.array(1.0)})


# Input that cannot be used

FITTING: dict[str, Any] = dict(
    weights={"kernel": np.zeros((4, 20)), "recurrent_kernel": np.zeros((5, 20)), "bias": np.zeros(20)},
    xs=np.zeros((3, 6, 4)),
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(xs=np.zeros((3, 6, 9))), r"kernel: expected shape \(9, 20\); got \(4, 20\)"),
        (dict(xs=np.zeros((3, 4))), r"xs: expected \(batch, time, feature\)"),
        (dict(xs=np.zeros((3, 0, 4))), "at least one sequence and one step"),
        (dict(weights={"kernel": np.zeros((4, 20))}), "expected kernel, recurrent_kernel, bias; got kernel"),
        (dict(weights=FITTING["weights"] | {"bias": np.zeros(5)}), r"bias: expected shape \(20,\); got \(5,\)"),
        (dict(carry={"h": np.zeros((3, 5))}), "carry: expected h, c; got h"),
        (dict(carry={"h": np.zeros((3, 5)), "c": np.zeros((2, 5))}), r"carry c: expected shape \(3, 5\); got \(2, 5\)"),
        (dict(start={"h": np.zeros((3, 5)), "c": np.zeros(5)}), r"start h: expected shape \(5,\)"),
        (dict(lengths=np.array([1, 2])), r"lengths: expected shape \(3,\)"),
        (dict(lengths=np.array([1, 7, 2])), "lengths: expected 0 to 6, the steps of xs; got 1 to 7"),
        (dict(resets=np.zeros((3, 5), bool)), r"resets: expected shape \(3, 6\)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_named(change, message):
    with pytest.raises(elman.ShapeError, match=message):
        forward(reference.LSTM, **{**FITTING, **change})


@pytest.mark.usefixtures("unchecked")
def test_other_input_that_does_not_fit_is_named():
    with pytest.raises(elman.ConfigError, match="padding: expected 'right' or 'left'; got 'top'"):
        forward(reference.LSTM, **FITTING, padding="top")  # ty: ignore[invalid-argument-type]
    run = forward(reference.LSTM, **FITTING)
    with pytest.raises(elman.ShapeError, match=r"dys: expected shape \(3, 6, 5\); got \(3, 5\)"):
        backward(run, np.zeros((3, 5)))
    with pytest.raises(elman.ShapeError, match="dcarry: expected h, c; got h"):
        backward(run, dcarry={"h": np.zeros((3, 5))})
    with pytest.raises(elman.ShapeError, match="targets: expected 0 to 3, places of the logits; got 1 to 4"):
        softmax_cross_entropy(np.zeros((1, 2, 4)), np.array([[1, 4]]))
    with pytest.raises(elman.ShapeError, match="weights: expected kernel, .*, output_bias; got kernel, "):
        loss_and_gradients(reference.LSTM, **FITTING, targets=np.zeros((3, 6), int))
    with pytest.raises(elman.ShapeError, match=r"targets: expected shape \(1, 2\); got \(1, 3\)"):
        softmax_cross_entropy(np.zeros((1, 2, 4)), np.zeros((1, 3), int))


def test_the_file_alone_imports_no_jax():
    program = (
        "import sys; from importlib.util import module_from_spec, spec_from_file_location as at; "
        f"spec = at('reference', {reference.__file__!r}); module = module_from_spec(spec); "
        "sys.modules['reference'] = module; spec.loader.exec_module(module); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
