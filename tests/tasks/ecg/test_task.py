from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.tasks.ecg.batches import SOME_KIND, EcgBatch
from elman.tasks.ecg.beat_table import BeatTable
from elman.tasks.ecg.beats import LeadBeats
from elman.tasks.ecg.beats import at_rate as at_lead_rate
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.probabilities import MARGIN, WINDOW, label_probabilities, pieces
from elman.tasks.ecg.strip import Beat, Strip, Wave
from elman.training.reporters import Quiet

SMALL = dict(channels=4, hidden_size=16, num_layers=1, seconds=4)


def people(count=60, seconds=10.0):
    return [patient.strip for patient in generate_patients(count, seconds=seconds)]


def model_of(task, kinds=("N", "V")):
    codec = EcgCodec(kinds=kinds)
    return task.build(codec, key=jr.key(0)), codec


def batch(random, waves, beats, *, wave_weights=1.0, beat_weights=1.0):
    rows, time = waves.shape
    weights = [np.broadcast_to(np.float32(w), waves.shape) for w in (wave_weights, beat_weights)]
    features = random.normal(size=(rows, time, 2)).astype(np.float32)
    return EcgBatch(features, np.full(rows, time, np.int32), waves, weights[0], beats, weights[1])


def test_the_loss_is_that_of_what_is_known():
    task, random = elman.Ecg(**SMALL, dropout=0.0), np.random.default_rng(0)
    model, _ = model_of(task)
    waves, beats = random.integers(4, size=(2, 40)), random.integers(SOME_KIND + 1, size=(2, 40))
    known, beats_known = random.random((2, 2, 40)) < 0.5
    made = batch(random, waves.astype(np.int32), beats.astype(np.int32), wave_weights=known, beat_weights=beats_known)
    (total, count), _ = jax.jit(task.loss)(model, (), made)
    scores = [np.asarray(one, float) for one in jax.jit(lambda m, xs: m(xs))(model, jnp.asarray(made.features))]
    p, q = (np.exp(one) / np.exp(one).sum(axis=-1, keepdims=True) for one in scores)
    expected = 0.0
    for row in range(2):
        for at in range(40):
            if known[row, at]:
                expected -= np.log(p[row, at, waves[row, at]])
            if beats_known[row, at]:
                own = q[row, at, 1:].sum() if beats[row, at] == SOME_KIND else q[row, at, beats[row, at]]
                expected -= np.log(own)
    assert float(total) == pytest.approx(expected, rel=1e-4)
    assert float(count) == (known | beats_known).sum()


def test_what_is_not_known_teaches_nothing():
    task, random = elman.Ecg(**SMALL), np.random.default_rng(0)
    model, _ = model_of(task)
    waves, beats = np.ones((2, 40), np.int32), np.full((2, 40), SOME_KIND, np.int32)
    gradient = jax.jit(jax.grad(lambda model, made: task.loss(model, (), made)[0][0]))
    beats_only = gradient(model, batch(random, waves, beats, wave_weights=0.0))
    assert not np.asarray(beats_only.heads[0].kernel).any()
    # A beat of unknown kind leaves the kinds' shares as they are: their scores rise in proportion to their shares.
    assert np.asarray(beats_only.heads[1].kernel).any()
    nothing = gradient(model, batch(random, waves, beats, wave_weights=0.0, beat_weights=0.0))
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(nothing))


@pytest.mark.parametrize("causal", [False, True])
def test_windows_and_pieces_give_what_the_whole_does(causal):
    task = elman.Ecg(**SMALL, causal=causal)
    model, codec = model_of(task)
    signals = np.random.default_rng(0).normal(size=(2, WINDOW + 700)).cumsum(axis=1) / 10
    _, features = codec.features(codec.start(2), signals)
    whole = [jax.nn.softmax(one) for one in jax.jit(lambda m, xs: m(xs))(model, jnp.asarray(features))]
    result = label_probabilities(model, codec, list(signals))
    together = np.concatenate(list(pieces(model, codec, signals)), axis=1)
    # Read from both ends, a window does not know what is beyond it; its margin keeps most of that away.
    tolerance = 1e-5 if causal else 0.02
    for row in range(2):
        both = np.concatenate([result[row].waves, result[row].beats], axis=-1)
        np.testing.assert_allclose(both, np.concatenate([one[row] for one in whole], axis=-1), atol=tolerance)
        np.testing.assert_allclose(both, together[row], atol=1e-5)
    assert MARGIN < WINDOW / 4


def test_generated_ecgs_are_learned():
    task = elman.Ecg(**SMALL)
    data = task.read_strips(people())
    fitted = elman.fit(task, data, steps=150, evaluations=3, learning_rate=0.02, warmup_steps=50, report=Quiet())
    metrics = fitted.evaluate(data.test)
    assert min(metrics.waves.qrs.f1, metrics.waves.t.f1, metrics.beats.detection.f1) > 0.9
    assert abs(metrics.waves.qrs.onset.mean_ms) < 15
    assert "F1" in str(metrics)
    assert metrics == task.metrics_from(metrics.to_builtins())


def test_no_patient_is_in_two_parts():
    strips = [strip._replace(lead=lead) for strip in people(30, seconds=4) for lead in ("I", "II")]
    data = elman.Ecg(validation=0.2, test=0.3).read_strips(strips)
    parts = [{strip.patient for strip in part.examples} for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [15, 6, 9]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert elman.Ecg(split_seed=1).read_strips(strips).fingerprint != data.fingerprint
    assert data.notes == ()


def test_a_training_part_without_annotated_waves_is_said():
    unknown = [strip._replace(waves=(), known=np.zeros_like(strip.known)) for strip in people(20, seconds=4)]
    task = elman.Ecg(channels=2, hidden_size=4, num_layers=1, seconds=2)
    data = task.read_strips(unknown)
    (note,) = data.notes
    assert note.startswith("no wave (P, QRS, T) is annotated, only beats: answers will have the place and the kind of")
    # A network that finds two beats and a T wave: without learned waves, only beats are left.
    labels = np.zeros((1, 1000, len(WAVES) + 1 + len(KINDS)))
    labels[..., 0] = labels[..., len(WAVES)] = 1.0
    labels[:, 340:400, : len(WAVES)] = np.eye(len(WAVES))[WAVES.index("T")]
    labels[:, 300:310, len(WAVES) :] = labels[:, 600:610, len(WAVES) :] = np.eye(1 + len(KINDS))[1]
    signal, broken = np.random.default_rng(0).normal(size=(1, 1000)), np.zeros((1, 1000), bool)
    _, (beats, _) = LeadBeats.start(1).read(signal, labels, broken, data.codec, ended=True)
    rows = BeatTable.of([at_lead_rate(beat, 1.0) for beat in beats], rate=250).rows
    assert [(row.QRS, row.QT, row.PR, row.beat.t, row.beat.p, row.beat.symbol) for row in rows] == [
        (None, None, None, None, None, "N")
    ] * 2
    assert rows[1].RR is not None
    assert " none " not in rows[1].line()
    _, (beats, _) = LeadBeats.start(1).read(signal, labels, broken, EcgCodec(kinds=("N",)), ended=True)
    assert beats[0].t is not None


def test_a_model_that_learned_no_kinds_is_not_measured_by_them():
    unknown = [
        strip._replace(beats=tuple(beat._replace(kind="") for beat in strip.beats)) for strip in people(20, seconds=4)
    ]
    task = elman.Ecg(channels=2, hidden_size=4, num_layers=1, seconds=2)
    data = task.read_strips(unknown)
    assert data.codec.kinds == ()
    assert data.notes == ("no beat has a kind (N, S, V, F, Q): the kind of every beat will be -",)
    model = task.build(data.codec, key=jr.key(0))
    eager = eqx.tree_at(lambda model: model.heads[1].bias, model, jnp.array([-9.0, 0, 0, 0, 0, 9.0]))
    part = replace(task.read_strips(people(20, seconds=4)).test, codec=data.codec)
    metrics = task.evaluate(eager, part, data.codec)
    assert metrics.beats.detection.truth > 0
    assert "kinds" not in str(metrics)
    assert metrics.report().splitlines()[-1].startswith("beats of kinds that training never had are not measured: N ")
    assert task.metrics_from(metrics.to_builtins()) == metrics


def test_nothing_to_learn_from_is_refused():
    task, mask = elman.Ecg(), np.zeros(1000, bool)
    blank = Strip(np.zeros(1000, np.float32), 250.0, "a", "II", "a", (), (), mask, mask)
    with pytest.raises(elman.DataError, match="no lead with annotated waves or beats"):
        task.read_strips([blank])
    with pytest.raises(elman.DataError, match="expected WFDB records with annotations"):
        task.read()
    one = blank._replace(waves=(Wave("P", 1, 2, 3),), beats=(Beat(9, "N", "N"),), known=~mask, beats_known=~mask)
    with pytest.raises(elman.DataError, match="no patient is in two parts: name records of more patients"):
        task.configure(task.read_strips([one]))
    with pytest.raises(elman.ConfigError, match="look_ahead_ms"):
        elman.Ecg(causal=True, look_ahead_ms=20)


def test_generated_and_real_records_are_read(data_folder):
    data = elman.Ecg(test=0.4).read(data_folder / "ecg" / "samples" / "ludb", data_folder / "ecg" / "samples" / "mitdb")
    strips = [*data.train.examples, *data.validation.examples, *data.test.examples]
    assert {strip.patient for strip in strips} == {"ludb 1", "mitdb 100"}
    assert {strip.rate for strip in strips} == {250.0}
    assert len(elman.Ecg().read("ecg").train) == 160
