"""Arrays as C sees them: views of buffers by strides, and expressions of these, computed where they are read."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from elman._errors import ConversionError

Shape = tuple[int, ...]


class NotAffineError(Exception):
    """A reordering of elements that no strides describe; the array has to be copied first."""


@dataclass(frozen=True)
class Number:
    """One number for every element, such as `0.5f`."""

    text: str


@dataclass(frozen=True)
class View:
    """Elements of a buffer: element (i, j, ...) is at offset + i strides[0] + j strides[1] + ..."""

    buffer: str
    shape: Shape
    strides: Shape
    offset: int = 0
    moves: tuple[tuple[int, Value], ...] = ()
    """Further offsets that are known at run time alone, as (stride, index)."""
    kind: str = "float"
    alone: bool = False
    """The buffer is one number and no array."""

    @classmethod
    def whole(cls, buffer: str, shape: Shape, **options: str | bool) -> View:
        """All elements of a buffer, the last axis first."""
        return cls(buffer, shape, tuple(prod(shape[axis + 1 :]) for axis in range(len(shape))), **options)  # ty: ignore[invalid-argument-type]


@dataclass(frozen=True)
class Op:
    """An expression of arrays, element by element."""

    name: str
    template: str
    args: tuple[Value, ...]
    shape: Shape
    kind: str = "float"


Value = Number | View | Op


def literal(value: object) -> str:
    """A number in C, which reads it back exactly.

    >>> literal(np.float32(0.1)), literal(np.float32(-2)), literal(np.int32(7)), literal(np.bool_(True))
    ('0.100000001f', '(-2.0f)', '7', '1')
    """
    array = np.asarray(value)
    if kind_of(array.dtype) != "float":
        text = str(int(array))
    elif not np.isfinite(array):
        text = "NAN" if np.isnan(array) else "INFINITY" if array > 0 else "-INFINITY"
    else:
        text = format(float(np.float32(array)), ".9g")
        text += "f" if "." in text or "e" in text else ".0f"
    return f"({text})" if text.startswith("-") else text


def kind_of(dtype: object) -> str:
    """The kind of numbers of a type of NumPy.

    Raises:
        ConversionError: complex numbers, which C has no standard arithmetic for on small machines.
    """
    kinds = {"f": "float", "i": "int", "u": "int", "b": "bool"}
    if np.dtype(dtype).kind not in kinds:
        raise ConversionError(f"{dtype}: C computes with no such numbers, which LRU has; RGLRU and MinGRU are like it")
    return kinds[np.dtype(dtype).kind]


def shape_of(value: Value) -> Shape:
    """The shape of an array; that of a number is ()."""
    return () if isinstance(value, Number) else value.shape


def views_of(value: Value) -> Iterator[View]:
    """All views that an array reads."""
    match value:
        case View():
            yield value
            for _, index in value.moves:
                yield from views_of(index)
        case Op():
            for each in value.args:
                yield from views_of(each)


def viewed(value: Value, change: Callable[[View], View], shape: Shape) -> Value:
    """An array in another order, which has this shape: what is computed element by element is computed after it."""
    match value:
        case Number():
            return value
        case View():
            return change(value)
    return replace(value, args=tuple(viewed(each, change, shape) for each in value.args), shape=shape)


def broadcast(value: Value, shape: Shape, places: Shape) -> Value:
    """An array whose axes are at `places` of a larger shape, repeated along the others."""

    def change(view: View) -> View:
        strides = [0] * len(shape)
        for place, length, stride in zip(places, view.shape, view.strides, strict=True):
            strides[place] = stride if length == shape[place] else 0
        return replace(view, shape=shape, strides=tuple(strides))

    return viewed(value, change, shape)


def transpose(value: Value, order: Shape) -> Value:
    """An array with its axes in another order."""
    if isinstance(value, Number):
        return value
    shape = tuple(value.shape[axis] for axis in order)
    return viewed(value, lambda v: replace(v, shape=shape, strides=tuple(v.strides[axis] for axis in order)), shape)


def take(value: Value, starts: Shape, limits: Shape, steps: Shape) -> Value:
    """Every `steps`-th element from `starts` to before `limits`, along each axis."""
    shape = tuple(-(-(limit - start) // step) for start, limit, step in zip(starts, limits, steps, strict=True))

    def change(view: View) -> View:
        offset = view.offset + sum(start * stride for start, stride in zip(starts, view.strides, strict=True))
        strides = tuple(stride * step for stride, step in zip(view.strides, steps, strict=True))
        return replace(view, shape=shape, strides=strides, offset=offset)

    return viewed(value, change, shape)


def flip(value: Value, axes: Shape) -> Value:
    """An array that is read from the end along some axes."""

    def change(view: View) -> View:
        offset = view.offset + sum((view.shape[axis] - 1) * view.strides[axis] for axis in axes)
        strides = tuple(-stride if axis in axes else stride for axis, stride in enumerate(view.strides))
        return replace(view, strides=strides, offset=offset)

    return viewed(value, change, shape_of(value))


def reshape(value: Value, shape: Shape) -> Value:
    """The same elements in another shape.

    Raises:
        NotAffineError: no strides describe it.
    """

    def change(view: View) -> View:
        if view.shape == shape:
            return view
        lengths = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n != 1]
        strides, rest = list[int](), list(lengths)
        for length in reversed(shape):
            if length == 1:
                strides.append(0)
                continue
            while rest and rest[-1][0] % length and len(rest) > 1:  # two axes that are one in memory
                (outer, far), (inner, near) = rest[-2:]
                if far != inner * near:
                    raise NotAffineError
                rest[-2:] = [(outer * inner, near)]
            if not rest or rest[-1][0] % length:
                raise NotAffineError
            last, stride = rest.pop()
            strides.append(stride)
            if last > length:
                rest.append((last // length, stride * length))
        return replace(view, shape=shape, strides=tuple(reversed(strides)))

    return viewed(value, change, shape)


def read(value: Value, places: list[str]) -> str:
    """The expression of one element, at the places along the axes; axes of length 1 have the place `0`."""
    match value:
        case Number():
            return value.text
        case View():
            if value.alone:
                return value.buffer
            return f"{value.buffer}[{_index(value, places)}]"
    return value.template.format(*(read(each, places) for each in value.args))


def _index(view: View, places: list[str]) -> str:
    terms = [(stride, place) for stride, place in zip(view.strides, places, strict=True) if place != "0" and stride]
    terms += [(stride, read(index, ["0"] * len(shape_of(index)))) for stride, index in view.moves]
    parts = [place if stride == 1 else f"{stride} * {place}" for stride, place in terms]
    if view.offset or not parts:
        parts.insert(0, str(view.offset))
    return " + ".join(parts)


def loops(shape: Shape) -> tuple[list[str], list[str]]:
    """The heads of the loops over a shape, and the places that these give."""
    letters = iter(string.ascii_lowercase[8:])
    places = ["0" if length == 1 else next(letters) for length in shape]
    heads = [f"for (int {v} = 0; {v} < {n}; {v}++)" for v, n in zip(places, shape, strict=True) if v != "0"]
    return heads, places


def bare(text: str) -> str:
    """An expression without the brackets around all of it.

    >>> bare("((a + b) * c)"), bare("(a) * (b)")
    ('(a + b) * c', '(a) * (b)')
    """
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return text[1:-1] if text.startswith("(") and place == len(text) - 1 else text
    return text
