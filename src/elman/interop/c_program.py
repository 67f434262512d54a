"""The statements of a step in C: loops that fill buffers, and a work space in which these share bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod

import numpy as np

from elman.interop.c_values import (
    NotAffineError,
    Number,
    Op,
    Shape,
    Value,
    View,
    bare,
    broadcast,
    literal,
    loops,
    read,
    reshape,
    shape_of,
    transpose,
    views_of,
)
from elman.interop.int8 import stored

COSTLY = re.compile(r"[a-z]\w*\(")
"""A call in a template: what has one is computed once for each element, and never again."""


@dataclass
class Statement:
    """Lines that fill a buffer, or a part of it."""

    lines: list[str]
    writes: str
    reads: frozenset[str]
    scope: str = ""


@dataclass
class Program:
    """The statements so far, and the arrays that they read."""

    int8: bool = False
    statements: list[Statement] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)
    """The elements of each buffer of the work space."""
    scope: str = ""
    """The layer that the next statements belong to."""

    def constant(self, array: np.ndarray, name: str = "") -> Value:
        """The value of an array that never changes."""
        if array.size and (array == array.flat[0]).all():
            return Number(literal(array.flat[0]))
        name = self._fresh(name or "constant")
        parts = stored(array) if self.int8 else None
        if parts is None:
            self.constants[name] = array
            return View.whole(name, array.shape, kind="int" if array.dtype.kind in "iub" else "float")
        whole, scale, axis = parts
        self.constants |= {name: whole, f"{name}_scale": scale}
        args = (
            View.whole(name, array.shape),
            broadcast(View.whole(f"{name}_scale", scale.shape), array.shape, (axis,)),
        )
        return Op("rounded", "({0} * {1})", args, array.shape)

    def store(self, value: Value, target: str, *, shape: Shape = (), alone: bool = False) -> View:
        """Fills a buffer with an array (or with one number, in a shape)."""
        shape = shape if isinstance(value, Number) else shape_of(value)
        whole = View.whole(target, shape, alone=alone)
        self.copy(value, whole)
        return whole

    def copy(self, value: Value, target: View) -> None:
        """Writes an array to elements of a buffer."""
        if not prod(target.shape):
            return
        flat = (prod(target.shape),)
        with suppress(NotAffineError):
            pair = reshape(value, flat), reshape(target, flat)
            value, target = pair  # ty: ignore[invalid-assignment]  # a view stays one
        heads, places = loops(target.shape)
        self.add([*heads, f"{read(target, places)} = {bare(read(value, places))};"], target.buffer, value)

    def add(self, lines: list[str], writes: str, *values: Value) -> None:
        """Adds a statement that reads these values."""
        reads = frozenset(view.buffer for value in values for view in views_of(value))
        self.statements.append(Statement(lines, writes, reads, self.scope))

    def fresh_work(self, shape: Shape) -> str:
        """A new buffer of the work space."""
        name = f"t{len(self.work) + 1}"
        self.work[name] = prod(shape)
        return name

    def settled(self, value: Value) -> Value:
        """The value in a buffer, if it is an expression of numbers that takes time."""
        if isinstance(value, Op) and value.kind == "float" and value.name != "rounded":
            return self.store(value, self.fresh_work(value.shape))
        return value

    def reshaped(self, value: Value, shape: Shape) -> Value:
        """The value in another shape, copied first where no strides describe it."""
        try:
            return reshape(value, shape)
        except NotAffineError:
            return reshape(self.store(value, self.fresh_work(shape_of(value))), shape)

    def joined(self, values: list[Value], shapes: list[Shape], axis: int) -> Value:
        """The values one after the other along an axis."""
        parts = [(value, shape) for value, shape in zip(values, shapes, strict=True) if prod(shape)]
        if len(parts) == 1:
            return parts[0][0]
        shape = list(shapes[0])
        shape[axis] = sum(each[axis] for _, each in parts)
        whole = View.whole(self.fresh_work(tuple(shape)), tuple(shape))
        place = 0
        for value, own in parts:
            part = View(whole.buffer, own, whole.strides, place * whole.strides[axis])
            self.copy(value, part)
            place += own[axis]
        return whole

    def product(self, a: Value, b: Value, axes: tuple[tuple[Shape, Shape], tuple[Shape, Shape]]) -> Value:
        """The product of two arrays, summed over the axes `axes[0]` of both, for each element of the axes `axes[1]`."""
        (sum_a, sum_b), (same_a, same_b) = axes
        a, b = self.settled(a), self.settled(b)
        free_a, free_b = _rest(a, sum_a, same_a), _rest(b, sum_b, same_b)
        same, sums = [shape_of(a)[axis] for axis in same_a], [shape_of(a)[axis] for axis in sum_a]
        own_a, own_b = ([shape_of(one)[axis] for axis in free] for one, free in ((a, free_a), (b, free_b)))
        shape, whole = (*same, *own_a, *own_b), (*same, *own_a, *own_b, *sums)
        count, last = len(same), len(shape)
        a = broadcast(
            transpose(a, (*same_a, *free_a, *sum_a)), whole, (*range(count + len(own_a)), *range(last, len(whole)))
        )
        places = (*range(count), *range(count + len(own_a), len(whole)))
        b = broadcast(transpose(b, (*same_b, *free_b, *sum_b)), whole, places)
        target = View.whole(self.fresh_work(shape), shape)
        self._sum_of_products(a, b, target, last)
        return target

    def _sum_of_products(self, a: Value, b: Value, target: View, last: int) -> None:
        """Fills `target`; the axes from `last` on are summed over. Scales that do not change along these come last. The
        loop along the last axis of the result is innermost where the weights are side by side: compilers make vectors
        of it, and of a sum they may not."""
        (a, *scales_a), (b, *scales_b) = _factors(a, last), _factors(b, last)
        heads, places = loops(shape_of(a))
        kept = len([place for place in places[:last] if place != "0"])
        outer, inner = heads[:kept], heads[kept:]
        result = read(target, places[:last])
        scaled = "".join(f" * {read(scale, places)}" for scale in (*scales_a, *scales_b))
        side = isinstance(b, View) and last and b.strides[last - 1] == 1
        steady = isinstance(a, View) and last and not a.strides[last - 1]
        values = (a, b, *scales_a, *scales_b)
        if side and steady and inner and places[last - 1] != "0":
            self.add([*outer, f"{result} = 0.0f;"], target.buffer)
            body = [f"const float x = {read(a, places)};", f"{outer[-1]} {result} += x * {read(b, places)};"]
            lines = [*outer[:-1], *inner[:-1], f"{inner[-1]} {{", *(f"    {line}" for line in body), "}"]
            self.add(lines, target.buffer, target, *values)
            if scaled:
                self.add([*outer, f"{result} *= {scaled.removeprefix(' * ')};"], target.buffer, target, *values)
            return
        body = ["float sum = 0.0f;", " ".join([*inner, f"sum += {read(a, places)} * {read(b, places)};"])]
        body.append(f"{result} = sum{scaled};")
        opening = [*outer[:-1], f"{outer[-1]} {{" if outer else "{"]
        self.add([*opening, *(f"    {line}" for line in body), "}"], target.buffer, *values)

    def reduced(self, value: Value, axes: Shape, start: str, update: str) -> Value:
        """The sum, or another reduction, along axes; `update` has the places of the result so far and of an element."""
        kept = tuple(axis for axis in range(len(shape_of(value))) if axis not in axes)
        value = transpose(value, (*kept, *axes))
        shape = shape_of(value)[: len(kept)]
        target = View.whole(self.fresh_work(shape), shape)
        heads, places = loops(shape_of(value))
        count = len([place for place in places[: len(kept)] if place != "0"])
        outer, inner = heads[:count], heads[count:]
        body = [
            f"float so_far = {start};",
            " ".join([*inner, f"so_far = {update.format('so_far', read(value, places))};"]),
        ]
        body.append(f"{read(target, places[: len(kept)])} = so_far;")
        opening = [*outer[:-1], f"{outer[-1]} {{" if outer else "{"]
        self.add([*opening, *(f"    {line}" for line in body), "}"], target.buffer, value)
        return target

    def layout(self) -> tuple[dict[str, int], int]:
        """The places of the buffers in the work space, and its length: a buffer takes the place of those that are no
        longer read."""
        lives = dict[str, list[int]]()
        for number, one in enumerate(self.statements):
            for name in {one.writes, *one.reads} & self.work.keys():
                lives.setdefault(name, [number, number])[1] = number
        places, length = dict[str, int](), 0
        for name, (first, last) in lives.items():
            others = sorted(
                (places[other], places[other] + self.work[other])
                for other in places
                if lives[other][0] <= last and first <= lives[other][1]
            )
            start = 0
            for begin, end in others:
                if start + self.work[name] <= begin:
                    break
                start = max(start, end)
            places[name] = start
            length = max(length, start + self.work[name])
        return places, length

    def write_early(self, states: Iterable[str]) -> None:
        """Moves each statement that writes one of these buffers to where that is no longer read and what it copies is
        complete, so that this takes up work space no longer than needed."""
        for state in states:
            at = next(n for n, one in enumerate(self.statements) if one.writes == state)
            copy = self.statements.pop(at)
            busy = [n for n, one in enumerate(self.statements[:at]) if state in one.reads or one.writes in copy.reads]
            self.statements.insert(max(busy, default=-1) + 1, copy)

    def _fresh(self, name: str) -> str:
        names, number = {*self.constants}, 2
        if name not in names:
            return name
        while f"{name}_{number}" in names:
            number += 1
        return f"{name}_{number}"


def costly(value: Value) -> bool:
    """True for an expression with a call, which is not to be computed twice."""
    return isinstance(value, Op) and (bool(COSTLY.search(value.template)) or any(costly(each) for each in value.args))


def _rest(value: Value, *used: Shape) -> Shape:
    taken = {axis for axes in used for axis in axes}
    return tuple(axis for axis in range(len(shape_of(value))) if axis not in taken)


def _factors(value: Value, last: int) -> list[Value]:
    """The whole numbers and the scale of a rounded array, where the scale is the same along the sum."""
    if isinstance(value, Op) and value.name == "rounded":
        whole, scale = value.args
        if isinstance(scale, View) and not any(scale.strides[last:]):
            return [whole, scale]
    return [value]
