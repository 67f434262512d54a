"""Answers to texts, as the page shows them: tags with their confidences, translations with attention, and lines."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from elman._config import Config
from elman._errors import ConfigError
from elman.inspection.attention import attention
from elman.studio.look import Input, Look, need_input
from elman.studio.models import of_kind
from elman.tasks.fitted import Predictor
from elman.tasks.output import Picture, Warning
from elman.tasks.seq2seq.fitted import Translator
from elman.tasks.tagging.fitted import Tagger

TAGS, ANSWERS, LINES = 3, 5, 300
"""The tags shown at a word, the answers to a text, and the lines of a prediction."""


def see_tags(look: Look, wish: Input) -> dict[str, Any]:
    """A sentence with the likeliest tags of each word and the spans that they mark."""
    tagger = of_kind(look.fitted, Tagger, use="tags no words")
    best, shares = tagger.predict(wish.text), tagger.marginals(wish.text)
    rows = [
        {"word": word, "tag": tag, "share": share, "others": list(islice(every.items(), TAGS))}
        for word, tag, share, every in zip(best.words, best.tags, best.probabilities, shares, strict=True)
    ]
    return {"words": rows, "probability": best.probability, "spans": [span._asdict() for span in best.spans]}


def see_translation(look: Look, wish: Input) -> dict[str, Any]:
    """The best answers to a text, and where the model looked in the text for each token of the best one."""
    translator = of_kind(look.fitted, Translator, use="translates nothing")
    answers = translator.n_best(wish.text, ANSWERS)
    said = {"answers": [{"text": one.text, "score": one.score} for one in answers], "attention": None, "without": ""}
    try:
        seen = translator.attention(wish.text, answers[0].text)
    except ConfigError as error:
        return said | {"without": str(error)}
    return said | {"attention": {"source": seen.source, "target": seen.target, "weights": np.round(seen.weights, 4)}}


def see_classes(look: Look, wish: Input) -> dict[str, Any]:
    """The probability of each class of a text, and the weight of each word where the model has attention."""
    fitted: Any = look.fitted
    answer = fitted.predict(wish.text)
    try:
        [seen, *_] = attention(look.fitted, wish.text)
        weights = list(zip(seen.sources, seen.weights.mean(axis=(0, 1)), strict=False))
    except ConfigError:
        weights = []
    return {"labels": answer.labels, "probabilities": answer.probabilities, "weights": weights}


def see_lines(look: Look, wish: Input) -> dict[str, Any]:
    """The lines that `elman predict` writes for a text or files."""
    predictor: Predictor[Any] = of_kind(look.fitted, Predictor, use="answers no inputs")
    options = (type(look.fitted.task).options or Config)()
    if predictor.needs_input:
        need_input(wish.text, wish.files)
    with tempfile.TemporaryDirectory() as folder:
        places = look.places(wish.files)
        if wish.text:
            typed = Path(folder, "typed.txt")
            typed.write_text(wish.text + "\n", encoding="utf-8")
            places = [str(typed)]
        lines, warnings = list[str](), list[str]()
        for line in islice(predictor.output(*places, options=options), LINES):
            if isinstance(line, Warning):
                warnings.append(line.text)
            elif not isinstance(line, Picture):
                lines.append(str(line))
    return {"lines": lines, "warnings": warnings, "cut": len(lines) + len(warnings) >= LINES}
