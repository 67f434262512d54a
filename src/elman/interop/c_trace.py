"""JAX's operations as C's: one function a kind, from values to values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np

from elman._errors import ConversionError
from elman.interop.c_program import Program, costly
from elman.interop.c_values import (
    Number,
    Op,
    Value,
    View,
    broadcast,
    flip,
    kind_of,
    literal,
    shape_of,
    take,
    transpose,
    viewed,
)
from elman.interop.calls import function_of

SAME = {
    "add": "({0} + {1})", "add_any": "({0} + {1})", "sub": "({0} - {1})", "mul": "({0} * {1})", "div": "({0} / {1})",
    "neg": "(-{0})", "tanh": "tanhf({0})", "logistic": "sigmoid({0})", "exp": "expf({0})", "log": "logf({0})",
    "log1p": "log1pf({0})", "expm1": "expm1f({0})", "abs": "fabsf({0})", "sqrt": "sqrtf({0})",
    "rsqrt": "(1.0f / sqrtf({0}))", "floor": "floorf({0})", "ceil": "ceilf({0})", "erf": "erff({0})",
    "sin": "sinf({0})", "cos": "cosf({0})", "pow": "powf({0}, {1})", "max": "larger({0}, {1})",
    "min": "smaller({0}, {1})", "clamp": "smaller(larger({0}, {1}), {2})", "sign": "sign({0})", "square": "square({0})",
    "eq": "({0} == {1})", "ne": "({0} != {1})", "lt": "({0} < {1})", "le": "({0} <= {1})", "gt": "({0} > {1})",
    "ge": "({0} >= {1})", "and": "({0} & {1})", "or": "({0} | {1})", "not": "(!{0})", "is_finite": "isfinite({0})",
    "select_n": "({0} ? {2} : {1})",
}  # fmt: skip

WHOLE = {"abs": "({0} < 0 ? -{0} : {0})", "max": "({0} > {1} ? {0} : {1})", "min": "({0} < {1} ? {0} : {1})"}
"""The templates of what differs for whole numbers."""

FUNCTIONS = {
    "sigmoid": "float sigmoid(float x)\n{\n    return 0.5f * tanhf(0.5f * x) + 0.5f;\n}",
    "square": "float square(float x)\n{\n    return x * x;\n}",
    "sign": "float sign(float x)\n{\n    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;\n}",
    "larger": "float larger(float a, float b) /* NaN where one is NaN */\n{\n    return a > b || isnan(a) ? a : b;\n}",
    "smaller": "float smaller(float a, float b) /* NaN where one is NaN */\n{\n"
    "    return a < b || isnan(a) ? a : b;\n}",
}
"""The helpers that templates call; C has no others of these names."""

UNCHANGED = ("copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier")

VIEWS = ("broadcast_in_dim", "squeeze", "expand_dims", "reshape", "transpose", "rev", "slice", "split")
"""The operations that compute nothing: of an array that never changes they give views, of which no copy is stored."""

REDUCTIONS = {
    "reduce_sum": ("0.0f", "{0} + {1}"),
    "reduce_prod": ("1.0f", "{0} * {1}"),
    "reduce_max": ("-INFINITY", "larger({0}, {1})"),
    "reduce_min": ("INFINITY", "smaller({0}, {1})"),
}


def run(program: Program, jaxpr: Any, inputs: list[Value], known: list[Any]) -> tuple[list[Value], list[Any]]:
    """Adds the statements of a function of JAX; returns its outputs, and those that are known now already.

    Args:
        program: takes the statements.
        jaxpr: the function, without constants.
        inputs: the values of its inputs.
        known: the arrays of those inputs that never change; None for others.

    Raises:
        ConversionError: an operation that has no counterpart here.
    """
    uses = dict[Any, int]()
    for atom in (*(atom for one in jaxpr.eqns for atom in one.invars), *jaxpr.outvars):
        if not hasattr(atom, "val"):
            uses[atom] = uses.get(atom, 0) + 1
    values, arrays = dict[Any, Value](), dict[Any, Any]()

    def bind(variables: Any, new: list[Value], new_arrays: list[Any]) -> None:
        for variable, value, array in zip(variables, new, new_arrays, strict=True):
            again = uses.get(variable, 0) > 1 and isinstance(value, Op) and value.kind == "float"
            values[variable] = program.settled(value) if again and array is None else value
            arrays[variable] = array

    def look(atoms: Any) -> tuple[list[Value], list[Any]]:
        pairs = [
            (Number(literal(np.asarray(atom.val, atom.aval.dtype))), np.asarray(atom.val, atom.aval.dtype))
            if hasattr(atom, "val")
            else (values[atom], arrays[atom])
            for atom in atoms
        ]
        return [value for value, _ in pairs], [array for _, array in pairs]

    bind(jaxpr.invars, inputs, known)
    for equation in jaxpr.eqns:
        outer = program.scope
        program.scope = str(equation.source_info.name_stack) or outer
        if any(uses.get(variable) for variable in equation.outvars):
            bind(equation.outvars, *_results(program, equation, *look(equation.invars)))
        program.scope = outer
    return look(jaxpr.outvars)


def _results(program: Program, equation: Any, inputs: list[Value], known: list[Any]) -> tuple[list[Value], list[Any]]:
    if called := function_of(equation):
        body, constants = called
        consts = [np.asarray(one) for one in constants]
        body = body.replace(invars=[*body.constvars, *body.invars], constvars=[])
        return run(program, body, [*map(program.constant, consts), *inputs], [*consts, *known])
    arrays: list[Any] = [None] * len(equation.outvars)
    if all(array is not None for array in known):
        made = equation.primitive.bind(*map(jnp.asarray, known), **equation.params)
        arrays = [np.asarray(one) for one in (made if equation.primitive.multiple_results else [made])]
    name, first = equation.primitive.name, next((value for value in inputs if not isinstance(value, Number)), None)
    if arrays[0] is not None and (name not in VIEWS or first is None):
        return [program.constant(array) for array in arrays], arrays
    result = _elementwise(equation, inputs) if name in SAME else _other(program, equation, inputs)
    return (result if isinstance(result, list) else [result]), arrays


def _other(program: Program, equation: Any, inputs: list[Value]) -> Any:
    name = equation.primitive.name
    if name in UNCHANGED:
        return inputs[0]
    if name in REDUCTIONS:
        if kind_of(equation.outvars[0].aval.dtype) != "float":
            raise ConversionError(f"{name} of whole numbers: an operation that the export to C does not know")
        return program.reduced(_shaped(inputs[0], equation.invars[0]), equation.params["axes"], *REDUCTIONS[name])
    if name not in _OTHERS:
        raise ConversionError(f"{name}: an operation that the export to C does not know")
    return _OTHERS[name](program, equation, inputs)


def _elementwise(equation: Any, inputs: list[Value]) -> Value:
    name, output = equation.primitive.name, equation.outvars[0].aval
    kind = kind_of(output.dtype)
    whole = all(kind_of(atom.aval.dtype) != "float" for atom in equation.invars)
    template = WHOLE.get(name, SAME[name]) if whole else SAME[name]
    inputs = [value if shape_of(value) or not output.shape else broadcast(value, output.shape, ()) for value in inputs]
    return _simple(Op(name, template, tuple(inputs), output.shape, kind))


def _simple(op: Op) -> Value:
    """The expression, or a shorter one: a sigmoid by its name, and no test of what is always so."""
    match op:
        case Op("lt", args=(View(kind="index"), Number("0"))):  # a token, which is checked at the start of a step
            return Number("0")
        case Op("select_n", args=(Number(which), when_false, when_true)):
            return when_false if which == "0" else when_true
        case Op("add", args=(Op("mul", args=(Number("0.5f"), Op("tanh", args=(Op("mul", args=(Number("0.5f"), x)),)))),
                             Number("0.5f"))):  # fmt: skip
            return Op("logistic", SAME["logistic"], (x,), op.shape)
    return op


def _integer_pow(program: Program, equation: Any, inputs: list[Value]) -> Value:
    power, shape = equation.params["y"], shape_of(inputs[0])
    if power == 2:
        return Op("square", SAME["square"], (inputs[0],), shape)
    return Op("pow", SAME["pow"], (inputs[0], Number(literal(np.float32(power)))), shape)


def _cast(program: Program, equation: Any, inputs: list[Value]) -> Value:
    old, new = kind_of(equation.invars[0].aval.dtype), kind_of(equation.params["new_dtype"])
    if old == new or (isinstance(inputs[0], Number) and new != "float"):
        return inputs[0]
    templates = {"float": "(float){0}", "int": "(int32_t){0}", "bool": "({0} != 0)"}
    return Op("cast", templates[new], (inputs[0],), shape_of(inputs[0]), new)


def _broadcast(program: Program, equation: Any, inputs: list[Value]) -> Value:
    shape, value = equation.params["shape"], inputs[0]
    if prod(shape) > prod(shape_of(value)) and costly(value):
        value = program.settled(value)
    return broadcast(value, shape, equation.params["broadcast_dimensions"])


def _reshape(program: Program, equation: Any, inputs: list[Value]) -> Value:
    return program.reshaped(inputs[0], equation.outvars[0].aval.shape)


def _transpose(program: Program, equation: Any, inputs: list[Value]) -> Value:
    return transpose(inputs[0], tuple(equation.params["permutation"]))


def _rev(program: Program, equation: Any, inputs: list[Value]) -> Value:
    return flip(inputs[0], tuple(equation.params["dimensions"]))


def _slice(program: Program, equation: Any, inputs: list[Value]) -> Value:
    params = equation.params
    steps = params["strides"] or (1,) * len(params["start_indices"])
    return take(inputs[0], params["start_indices"], params["limit_indices"], steps)


def _split(program: Program, equation: Any, inputs: list[Value]) -> list[Value]:
    axis, start, parts = equation.params["axis"], 0, list[Value]()
    shape = equation.invars[0].aval.shape
    for size in equation.params["sizes"]:
        starts, limits = [0] * len(shape), list(shape)
        starts[axis], limits[axis] = start, start + int(size)
        parts.append(take(inputs[0], tuple(starts), tuple(limits), (1,) * len(shape)))
        start += int(size)
    return parts


def _concatenate(program: Program, equation: Any, inputs: list[Value]) -> Value:
    shapes = [atom.aval.shape for atom in equation.invars]
    return program.joined(inputs, shapes, equation.params["dimension"])


def _stack(program: Program, equation: Any, inputs: list[Value]) -> Value:
    axis, shape = equation.params["axis"], list(equation.outvars[0].aval.shape)
    shape[axis] = 1
    own = tuple(place for place in range(len(shape)) if place != axis)
    return program.joined([broadcast(one, tuple(shape), own) for one in inputs], [tuple(shape)] * len(inputs), axis)


def _dot(program: Program, equation: Any, inputs: list[Value]) -> Value:
    sums, same = equation.params["dimension_numbers"]
    a, b = (_shaped(value, atom) for value, atom in zip(inputs, equation.invars, strict=True))
    return program.product(a, b, (tuple(map(tuple, sums)), tuple(map(tuple, same))))


def _convolution(program: Program, equation: Any, inputs: list[Value]) -> Value:
    """A product: the windows of the signal overlap in memory, and each is a row."""
    params = equation.params
    signal, kernel = (_shaped(value, atom) for value, atom in zip(inputs, equation.invars, strict=True))
    dimensions = params["dimension_numbers"]
    plain = (dimensions.lhs_spec, dimensions.rhs_spec, dimensions.out_spec) == ((0, 2, 1), (2, 1, 0), (0, 2, 1))
    ones = (
        *params["lhs_dilation"],
        *params["rhs_dilation"],
        params["feature_group_count"],
        params["batch_group_count"],
    )
    if not plain or {*ones} != {1} or {*params["padding"]} != {(0, 0)}:
        raise ConversionError(
            "a convolution over several axes, with gaps or in groups: the export to C does not know it"
        )
    signal = program.settled(signal)
    assert isinstance(signal, View)
    (_, _, features), (width, _, _) = shape_of(signal), shape_of(kernel)
    _, outputs, _ = equation.outvars[0].aval.shape
    batch, time, near = signal.strides
    stride = params["window_strides"][0] * time
    windows = replace(signal, shape=(1, outputs, width, features), strides=(batch, stride, time, near))
    return program.product(windows, kernel, (((2, 3), (0, 1)), ((), ())))


def _gather(program: Program, equation: Any, inputs: list[Value]) -> Value:
    """A row of a table."""
    table, places = _shaped(inputs[0], equation.invars[0]), inputs[1]
    numbers, output = equation.params["dimension_numbers"], equation.outvars[0].aval
    sizes, indices = equation.params["slice_sizes"], equation.invars[1].aval
    rows = numbers.collapsed_slice_dims == (0,) and numbers.start_index_map == (0,)
    if not rows or prod(indices.shape) != 1 or sizes[1:] != shape_of(table)[1:]:
        raise ConversionError("a look-up of more than one row of a table: the export to C does not know it")
    index = program.reshaped(places, ())

    def row(view: View) -> View:
        strides = [0] * len(output.shape)
        for place, stride in zip(numbers.offset_dims, view.strides[1:], strict=True):
            strides[place] = stride
        moves = (*view.moves, (view.strides[0], index)) if view.strides[0] else view.moves
        return replace(view, shape=output.shape, strides=tuple(strides), moves=moves)

    return viewed(table, row, output.shape)


def _shaped(value: Value, atom: Any) -> Value:
    """A value that has its shape, even if all its elements are one number."""
    return Op("number", "{0}", (value,), atom.aval.shape) if isinstance(value, Number) else value


_OTHERS: dict[str, Callable[[Program, Any, list[Value]], Any]] = {
    "integer_pow": _integer_pow, "convert_element_type": _cast, "broadcast_in_dim": _broadcast, "squeeze": _reshape,
    "expand_dims": _reshape, "reshape": _reshape, "transpose": _transpose, "rev": _rev, "slice": _slice,
    "split": _split, "concatenate": _concatenate, "stack": _stack, "dot_general": _dot,
    "conv_general_dilated": _convolution, "gather": _gather,
}  # fmt: skip
