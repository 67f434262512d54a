"""The error tree. A message says what was expected, what came, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class ElmanError(Exception):
    """Everything that elman raises on purpose. `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(ElmanError):
    """What was given cannot be used; nothing was written or lost."""

    exit_code = 2


class ConfigError(InputError):
    """An unknown option, or a value outside its range."""


class DataError(InputError):
    """A file or text that cannot be read, or is not enough."""


class VocabularyError(DataError):
    """A token that the vocabulary does not hold: `token`, at `place` of the text."""

    token: str = ""
    place: int = 0

    @classmethod
    def at(cls, token: str, place: int, text: str) -> VocabularyError:
        """The error for the character `token`, counted from 0, of the text that is called `text`."""
        error = cls(
            f"{text}: the vocabulary has no {token!r} (U+{ord(token):04X}), character {place + 1:,}; leave it out, "
            "or skip such characters with --unknown skip (unknown='skip')"
        )
        error.token, error.place = token, place
        return error


class ShapeError(InputError):
    """Arrays that do not fit together."""


class ArtefactError(InputError):
    """A saved model that is damaged, foreign, newer than this elman, or could not be written."""


class NonFiniteError(ElmanError):
    """A loss or gradient became infinite or not a number; the last good state was kept."""


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or SIGTERM, after its state was saved where it could be.
    `fitted` is the model so far."""

    def __init__(self, message: str, fitted: Any = None):
        super().__init__(message)
        self.fitted = fitted


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name, empty when nothing is close.

    >>> nearest("hiden_size", ["hidden_size", "dropout"])
    "; did you mean 'hidden_size'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_of(option: str, value: str, known: Iterable[str]) -> None:
    """Refuses a `value` of `option` that is not in `known`.

    >>> one_of("activation", "tanh", ["tanh", "relu"])

    Raises:
        ConfigError: names what there is, and the nearest.
    """
    known = list(known)
    if value not in known:
        raise ConfigError(f"{option}: expected {', '.join(known)}; got {value!r}{nearest(str(value), known)}")


def counted(count: int, unit: str) -> str:
    """A number of things in words.

    >>> counted(1, "text"), counted(2000, "text"), counted(0, "series")
    ('1 text', '2,000 texts', '0 series')
    """
    return f"{count:,} {unit if count == 1 else plural(unit)}"


def plural(unit: str) -> str:
    """What several of a unit are called.

    >>> plural("word"), plural("series")
    ('words', 'series')
    """
    return unit if unit.endswith("s") else f"{unit}s"
