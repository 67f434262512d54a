"""State dicts in the layouts of the wild, from NumPy arrays alone: no PyTorch is needed."""

import numpy as np
import pytest

import elman
from elman.interop.pytorch import from_torch
from elman.interop.state_dict import chain_from_state_dict
from elman.layers import Bidirectional, Dense

VOCAB, SIZE, HIDDEN = 7, 3, 4


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32) * 0.5


def lstm(inputs=SIZE, *, layers=1, directions=1, projected=0, biases=True, gates=4):
    state, width = {}, projected or HIDDEN
    for layer in range(layers):
        for suffix in (f"_l{layer}", f"_l{layer}_reverse")[:directions]:
            state[f"weight_ih{suffix}"] = random(gates * HIDDEN, inputs if not layer else width * directions)
            state[f"weight_hh{suffix}"] = random(gates * HIDDEN, width)
            if biases:
                state |= {f"bias_{name}{suffix}": random(gates * HIDDEN) for name in ("ih", "hh")}
            if projected:
                state[f"weight_hr{suffix}"] = random(projected, HIDDEN)
    return state


def under(path, state):
    return {f"{path}.{name}": array for name, array in state.items()}


def model(prefix="", **options):
    state = {"encoder.weight": random(VOCAB, SIZE), **under("rnn", lstm(**options))}
    width = (options.get("projected") or HIDDEN) * options.get("directions", 1)
    state |= {"decoder.weight": random(VOCAB, width), "decoder.bias": random(VOCAB)}
    return {prefix + name: array for name, array in state.items()}


def test_layouts_of_the_wild():
    """Each is the same model, told otherwise; the proof compares with PyTorch's equations."""
    lines = []
    plain = from_torch(model(layers=2), show=lines.append)
    assert plain.names == ("encoder", "rnn.l0", "rnn", "decoder")
    assert [line.split()[0] for line in lines] == ["PyTorch's", "encoder", "rnn", "decoder"]
    xs = np.arange(6).reshape(2, 3)
    expected = plain(xs)[1]
    checkpoint = {"epoch": 3, "optimizer": {"state": {}}, "state_dict": model("module.model.", layers=2)}
    shuffled = dict(sorted(model(layers=2).items()))
    for state in (checkpoint, model("_orig_mod.", layers=2)):
        np.testing.assert_array_equal(from_torch(state)(xs)[1], expected)
    np.testing.assert_array_equal(chain_from_state_dict(shuffled, in_order=False)(xs)[1], expected)


def test_projections_directions_and_no_bias():
    chain = from_torch(model(projected=2, directions=2, biases=False))
    assert isinstance(chain.parts[1], Bidirectional)
    assert chain.parts[1].forward.projection.shape == (HIDDEN, 2)


def test_weights_that_two_layers_share_and_raw_ones():
    state = {"encoder.weight": random(VOCAB, HIDDEN), **under("rnn", lstm(HIDDEN)), "decoder.bias": random(VOCAB)}
    tied = from_torch(state)
    np.testing.assert_array_equal(tied.parts[-1].kernel, state["encoder.weight"].T)
    raw = state.pop("rnn.weight_hh_l0")
    inner = {f"rnn.module.{name}": state.pop(f"rnn.{name}") for name in list(lstm()) if f"rnn.{name}" in state}
    awd = {**state, "rnn.weight_hh_l0_raw": raw, **inner, "rnn.module.weight_hh_l0": 0 * raw}
    order = ("encoder", "rnn", "decoder")
    np.testing.assert_array_equal(from_torch(awd, order=order)(np.ones((1, 4), int))[1], tied(np.ones((1, 4), int))[1])


def test_what_is_between_layers_is_named_by_the_order():
    state = {**under("gru", lstm(gates=3)), **under("a", {"weight": random(5, HIDDEN), "bias": random(5)})}
    chain = from_torch(state, order=("gru", "last", "a", "relu"))
    assert chain.names == ("gru", "gru.last", "a", "a.relu")
    assert isinstance(chain.parts[2], Dense)
    with pytest.raises(elman.ConversionError, match="no layer 'grr'; did you mean 'gru'"):
        from_torch(state, order=("grr", "a"))
    with pytest.raises(elman.ConversionError, match="names no a, which has weights too"):
        from_torch(state, order=("gru",))
    with pytest.raises(elman.ConversionError, match="order: max is over time, which ends at the one before"):
        from_torch(state, order=("gru", "last", "max", "a"))
    with pytest.raises(elman.ConversionError, match="order: names gru twice"):
        from_torch(state, order=("gru", "gru", "a"))


def linear(path, outputs, inputs):
    return under(path, {"weight": random(outputs, inputs), "bias": random(outputs)})


def test_many_layers_of_one_size_are_ordered_at_once():
    """Twelve of them have 479,001,600 orders."""
    paths = list("abcdefghijkl")
    square = {name: array for path in paths for name, array in linear(path, 2, 2).items()}
    assert chain_from_state_dict(square).names == tuple(paths)
    with pytest.raises(elman.ConversionError, match="in the order a -> b -> .* -> k -> l or a -> b -> .* -> l -> k"):
        chain_from_state_dict(square, in_order=False)
    with pytest.raises(elman.ConversionError, match="fit in no order"):
        chain_from_state_dict(square | linear("l", 2, 5) | linear("a", 7, 3))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"net.conv.weight": np.ones((2, 3, 3)), "net.out.weight": np.ones((2, 2))}, r"^conv: no layer .*TimeConvol"),
        ({"a.weight_g": np.ones((2, 1)), "a.weight_v": np.ones((2, 3))}, "a.weight_g: .*remove_weight_norm"),
        ({"a.weight": np.ones((2, 3)), "a.bias": np.ones(2), "b.weight": np.ones((3, 2)), "b.bias": np.ones(3)}, ""),
        ({"a.weight": np.ones((2, 3)), "a.bias": np.ones(2), "b.weight": np.ones((9, 5)), "b.bias": np.ones(9)}, "fit"),
        ({"epoch": 3, "model": {}}, "expected weights by name, .* got the names epoch, model"),
        ({"rnn.weight_ih_l0": np.ones((10, 3)), "rnn.weight_hh_l0": np.ones((10, 5))}, "weight_ih of 10 rows for 5"),
        ({"rnn.weight_ih_l0": np.ones((5, 3))}, "rnn: no layer that elman can take has the weights weight_ih_l0"),
        ({"rnn.weight_ih": np.ones((5, 3)), "rnn.weight_hh": np.ones(5)}, r"rnn: no layer .* weight_hh \(5,\)"),
        ({"a.weight": np.ones((0, 3)), "b.weight": np.ones((2, 3)), "b.bias": np.ones(2)}, "a.weight: .* no numbers"),
        ({"a.weight": np.ones((2, 3)), "a.bias": np.ones(5)}, r"a: bias: expected shape \(2,\); got \(5,\)"),
        ({"a.weight": np.ones((2, 3)), "a.bias": np.ones(2), "a.scale": np.ones(2)}, r"a: no layer .* scale \(2,\)"),
        ({"a.running_mean": np.ones(3), "a.running_var": np.ones(4)}, "a: variance: expected shape"),
        (
            {f"g.{name}": array[1:] for name, array in lstm().items()} | {"g.weight_ih_l0": random(4, 3)},
            "number of rows",
        ),
        (under("g", {name.replace("l0", "l1"): array for name, array in lstm().items()}), "g: no layer"),
        ({0: np.ones(2)}, r"layer: no layer .* 0 \(2,\)"),
    ],
)
def test_what_cannot_be_told_is_an_error(state, message):
    with pytest.raises(elman.ConversionError, match=message or "the layers may be in the order a -> b or b -> a"):
        chain_from_state_dict(state, in_order=bool(message))
