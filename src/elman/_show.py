"""Representations for people: `repr` in three lines at the most, and tables for notebooks.

What a model or its data hold is often megabytes, and a session shows whatever a line returns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from html import escape
from itertools import islice
from typing import Any

import msgspec

WIDTH, LINES = 118, 3
"""The most characters of a line, and the most lines."""

VALUE = 48
"""The most characters of one field's value."""

COLUMNS = 20
"""The most columns of a table."""

FIRST = 3
"""The elements of a long sequence that are shown."""


class Shown:
    """Base class of what shows itself: the values of its fields, shortened.

    A dataclass writes no `repr` of its own where its base is this class.

    >>> @dataclasses.dataclass
    ... class Two(Shown):
    ...     name: str
    ...     numbers: tuple
    >>> Two("a", (1, 2)), Two("b", tuple(range(1000)))
    (Two(name='a', numbers=(1, 2)), Two(name='b', numbers=(0, 1, 2, ... 1,000 in all)))
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__repr__ = cls.__repr__  # in the class itself, where `dataclass` looks for one

    def __repr__(self) -> str:
        return brief(self)

    def _repr_html_(self) -> str:
        return brief_table(self)


class ShownMeasures(Shown):
    """Base class of measures: a notebook shows the line for people, and every number in `to_builtins`."""

    __slots__ = ()

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return table(_numbers(self.to_builtins()), caption=str(self).split("\n", 1)[0])


def brief(value: Any) -> str:
    """The name of a value's class and its fields, shortened to three lines.

    >>> brief(dataclasses.make_dataclass("Many", [f"field_{n}" for n in range(60)])(*range(60))).splitlines()[-1][-38:]
    'field_25=25, field_26=26, ... 33 more)'
    """
    parts = [f"{name}={text}" for name, text in fields_of(value).items()]
    return lines(f"{type(value).__name__}(", parts, ")")


def brief_table(value: Any) -> str:
    """The fields of a value as a table in HTML."""
    return table(fields_of(value).items(), caption=type(value).__name__)


def lines(head: str, parts: Sequence[str], tail: str = "") -> str:
    """Parts with commas between them, broken into lines; those that the last line has no room for are counted.

    >>> print(lines("Words(", ["a" * 60, "b" * 60, "c" * 60, "d" * 60], ")"))
    Words(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,
    cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc, ... 1 more)
    """
    written = [head]
    for number, part in enumerate(parts):
        last, more = number + 1 == len(parts), f"... {len(parts) - number:,} more"
        room = WIDTH - len(tail) - (0 if last or len(written) < LINES else len(more) + 2)
        between = "" if written[-1] in (head, "") else " "
        if len(written[-1]) + len(between) + len(part) + 1 > room and written[-1] != head:
            if len(written) == LINES:
                written[-1] += f" {more}"
                break
            written.append("")
            between = ""
        written[-1] += between + part + ("" if last else ",")
    return "\n".join(written) + tail


def fields_of(value: Any) -> dict[str, str]:
    """The fields of a struct, a dataclass or a named tuple, with their shortened values; of settings, those that differ
    from their defaults."""
    return {name: short(each) for name, each in _values(value)}


def short(value: Any, room: int = VALUE) -> str:
    """A value in one line of about `room` characters.

    >>> import numpy as np
    >>> short(np.zeros((2, 3))), short({"a": [1, 2]}), short(0.5), short([0.1] * 50), short({3: 4}, room=2)
    ('float64[2,3]', "{'a': [1, 2]}", '0.5', '[0.1, 0.1, 0.1, ... 50 in all]', '{... 1 in all}')
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"{dtype}[{','.join(map(str, shape))}]" if shape else cut(str(value), room)
    match value:
        case str() | bytes():
            return cut(repr(value if len(value) <= room else value[: room // 2] + value[-room // 2 :]), room)
        case _ if isinstance(value, tuple) and "_fields" in dir(type(value)):
            return _object(value, room)
        case tuple() | list() | Set():
            ends = "()" if isinstance(value, tuple) else "[]" if isinstance(value, list) else "{}"
            return _sequence((short(each, room) for each in value), len(value), ends, room)
        case Mapping():
            return _sequence((f"{short(k, room)}: {short(v, room)}" for k, v in value.items()), len(value), "{}", room)
    if dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        return _object(value, room)
    return cut(getattr(value, "__name__", "") if callable(value) else repr(value), room)


def table(
    rows: Iterable[Sequence[Any]], *, head: Sequence[Any] = (), caption: str = "", most: int = 40, after: str = ""
) -> str:
    """A table in HTML, in which texts stand as they are, whatever signs they hold.

    Args:
        rows: the cells of each row; the first of a row names it, unless there is a head.
        head: the names of the columns.
        caption: a line above the table.
        most: the most rows that are shown; the number of the others is too, and that of columns beyond `COLUMNS`.
        after: HTML below the table.

    >>> table([("<b>", 1)], caption="a & b")
    '<table><caption>a &amp; b</caption><tr><th>&lt;b&gt;</th><td>1</td></tr></table>'
    """
    rows = list(rows)
    parts = [f"<caption>{escape(cut(caption, WIDTH))}</caption>"] if caption else []
    if head:
        parts.append(_row(head, first="th", tag="th"))
    parts += [_row(row, first="td" if head else "th") for row in rows[:most]]
    if len(rows) > most:
        parts.append(f'<tr><td colspan="{len(rows[0])}">... {len(rows) - most:,} more</td></tr>')
    return f"<table>{''.join(parts)}</table>{after}"


def _numbers(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The numbers in nested values, each with the names that lead to it."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{name} ")
        elif isinstance(value, int | float):
            yield f"{before}{name}".replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _row(cells: Sequence[Any], *, first: str, tag: str = "td") -> str:
    kept = [cut(str(cell), WIDTH) for cell in cells[:COLUMNS]]
    kept += [f"... {len(cells) - COLUMNS:,} more"] if len(cells) > COLUMNS else []
    tags = [first, *[tag] * (len(kept) - 1)]
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for tag, cell in zip(tags, kept, strict=True))}</tr>"


def _values(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        kind = type(value)
        omit = getattr(kind.__struct_config__, "repr_omit_defaults", False)
        return ((name, each) for name, each, default in _struct(value) if not omit or each != default)
    if dataclasses.is_dataclass(value):
        return ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr)
    return zip(value._fields, value, strict=True)


def _struct(value: msgspec.Struct) -> Iterable[tuple[str, Any, Any]]:
    for field in msgspec.structs.fields(value):
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        yield field.name, getattr(value, field.name), default


def _object(value: Any, room: int) -> str:
    """The fields of an object where there is room for all, else its class alone."""
    name, parts = type(value).__name__, []
    for field, each in _values(value):
        parts.append(f"{field}={short(each, room)}")
        if sum(map(len, parts)) + len(name) > room:
            return f"{name}(...)"
    return f"{name}({', '.join(parts)})"


def _sequence(parts: Iterable[str], count: int, ends: str, room: int) -> str:
    some = list(islice(parts, min(count, FIRST * 4)))
    whole = ", ".join(some) + ("," if ends == "()" and count == 1 else "")
    if len(some) == count and len(whole) + 2 <= room:
        return ends[0] + whole + ends[1]
    first = list(islice((part for part in some), FIRST))
    while first and len(", ".join(first)) > room - 12:
        first.pop()
    return f"{ends[0]}{', '.join([*first, f'... {count:,} in all'])}{ends[1]}"


def cut(text: str, room: int) -> str:
    """A text in one line, shortened in its middle."""
    line = text.replace("\n", " ")
    half = room // 2
    return line if len(line) <= room else f"{line[:half]}…{line[-half:]}"
