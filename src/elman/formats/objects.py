"""Parses JSON objects with texts and numbers, as in the lines of a table."""

from __future__ import annotations

import json
import re

import msgspec

from elman._errors import RecordError

_EXPECTED = 'expected a JSON object such as {"text": ...}'
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")  # which "\u0000" and the like in a JSON text stand for


def values_of(text: str, place: str) -> dict[str, msgspec.Raw]:
    """Parses an object; its values stay JSON.

    Raises:
        RecordError: a text that is not one JSON object, is nested too deeply, or has a name twice; names `place`.

    >>> {name: bytes(value) for name, value in values_of('{"text": "one", "y": 1.50}', "line 2").items()}
    {'text': b'"one"', 'y': b'1.50'}
    """
    try:
        values = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        count, names = len(values), [] if len(values) == text.count(":") else _PAIRS.decode(text)
    except RecursionError:
        raise RecordError(f"{place}: {_EXPECTED}; it is nested too deeply") from None
    except ValueError as error:
        raise RecordError(f"{place}: {_EXPECTED}; {error}") from None
    if len(names) > count:
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(f"{place}: {twice[:40]!r} is there twice; expected each name once")
    return values


def scalar_of(value: msgspec.Raw, place: str, *, lists: bool = False, text_only: bool = False) -> str:
    """A value of an object as a text. Numbers, true and false stay their JSON text, also lists where `lists` is
    True; null is empty.

    Raises:
        RecordError: a list, an object, a text with something that is no character, or where `text_only` is True another
            value than a text or null; names `place`.

    >>> scalar_of(msgspec.Raw(b'"one"'), "line 2, text"), scalar_of(msgspec.Raw(b"1.50"), "line 2, y")
    ('one', '1.50')
    """
    written = bytes(value).strip()
    if written.startswith(b"{") or (written.startswith(b"[") and not lists):
        raise RecordError(f"{place} is nested; expected a text or a number")
    if not written.startswith(b'"'):
        plain = "" if written == b"null" else written.decode()
        if plain and text_only:
            raise RecordError(f'{place} is {plain[:40]}; expected a text, in quotes: "{plain[:40]}"')
        return plain
    text: str = json.loads(written)
    if wrong := _NO_CHARACTER.search(text):
        raise RecordError(f"{place} has {wrong[0]!r}, which is no character of a text; take it out")
    return text


def _names(pairs: list[tuple[str, object]]) -> list[str]:
    return [name for name, _ in pairs]


# Gives the names of an object as they stand; that of the outermost object is called last. Numbers stay texts, since
# Python refuses those of thousands of digits.
_PAIRS = json.JSONDecoder(object_pairs_hook=_names, parse_int=str, parse_float=str)
