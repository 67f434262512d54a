"""The error classes. A message says what was expected, what came, and how to mend it."""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Iterable
from itertools import islice
from typing import Any

LONGEST_MESSAGE = 300
"""The most characters of a message on data, whatever a file holds."""

_LONG = 60  # characters of a word
_LONGEST_NAME, _NAMES = 60, 1000  # that are compared for a hint; the time is quadratic in the first


class ElmanError(Exception):
    """Base class of all errors that elman raises on purpose. `exit_code` is the exit status of the command line."""

    exit_code = 1


class InputError(ElmanError):
    """An input that cannot be used; nothing was written or lost."""

    exit_code = 2


class ConfigError(InputError):
    """An unknown option, or a value outside its range."""


class DataError(InputError):
    """A file or text that cannot be read, or is too short. The message is one line, shortened in its middle."""

    def __init__(self, message: str):
        super().__init__(one_line(message))


class RecordError(DataError):
    """A line, a row or another record that cannot be read, though those before and after it may be."""

    fields: tuple[str, ...] = ()
    """The fields of a row that are known all the same, as many as the table has columns; none where no row is."""


class VocabularyError(DataError):
    """A token that is not in the vocabulary: `token`, at position `place` of the text."""

    token: str = ""
    place: int = 0

    @classmethod
    def at(cls, token: str, place: int, text: str) -> VocabularyError:
        """The error for the character `token` at position `place`, counted from 0, of the text named `text`."""
        error = cls(
            f"{text}: the vocabulary has no {token!r} (U+{ord(token):04X}), character {place + 1:,}; leave it out, "
            "or skip such characters with --unknown skip (unknown='skip')"
        )
        error.token, error.place = token, place
        return error


class ShapeError(InputError):
    """Arrays that do not fit together."""


class ArtefactError(InputError):
    """A saved model that is damaged, not elman's, newer than this elman, or could not be written."""


class ConversionError(InputError):
    """A network that another library cannot compute, or computes differently; nothing was written."""


class ServiceError(ElmanError):
    """A request that a service refused, with the `status` and the `problem` document of its answer; or a service that
    cannot be reached, whose status is 0."""

    def __init__(self, message: str, *, status: int = 0, problem: dict[str, Any] | None = None):
        super().__init__(message)
        self.status, self.problem = status, problem or {}

    @classmethod
    def of(cls, problem: dict[str, Any], status: int) -> ServiceError:
        """The error for a problem document (RFC 9457)."""
        parts = problem.get("detail") or problem.get("title", ""), problem.get("mend", "")
        return cls(f"{status}: " + "; ".join(part for part in parts if part), status=status, problem=problem)


class NonFiniteError(ElmanError):
    """A loss or gradient that became infinite or not a number; the last good state was kept."""


class Interrupted(KeyboardInterrupt):
    """Training that was stopped by Ctrl-C, SIGTERM or SIGHUP, after its state was saved if there is a place for it.
    `fitted` is the model so far, None before the first step; `number` is the signal's."""

    def __init__(self, message: str, fitted: Any = None, *, number: int = signal.SIGINT):
        super().__init__(message)
        self.fitted, self.number = fitted, int(number)

    def _render_traceback_(self) -> list[str]:
        """The lines that a notebook shows: the message alone."""
        return [str(self)]

    @property
    def exit_code(self) -> int:
        """The exit status of the command line, as of a process that the signal has ended: 130 after Ctrl-C."""
        return 128 + self.number


def one_line(message: str, most: int = LONGEST_MESSAGE) -> str:
    r"""A message as one line of `most` characters: what cannot be printed is escaped, and in a longer one the middle of
    each long word, such as a path, is left out, and then that of the message.

    >>> one_line("a\tb\nc"), one_line("a.csv: " + 100 * "x" + "; mend it", 80)
    ('a\\tb\\nc', 'a.csv: xxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; mend it')
    """
    if not message.isprintable():
        message = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode()
            for character in message
        )
    if len(message) <= most:
        return message
    message = " ".join(word if len(word) <= _LONG else f"{word[:20]}...{word[-37:]}" for word in message.split(" "))
    if len(message) <= most:
        return message
    end = most // 3
    return f"{message[: most - end - 5].rstrip()} ... {message[-end:].lstrip()}"


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is misspelt, or that is a part or the initials of known ones; empty when nothing is close.

    >>> nearest("hiden_size", ["hidden_size", "dropout"])
    "; did you mean 'hidden_size'?"
    >>> nearest("lr", ["learning_rate", "layer_rate", "seed"])
    "; did you mean 'learning_rate' or 'layer_rate'?"
    >>> nearest("gru", ["GRU", "LSTM"])
    "; did you mean 'GRU'?"
    """
    if len(name) > _LONGEST_NAME:
        return ""
    known = list(islice((one for one in known if len(one) <= _LONGEST_NAME), _NAMES))
    parts = {one: re.split(r"[-_\W]+", one.strip("-")) for one in known}
    small = name.lower()
    close = difflib.get_close_matches(name, known, n=1) or [
        one for one in known if name in (*parts[one], "".join(part[:1] for part in parts[one])) or small == one.lower()
    ]
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def shorten(name: str) -> str:
    """A name that comes from a file, as a message shows it: in one line and a part of it.

    >>> shorten("head.bias"), shorten("head" * 100)[-9:], shorten("a\\nb")
    ('head.bias', 'dheadhea…', "'a\\\\nb'")
    """
    short = name if len(name) <= 60 else f"{name[:59]}…"
    return short if short.isprintable() else repr(short)


def one_of(option: str, value: str, known: Iterable[str]) -> None:
    """Checks that the `value` of `option` is in `known`.

    >>> one_of("activation", "tanh", ["tanh", "relu"])

    Raises:
        ConfigError: it is not; the message lists `known` and the nearest name.
    """
    known = list(known)
    if value not in known:
        raise ConfigError(f"{option}: expected {', '.join(known)}; got {value!r}{nearest(str(value), known)}")


def excerpt(text: str) -> str:
    """A text of a file as it stands in a message: in quotes, on one line, and cut after about 50 characters.

    >>> excerpt("a\\nb"), excerpt("x" * 60)
    ("'a\\\\nb'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'")
    """
    shown = repr(text[:60])
    return shown if len(shown) <= 50 else f"{shown[:45]}...{shown[-1]}"


def byte_size(count: float) -> str:
    """A number of bytes in words, in powers of ten.

    >>> byte_size(400), byte_size(2_540_000), byte_size(3e9)
    ('0.4 kB', '2.5 MB', '3.0 GB')
    """
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if count >= unit), (1e3, "kB"))
    return f"{count / unit:.1f} {name}"


def quantity(count: int, unit: str) -> str:
    """A count with its unit, in the singular or plural.

    >>> quantity(1, "text"), quantity(2000, "text"), quantity(0, "series")
    ('1 text', '2,000 texts', '0 series')
    """
    return f"{count:,} {unit if count == 1 else plural(unit)}"


def plural(unit: str) -> str:
    """The plural of a unit's name.

    >>> plural("word"), plural("series"), plural("class")
    ('words', 'series', 'classes')
    """
    return f"{unit}es" if unit.endswith("ss") else unit if unit.endswith("s") else f"{unit}s"
