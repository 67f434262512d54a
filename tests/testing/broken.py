"""A sound task that the broken ones derive from. They are in a module so that another process can import them."""

import itertools
import os
from dataclasses import replace

import jax
import msgspec

import elman
from elman.tasks.baseline import Baseline
from elman.tasks.classification.fitted import Classifier
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.data import Part
from elman.tasks.items import Items


class Sound(elman.Classification, frozen=True, kw_only=True):
    pass


class ReadsAnew(Sound, frozen=True, kw_only=True):
    """Another order at each reading."""

    times = itertools.count()

    def read(self, *places):
        data = super().read(*places)
        turn = next(self.times) % len(data.train)
        examples = data.train.examples
        return replace(data, train=replace(data.train, examples=examples[turn:] + examples[:turn]))


class ConfiguresTwice(Sound, frozen=True, kw_only=True):
    """Each configuring adds to a setting."""

    def configure(self, data):
        return msgspec.structs.replace(super().configure(data), label_smoothing=self.label_smoothing + 0.01)


class AcceptsAnything(Sound, frozen=True, kw_only=True):
    def configure(self, data):
        return self


class Deals:
    """Batches in the order of asking."""

    def __init__(self, batches):
        self.batches, self.asked = batches, itertools.count()

    def __len__(self):
        return len(self.batches)

    def at(self, step):
        return self.batches.at(next(self.asked))


class BatchesInTurn(Sound, frozen=True, kw_only=True):
    def batches(self, part, *, seed):
        return Deals(super().batches(part, seed=seed))


class HalfLoss(Sound, frozen=True, kw_only=True):
    def loss(self, model, carry, batch, *, key=None):
        (total, count), carry = super().loss(model, carry, batch, key=key)
        return (total / 2, count), carry


class RoundsWeights(Classifier):
    def contents(self):
        saved = super().contents()
        return msgspec.structs.replace(saved, weights={name: w.round(2) for name, w in saved.weights.items()})


class SavesRounded(Sound, frozen=True, kw_only=True):
    fitted_class = RoundsWeights


class Rounded(ClassificationMetrics):
    def to_builtins(self):
        values = super().to_builtins()
        return {**values, "accuracy": round(values["accuracy"])}


class RoundsMetrics(Sound, frozen=True, kw_only=True):
    metrics_class = Rounded

    def evaluate(self, model, part, codec):
        result = super().evaluate(model, part, codec)
        return Rounded(**vars(result))


class Different(Classifier):
    def differences(self):
        return {"alone or beside others": 0.01}


class DiffersInBatches(Sound, frozen=True, kw_only=True):
    fitted_class = Different


class Unhashed(Part):
    """A part whose digest ignores what it contains."""

    digest = "always the same"


class IgnoresTest(Sound, frozen=True, kw_only=True):
    def read(self, *places):
        data = super().read(*places)
        return replace(data, test=Unhashed(**vars(data.test)))


class StartsByProcess(Sound, frozen=True, kw_only=True):
    """Other weights in each process."""

    def initialise(self, model, codec):
        return jax.tree.map(lambda w: w + os.getpid() / 1e6, model), ""


class AnswersBackwards(Classifier):
    def output(self, *places, options):
        yield from reversed([*super().output(*places, options=options)])


class PredictsBackwards(Sound, frozen=True, kw_only=True):
    fitted_class = AnswersBackwards


class SkipsEmpty(Classifier):
    def output(self, *places, options):
        return (line for line in super().output(*places, options=options) if line)


class PredictsTooFew(Sound, frozen=True, kw_only=True):
    fitted_class = SkipsEmpty


class ComparesAnotherMeasure(Sound, frozen=True, kw_only=True):
    """A baseline with a measure that the model does not have."""

    def baselines(self, data):
        return [Baseline(name="a rule", measures={"bleu": 3.0}, measure="bleu")]


class ForgetsItems(Sound, frozen=True, kw_only=True):
    """Inputs that are others each time."""

    times = itertools.count()

    def items(self, part):
        return Items([next(self.times) for _ in range(len(part))], "text", len(part))


BROKEN = {
    ReadsAnew: {"reads", "resume"},
    ConfiguresTwice: {"configures", "fingerprint", "resume"},
    AcceptsAnything: {"configures"},
    BatchesInTurn: {"batches", "resume"},
    HalfLoss: {"loss"},
    SavesRounded: {"save", "resume"},
    RoundsMetrics: {"metrics"},
    ComparesAnotherMeasure: {"baselines"},
    ForgetsItems: {"items"},
    DiffersInBatches: {"verify"},
    IgnoresTest: {"fingerprint"},
    StartsByProcess: {"resume"},
    PredictsBackwards: {"predict"},
    PredictsTooFew: {"predict"},
}
"""Each way to break a task, and the checks that are meant to fail."""
