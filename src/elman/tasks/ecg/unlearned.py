"""Waves and kinds of beats that training never had, and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from elman._errors import quantity
from elman.tasks.ecg.beat_scores import KINDS, AnyBeat
from elman.tasks.ecg.detected import UNLEARNED

NO_WAVES = "no wave (P, QRS, T) is annotated, only beats: answers will have the place and the kind of each beat alone"
"""The sentence on a training part without annotated waves, as of the MIT-BIH Arrhythmia Database."""

NO_WAVES_READ = "training had no waves (P, QRS, T): none is looked for, and nothing measured but RR and rate"
"""The sentence on the answers of a model that learned from such data."""

COMMON = ("N", "S", "V")
"""The kinds of beats that any recording may have, of which a sentence says if training never had them."""


def note_on_training(learned: Sequence[str]) -> str:
    """A sentence on a model that cannot tell kinds of beats apart; empty for one that learned several.

    >>> note_on_training(["N", "V"]), note_on_training(["N"])
    ('', 'all beats with a kind are N: every beat will be, since nothing tells it from other kinds')
    """
    if not learned:
        return f"no beat has a kind (N, S, V, F, Q): the kind of every beat will be {UNLEARNED}"
    if len(learned) == 1:
        return f"all beats with a kind are {learned[0]}: every beat will be, since nothing tells it from other kinds"
    return ""


def note_on_beats(counts: Mapping[str, int], learned: Sequence[str]) -> str:
    """A sentence on the beats whose kind is not known, from the counts of beats by kind, or on kinds that no beat can
    be; empty without them.

    >>> note_on_beats({"N": 7}, ["N", "S"]), note_on_beats({"N": 7}, ["N", "S", "V"])
    ('training had beats of the kinds N, S, never V', '')
    >>> note_on_beats({"N": 7, "-": 1}, ["N", "V"]), note_on_beats({"-": 2}, [])[:20]
    ('kind - of 1 beat: most like S, F or Q, which training never had; it had N, V', 'kind - of 2 beats: t')
    """
    unlearned = counts.get(UNLEARNED, 0)
    if unlearned:
        return "kind " + note_on_unlearned(learned, of=f" of {quantity(unlearned, 'beat')}")
    if len(learned) == 1 and counts:
        return f"every beat is {learned[0]}, the only kind that training had"
    if counts and (never := [kind for kind in COMMON if kind not in learned]):
        return f"training had beats of the kinds {', '.join(learned)}, never {' or '.join(never)}"
    return ""


def note_on_unlearned(learned: Sequence[str], *, of: str = "") -> str:
    """The remarks on beats that are like no kind that training had.

    >>> note_on_unlearned(["N", "V"])
    '-: most like S, F or Q, which training never had; it had N, V'
    """
    if not learned:
        return f"{UNLEARNED}{of}: training had no kinds of beats"
    *others, last = [kind for kind in KINDS if kind not in learned]
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"{UNLEARNED}{of}: most like {listed}, which training never had; it had {', '.join(learned)}"


def unlearned_kinds(beats: Sequence[AnyBeat], learned: Sequence[str]) -> Counter[str]:
    """The numbers of annotated beats of each kind that training never had.

    >>> from elman.tasks.ecg.strip import Beat
    >>> unlearned_kinds([Beat(1, "N", "N"), Beat(9, "F", "F")], ["N", "V"])
    Counter({'F': 1})
    """
    return Counter(beat.kind for beat in beats if beat.kind and beat.kind not in learned)
