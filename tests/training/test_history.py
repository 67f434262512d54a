import msgspec
import pytest

import elman
from elman.training.events import Evaluated, Stepped
from elman.training.history import Evaluation, History
from elman.training.reporters import Quiet


class Watch(Quiet):
    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)


def test_every_evaluation_is_kept_with_the_training_that_led_to_it(small_text):
    task, watch = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, unroll_length=16), Watch()
    fitted = elman.fit(task, task.read_text(small_text), steps=7, evaluations=3, report=watch)
    steps = [event for event in watch.events if isinstance(event, Stepped)]
    seen = [event for event in watch.events if isinstance(event, Evaluated)]
    columns = fitted.history.columns()
    assert columns["step"] == [3, 5, 7]
    for last, (first, end) in enumerate([(0, 3), (3, 5), (5, 7)]):
        mean = sum(event.loss for event in steps[first:end]) / (end - first)  # all batches have as many tokens
        assert columns["training_loss"][last] == pytest.approx(mean, rel=1e-12)
        assert columns["learning_rate"][last] == steps[end - 1].learning_rate
    assert columns["nats_per_token"] == columns["objective"] == [event.metrics.nats_per_token for event in seen]
    assert columns["perplexity"] == [event.metrics.perplexity for event in seen]
    assert "unit" not in columns
    assert columns["seconds"] == sorted(columns["seconds"])
    assert fitted.history.best.step == fitted.measures["step"]


def test_a_history_is_short_to_look_at_and_survives_json():
    one = Evaluation(
        step=3, seconds=1.0, training_loss=float("nan"), learning_rate=0.1, objective=2.0, measures={"a": float("nan")}
    )
    assert repr(History()) == "<History: no evaluation>"
    assert repr(History((one,))) == "<History: 1 evaluation, step 3 to 3, best at step 3>"
    again = History.from_builtins(msgspec.json.decode(msgspec.json.encode(History((one,)).to_builtins())))
    assert again[0].measures.keys() == {"a"}
    assert str(again[0]) == str(one)
    with pytest.raises(msgspec.ValidationError, match="evaluations"):
        History.from_builtins({"evaluations": [{"step": -1}]})
