"""A builder of ONNX graphs from JAX's: names, constants, and lengths of axes that are known at run time alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from elman._errors import ConversionError

TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


class Builder:
    """The nodes and the constants of one graph, or of the body of a loop in it, whose outer names it sees."""

    def __init__(self, outer: Builder | None = None):
        self.nodes_made = list[NodeProto]()
        self.outer = outer
        self.constants: dict[bytes, str] = {} if outer is None else outer.constants
        self.initializers: list[TensorProto] = [] if outer is None else outer.initializers
        self.axes: dict[str, str] = {} if outer is None else dict(outer.axes)
        """The scalars that hold the lengths of axes, by their expressions."""
        self._count: list[int] = [0] if outer is None else outer._count

    def fresh(self, hint: str) -> str:
        """A name that no other value has."""
        self._count[0] += 1
        return f"{hint}_{self._count[0]}"

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Adds a node of one output, and returns its name."""
        return self.nodes(kind, inputs, 1, **attributes)[0]

    def nodes(self, kind: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:
        """Adds a node of `count` outputs, and returns their names."""
        outputs = [self.fresh(kind.lower()) for _ in range(count)]
        self.nodes_made.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def constant(self, value: Any, name: str = "") -> str:
        """The name of an array, which is stored once; a named one apart from what equals it by chance."""
        array = np.asarray(value)
        if str(array.dtype) not in TYPES:
            raise ConversionError(
                f"{array.dtype}: a graph of ONNX has no such numbers, which LRU has; RGLRU and MinGRU are like it"
            )
        key = f"{name}{array.dtype}{array.shape}".encode() + array.tobytes()
        if key not in self.constants:
            self.constants[key] = name or self.fresh("constant")
            self.initializers.append(
                numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), self.constants[key])
            )
        return self.constants[key]

    def cast(self, name: str, dtype: Any) -> str:
        """A value in another type of numbers."""
        return self.node("Cast", [name], to=TYPES[np.dtype(dtype).name])

    def same(self, a: Any, b: Any) -> bool:
        """True for two lengths that are known to be equal."""
        return str(a) == str(b)

    def dimension(self, length: Any) -> str:
        """The scalar that holds a length, which may be an expression of the lengths of axes."""
        if isinstance(length, int | np.integer):
            return self.constant(np.array(length, np.int64))
        text = str(length)
        if text not in self.axes:
            self.axes[text] = self._computed(ast.parse(text, mode="eval").body)
        return self.axes[text]

    def shape(self, lengths: tuple[Any, ...]) -> str:
        """The vector of lengths."""
        if all(isinstance(length, int | np.integer) for length in lengths):
            return self.constant(np.array(lengths, np.int64))
        axis = self.constant(np.array([0], np.int64))
        return self.node("Concat", [self.node("Unsqueeze", [self.dimension(one), axis]) for one in lengths], axis=0)

    def _computed(self, expression: ast.expr) -> str:
        match expression:
            case ast.Name():
                return self.axes[expression.id]
            case ast.Constant():
                return self.constant(np.array(expression.value, np.int64))
            case ast.UnaryOp(op=ast.USub()):
                return self.node("Neg", [self._computed(expression.operand)])
            case ast.BinOp():
                kinds: dict[type, str] = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}
                if type(expression.op) in kinds:
                    sides = [self._computed(expression.left), self._computed(expression.right)]
                    return self.node(kinds[type(expression.op)], sides)
            case ast.Call(func=ast.Name(id=function), args=args):
                values = [self._computed(one) for one in args]
                if function in ("max", "min"):
                    return self.node(function.title(), values)
                if function in ("floordiv", "mod"):  # of lengths, which are at least zero, or their negatives
                    remainder = self.node("Mod", values)
                    if function == "mod":
                        return remainder
                    return self.node("Div", [self.node("Sub", [values[0], remainder]), values[1]])
        raise ConversionError(f"{ast.unparse(expression)}: a length that the export to ONNX cannot compute")


def inlined(
    builder: Builder,
    jaxpr: Any,
    consts: list[Any],
    inputs: list[str],
    convert: Callable[[Builder, Any, list[str]], list[str]],
    *,
    names: dict[int, str] | None = None,
) -> list[str]:
    """Adds the nodes of a closed function of JAX to a graph; returns the names of its outputs. `names` are those of
    arrays, by identity."""
    known: dict[Any, str] = dict(zip(jaxpr.invars, inputs, strict=True))
    for var, value in zip(jaxpr.constvars, consts, strict=True):
        known[var] = builder.constant(value, (names or {}).get(id(value), ""))

    def name_of(atom: Any) -> str:
        if hasattr(atom, "val"):
            return builder.constant(np.asarray(atom.val, atom.aval.dtype))
        return known[atom]

    for equation in jaxpr.eqns:
        outputs = convert(builder, equation, [name_of(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, outputs, strict=True))
    return [name_of(atom) for atom in jaxpr.outvars]
