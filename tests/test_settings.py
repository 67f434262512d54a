import pytest

import elman


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: elman.LanguageModelling(kr=0.01), "LanguageModelling has no option 'kr'"),
        (lambda: elman.LanguageModelling(hiden_size=1), "did you mean 'hidden_size'"),
        (
            lambda: elman.LanguageModelling(hidden_size=0),
            "hidden_size: expected a whole number of at least 1 and below 1,048,576; got 0",
        ),
        (
            lambda: elman.LanguageModelling(hidden_size="256"),
            "hidden_size: expected a whole number of at least 1 and below 1,048,576; got '256'",
        ),
        (lambda: elman.LanguageModelling(dropout=1.5), "dropout: expected a number of at least 0 and below 1; got 1.5"),
        (lambda: elman.LanguageModelling(vocabulary="runes"), "vocabulary: .*'runes'"),
        (lambda: elman.LanguageModelling(vocabulary="bytes", lower=True), "bytes are read as they are"),
        (lambda: elman.Training(minutes=1, steps=5), "one budget at a time: got minutes and steps"),
        (lambda: elman.Training(learning_rate=0), "learning_rate"),
        (lambda: elman.Training(optimiser="adam"), "optimiser"),
        (lambda: elman.Training(seed=1.5), "seed"),
        (lambda: elman.Training(momentum=0.5), "momentum: belongs to sgd"),
        (lambda: elman.LanguageModelling(min_count=7), "min_count: belongs to words"),
        (lambda: elman.LanguageModelling(validation=2.7), "validation: expected a share below 1 or a whole number"),
        (
            lambda: elman.LanguageModelling(batch_size=10**11),
            "batch_size: expected a whole number of at least 1 and below 1,048,576",
        ),
    ],
)
def test_settings_that_cannot_be_are_named_with_their_range(make, message):
    with pytest.raises(elman.ConfigError, match=message):
        make()


def test_a_cell_is_named_by_its_class_or_its_import_path():
    assert elman.LanguageModelling(cell=elman.GRU).cell == "GRU"
    assert elman.LanguageModelling(cell=Own).cell == "tests.test_settings:Own"
    task = elman.LanguageModelling(cell="LTSM")
    with pytest.raises(elman.ConfigError, match="no cell 'LTSM'; did you mean 'LSTM'.*module:Class"):
        task.build(task.read_text("ab" * 2000).codec, key=None)


class NoConstructor(elman.Elman):
    """Takes no sizes."""

    def __init__(self):
        pass


class FloatField(elman.Elman):
    """Holds a number that is no array."""

    leak: float

    def __init__(self, input_size, hidden_size, *, key):
        super().__init__(input_size, hidden_size, key=key)
        self.leak = 0.5


class Bfloat(elman.Elman):
    """Weights of a type that cannot be saved."""

    def __init__(self, input_size, hidden_size, *, key):
        super().__init__(input_size, hidden_size, key=key)
        self.bias = self.bias.astype("bfloat16")


class WrongOutput(elman.Elman):
    """Puts out too little."""

    def step(self, h, a):
        h, y = super().step(h, a)
        return h, y[:3]


class WrongCarry(elman.Elman):
    """Changes its carry."""

    def step(self, h, a):
        h, y = super().step(h, a)
        return (h, h), y


class NoStep(elman.Cell):
    """Has nothing."""


class Failing(elman.Elman):
    """Fails in its step."""

    def step(self, h, a):
        return h @ a[:2], a


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (NoConstructor, "NoConstructor: cannot be built as NoConstructor.input_size, hidden_size, key=key"),
        (FloatField, "FloatField: leak is 0.5; expected an array of float32"),
        (Bfloat, "Bfloat: bias is bfloat16; expected an array"),
        (WrongOutput, r"WrongOutput: step outputs .*expected shape \(256,\)"),
        (WrongCarry, "WrongCarry: step gives the carry"),
        (NoStep, "NoStep: cannot be built"),
        (Failing, "Failing: its step cannot run"),
    ],
)
def test_a_cell_that_breaks_the_contract_is_told_how(cell, message):
    task = elman.LanguageModelling(cell=cell)
    data = task.read_text("ab" * 2000)
    import jax

    with pytest.raises(elman.ConfigError, match=message):
        task.build(data.codec, key=jax.random.key(0))


class Own(elman.Elman):
    """A user's cell."""


@pytest.mark.parametrize(("decay", "expected"), [("linear", 0.5), ("cosine", 0.5), ("none", 1.0)])
def test_the_rate_warms_up_holds_and_falls(decay, expected):
    schedule = elman.Training(steps=1000, learning_rate=1.0, warmup_steps=100, hold=0.4, decay=decay)
    assert schedule.rate(step=0, spent=0.0) == pytest.approx(0.01)
    assert schedule.rate(step=400, spent=0.4) == pytest.approx(1.0)
    assert schedule.rate(step=700, spent=0.7) == pytest.approx(expected)
    assert schedule.rate(step=999, spent=1.0) == pytest.approx(0 if decay != "none" else 1)


@pytest.mark.parametrize(
    ("steps", "expected"), [(6, [0.02, 5 / 6, 1]), (100, [0.02, 0.05, 0.1]), (5000, [0.02, 0.04, 0.06])]
)
def test_short_budgets_reach_their_learning_rate(steps, expected):
    schedule = elman.Training(steps=steps, learning_rate=1.0, hold=0.9)
    assert [schedule.rate(step=step, spent=step / steps) for step in range(3)] == pytest.approx(expected)
    assert schedule.rate(step=50, spent=min(0.9, max(0.2, 50 / steps))) == pytest.approx(1)


def test_dropout_grows_with_the_weights_per_token():
    task = elman.LanguageModelling(hidden_size=8, embedding_size=4, num_layers=1, validation=100, test=0)
    data = task.read_text("abcd" * 2025)
    weights = 5 * 4 + 4 * 32 + 8 * 32 + 32 + 8 * 5 + 5
    assert task.configure(data).dropout == pytest.approx(0.13 * (weights / 8000) ** 1.5, abs=5e-4)
    assert elman.LanguageModelling(hidden_size=128, validation=100, test=0).configure(data).dropout == 0.5
    assert elman.LanguageModelling(dropout=0.2).configure(data).dropout == 0.2


def test_budgets():
    spent = dict(step=50, seconds=30.0, steps_per_epoch=20)
    assert elman.Training(steps=100).spent(**spent) == 0.5
    assert elman.Training(epochs=5).spent(**spent) == 0.5
    assert elman.Training(minutes=1).spent(**spent) == 0.5
    assert elman.Training(epochs=0.1).total_steps(20) == 2
    assert elman.Training().total_steps(80) == 800
    assert elman.Training().total_steps(20) == 500  # ten passes over little are a handful of steps


def test_metrics_refuse_a_unit_they_do_not_have():
    from elman.tasks.language_modelling.metrics import LanguageMetrics

    words = LanguageMetrics(nats_per_token=2.0, tokens=10, unit="word")
    with pytest.raises(elman.ConfigError, match="this model predicts words"):
        words.bits_per_char  # noqa: B018
    assert elman.LanguageModelling.metrics_from(words.to_builtins()) == words
    assert LanguageMetrics(nats_per_token=0.6931471805599453, tokens=8, unit="byte").bits_per_byte == pytest.approx(1)
