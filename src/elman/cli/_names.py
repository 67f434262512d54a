"""The names of options as they are typed."""

from __future__ import annotations

WRITTEN = {"start_from": "from"}
"""The names of options that are another word in Python, which has no name `from`."""


def typed(name: str) -> str:
    """The option of a setting.

    >>> typed("hidden_size"), typed("start_from")
    ('--hidden-size', '--from')
    """
    return f"--{WRITTEN.get(name, name).replace('_', '-')}"


def as_typed(message: str) -> str:
    """A message that begins with the names of settings, with the options as they are typed in place of the names. Other
    names, such as those of files, stay.

    >>> as_typed("hidden_size: expected a whole number; got 'x'"), as_typed("vectors and start_from: choose one")
    ("--hidden-size: expected a whole number; got 'x'", '--vectors and --from: choose one')
    >>> as_typed("one budget at a time: got steps")
    'one budget at a time: got steps'
    >>> as_typed("tagger: no language model"), as_typed("ELMAN_MAX_EXPANSION: expected a number")
    ('tagger: no language model', 'ELMAN_MAX_EXPANSION: expected a number')
    """
    from elman.cli._homes import homes_of  # imports all commands

    head, colon, rest = message.partition(":")
    names = head.split(" and ")
    if not all(name.isidentifier() and homes_of(name) for name in names):
        return message
    return " and ".join(map(typed, names)) + colon + rest
