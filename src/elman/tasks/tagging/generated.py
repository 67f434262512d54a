"""Generates sentences with tags, for a first try without files. The same seed gives the same sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elman.tasks.distinct import distinct
from elman.tasks.tagging.reading import TaggedWords

_BOTH = ("watch", "dream", "fish", "cook", "walk", "play", "water", "book", "paint", "plan", "light", "answer")
_NOUNS = ("dog", "teacher", "river", "garden", "letter", "child", *_BOTH)
_VERBS = ("see", "help", "follow", *_BOTH)
_ADJECTIVES = ("old", "green", "quiet", "happy", "light", "strange")
_ADVERBS = ("often", "never", "quietly", "here", "fast")
_MODALS = ("can", "will", "must", "may")
_NAMES = ("Ada", "Will", "May", "Grace", "Tomas")
_PLACES = ("in", "near", "behind", "for", "like")
_DETERMINERS = {False: ("the", "a", "this", "that"), True: ("the", "these", "those", "some")}
_PRONOUNS = {False: ("she", "he", "it", "that"), True: ("they", "we", "these")}
_PLURALS = {"child": "children"}

Word = tuple[str, str]


def sentences(count: int, *, seed: int = 0) -> list[TaggedWords]:
    """Generates `count` different sentences of a toy grammar, with the part of speech of every word (as in Universal
    Dependencies). Many words have two, which only their neighbours distinguish: a watch, to watch.

    Raises:
        DataError: more sentences than the grammar has.

    >>> sentence = sentences(2)[0]
    >>> " ".join(f"{word}/{tag}" for word, tag in zip(sentence.words, sentence.tags))
    'Will/PROPN can/AUX water/VERB that/DET walk/NOUN fast/ADV ./PUNCT'
    """
    random = np.random.default_rng(seed)

    def draw() -> TaggedWords:
        words, tags = zip(*_sentence(random), strict=True)
        return TaggedWords(words, tags)

    return distinct(draw, count, key=lambda tagged: tagged, what="sentences")


def _sentence(random: np.random.Generator) -> Iterator[Word]:
    yield from _clause(random)
    if random.random() < 0.25:
        yield ("and", "CCONJ")
        yield from _clause(random)
    yield (".", "PUNCT")


def _clause(random: np.random.Generator) -> Iterator[Word]:
    plural = bool(random.random() < 0.5)
    yield from _subject(random, plural)
    modal = random.random() < 0.3
    if modal:
        yield (_one(random, _MODALS), "AUX")
    if random.random() < 0.25:
        yield (_one(random, _ADVERBS[:3]), "ADV")
    verb = _one(random, _VERBS)
    yield (verb if modal or plural else _with_s(verb), "VERB")
    if random.random() < 0.7:
        yield from _phrase(random, bool(random.random() < 0.5))
    if random.random() < 0.3:
        yield (_one(random, _PLACES), "ADP")
        yield from _phrase(random, bool(random.random() < 0.5))
    if random.random() < 0.2:
        yield (_one(random, _ADVERBS[3:]), "ADV")


def _subject(random: np.random.Generator, plural: bool) -> Iterator[Word]:
    draw = random.random()
    if draw < 0.2:
        yield (_one(random, _PRONOUNS[plural]), "PRON")
    elif draw < 0.4 and not plural:
        yield (_one(random, _NAMES), "PROPN")
    else:
        yield from _phrase(random, plural)


def _phrase(random: np.random.Generator, plural: bool) -> Iterator[Word]:
    yield (_one(random, _DETERMINERS[plural]), "DET")
    while random.random() < 0.3:
        yield (_one(random, _ADJECTIVES), "ADJ")
    noun = _one(random, _NOUNS)
    yield (_PLURALS.get(noun, _with_s(noun)) if plural else noun, "NOUN")


def _one(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[random.integers(len(words))]


def _with_s(word: str) -> str:
    return word + ("es" if word.endswith(("ch", "sh")) else "s")
