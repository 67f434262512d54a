"""Functions whose gradient is derived by hand, and which take all of JAX's other transformations too.

`jax.custom_vjp` has no forward mode. Here the change of the outputs is an operation of its own, linear in the change of
the arguments: forward mode evaluates it by differentiating a plain form of the function, and reverse mode transposes
it, which is the gradient by hand. Second derivatives are those of the plain form's gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from operator import and_
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.dtypes import float0
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array


class ByHand(NamedTuple):
    """A function (static, *arguments) -> outputs with a gradient by hand. `static` is hashable; whole numbers, bools
    and None among the arguments have no gradient.

    >>> def forward(power, x):
    ...     return x**power, x
    >>> def backward(power, arguments, saved, by_output):
    ...     return (by_output * power * saved ** (power - 1),)
    >>> cube = partial(ByHand(lambda power, x: x**power, forward, backward), 3)
    >>> slope = jax.grad(cube)
    >>> float(slope(2.0)), float(jax.jvp(cube, (2.0,), (1.0,))[1]), float(jax.jacfwd(slope)(3.0))
    (12.0, 12.0, 18.0)
    """

    plain: Callable[..., Any]
    """(static, *arguments) -> outputs, which JAX can differentiate."""
    forward: Callable[..., tuple[Any, Any]]
    """(static, *arguments) -> (outputs, arrays that the backward pass needs beside the arguments)."""
    backward: Callable[..., tuple]
    """(static, arguments, saved, gradients by outputs) -> gradients by arguments; None for one that has none."""
    shared: int | None = None
    """The number of arguments, the first ones, that all rows share; of the other arguments, the outputs and what is
    saved, the first axis of each array is rows. `jax.vmap` over rows alone is then one call with more rows. None: the
    functions have no rows."""
    value: Callable[..., Any] | None = None
    """(static, *arguments) -> outputs, where no derivative is asked for; None: those of `forward`."""

    def __call__(self, static: Hashable, *arguments: Any) -> Any:
        """The outputs."""
        arrays = jax.tree.map(jnp.asarray, arguments)
        return (_saving if self.value is None else _alone)(self, static, arrays)[0]


class _Change(NamedTuple):
    """The static part of the operation on changes. Its inputs are the arguments and what was saved, as flat arrays,
    then the changes of the inexact arguments."""

    rule: ByHand
    static: Hashable
    arguments: Any
    """The structure of the arguments."""
    saved: Any
    """The structure of what was saved."""
    outputs: Any
    """The structure of the outputs."""
    count: int
    """The number of inputs before the changes."""
    mapped: tuple[tuple[bool, ...], ...] = ()
    """For each `jax.vmap` around it, whose axis comes first in all arrays that have it: which inputs but the changes
    have it. The changes and the outputs all have it."""


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _alone(rule: ByHand, static: Hashable, arguments: tuple) -> tuple[Any]:
    """The outputs; nothing is saved."""
    value = rule.value
    assert value, "a rule without it goes by `_saving`"
    return _by_rows(rule, lambda *arguments: (value(static, *arguments),), arguments)


@_alone.defjvp
def _alone_jvp(rule: ByHand, static: Hashable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    (outputs, _), (by_outputs, _) = jax.jvp(partial(_saving, rule, static), primals, tangents)
    return (outputs,), (by_outputs,)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _saving(rule: ByHand, static: Hashable, arguments: tuple) -> tuple[Any, Any]:
    """The outputs and what is saved. What is saved has no derivative: that of the outputs accounts for it."""
    return _by_rows(rule, partial(rule.forward, static), arguments)


@_saving.defjvp
def _saving_jvp(rule: ByHand, static: Hashable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    (arguments,), (changes,) = primals, tangents
    outputs, saved = _saving(rule, static, arguments)
    (flat, tree), (kept, saved_tree) = jax.tree.flatten(arguments), jax.tree.flatten(saved)
    like, outputs_tree = jax.tree.flatten(outputs)
    change = _Change(rule, static, tree, saved_tree, outputs_tree, len(flat) + len(kept))
    by_outputs = _changes.bind(*flat, *kept, *_inexact(changes, flat), change=change, like=tuple(map(jax.typeof, like)))
    return (outputs, saved), (outputs_tree.unflatten(by_outputs), jax.tree.map(jnp.zeros_like, saved))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _gradients(rule: ByHand, static: Hashable, arguments: tuple, saved: Any, by_outputs: Any) -> list[Array]:
    """The gradients by the inexact arguments, by hand."""
    by_arguments = rule.backward(static, arguments, saved, by_outputs)
    return [leaf for one in by_arguments for leaf in jax.tree.leaves(one)]


@_gradients.defjvp
def _gradients_jvp(rule: ByHand, static: Hashable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    (arguments, saved, by_outputs), (changes, _, outputs_changes) = primals, tangents

    def plain(arguments: tuple, by_outputs: Any) -> list[Array]:
        by_arguments = jax.vjp(partial(rule.plain, static), *arguments)[1](by_outputs)
        return _inexact(by_arguments, jax.tree.leaves(arguments))

    second = jax.jvp(plain, (arguments, by_outputs), (changes, outputs_changes))[1]
    return _gradients(rule, static, arguments, saved, by_outputs), second


# The operation: the change of the outputs, linear in the changes of the arguments

_changes = Primitive("elman_changes")
_changes.multiple_results = True


def _evaluate(*inputs: Array, change: _Change, like: Any) -> list[Array]:
    fixed, changes = list(inputs[: change.count]), list(inputs[change.count :])
    return _mapped(partial(_forward_mode, change), change)(fixed, changes)


def _forward_mode(change: _Change, fixed: list[Array], changes: list[Array]) -> list[Array]:
    arguments, _ = _structured(change, fixed)
    rest = iter(changes)
    whole = jax.tree.map(lambda leaf: next(rest) if _is_inexact(leaf) else _no_change(leaf), arguments)
    return jax.tree.leaves(jax.jvp(partial(change.rule.plain, change.static), arguments, whole)[1])


def _reverse_mode(change: _Change, fixed: list[Array], by_outputs: list[Array]) -> list[Array]:
    structured = change.outputs.unflatten(by_outputs)
    return _gradients(change.rule, change.static, *_structured(change, fixed), structured)


def _transposed(by_outputs: Sequence[Any], *inputs: Any, change: _Change, like: Any) -> list[Any]:
    fixed, changes = list(inputs[: change.count]), inputs[change.count :]
    gradients = _mapped(partial(_reverse_mode, change), change)(fixed, list(map(ad.instantiate_zeros, by_outputs)))
    # A change that is known is a zero: nobody asks for the gradient by its argument.
    wanted = [g if ad.is_undefined_primal(one) else None for g, one in zip(gradients, changes, strict=True)]
    return [None] * change.count + wanted


def _differentiated(primals: Sequence[Array], tangents: Sequence[Any], *, change: _Change, like: Any) -> Any:
    outputs = _changes.bind(*primals, change=change, like=like)
    by_fixed, by_changes = tangents[: change.count], list(map(ad.instantiate_zeros, tangents[change.count :]))
    if all(type(one) is ad.Zero for one in by_fixed):
        return outputs, _changes.bind(*primals[: change.count], *by_changes, change=change, like=like)
    pairs = zip(primals[: change.count], by_fixed, strict=True)
    whole = [ad.instantiate_zeros(by) if _is_inexact(one) else _no_change(one) for one, by in pairs]
    plain = partial(_evaluate, change=change, like=like)
    return outputs, jax.jvp(plain, tuple(primals), (*whole, *by_changes))[1]


def _batched(inputs: Sequence[Array], axes: Sequence[Any], *, change: _Change, like: Any) -> tuple[Any, Any]:
    size = next(one.shape[axis] for one, axis in zip(inputs, axes, strict=True) if axis is not None)
    has = [axis is not None for axis in axes]
    moved = [one if axis is None else jnp.moveaxis(one, axis, 0) for one, axis in zip(inputs, axes, strict=True)]
    shared = _shared_inputs(change, inputs)
    if change.mapped or change.rule.shared is None or any(map(and_, shared, has)):
        whole = [_broadcast(one, size, mapped) for one, mapped in zip(moved, has, strict=True)][change.count :]
        change = change._replace(mapped=(tuple(has[: change.count]), *change.mapped))
        like = tuple(one.update(shape=(size, *one.shape)) for one in like)
        outputs = _changes.bind(*moved[: change.count], *whole, change=change, like=like)
    else:
        every = zip(moved, has, shared, strict=True)
        rows = [one if whose else _fold(one, size, mapped) for one, mapped, whose in every]
        folded = tuple(one.update(shape=(size * one.shape[0], *one.shape[1:])) for one in like)
        outputs = _changes.bind(*rows, change=change, like=folded)
        outputs = [_unfold(one, size) for one in outputs]
    return outputs, [0] * len(outputs)


def _described(*inputs: Any, change: _Change, like: Any) -> list[Any]:
    """The types of the outputs' changes: those of the outputs, with their places on a device mesh."""
    return list(like)


_changes.def_impl(_evaluate)
_changes.def_abstract_eval(_described)
mlir.register_lowering(_changes, mlir.lower_fun(_evaluate, multiple_results=True))
ad.primitive_jvps[_changes] = _differentiated
ad.primitive_transposes[_changes] = _transposed
batching.primitive_batchers[_changes] = _batched


# Rows


def _by_rows(rule: ByHand, function: Callable[..., Any], arguments: tuple) -> Any:
    """The results of `function`; where `jax.vmap` maps rows alone, those of one call with more rows."""
    if rule.shared is None:
        return function(*arguments)
    first = len(jax.tree.leaves(arguments[: rule.shared]))
    leaves, tree = jax.tree.flatten(arguments)
    flat = custom_vmap(lambda leaves: function(*tree.unflatten(leaves)))

    def mapped(size: int, has: list[Any], leaves: list[Array]) -> tuple[Any, Any]:
        [flags] = has
        if any(flags[:first]):
            results = jax.vmap(flat.fun, in_axes=([0 if flag else None for flag in flags],))(leaves)
        else:
            rows = [_fold(one, size, flag) for one, flag in zip(leaves[first:], flags[first:], strict=True)]
            results = jax.tree.map(lambda one: _unfold(one, size), flat([*leaves[:first], *rows]))
        return results, jax.tree.map(lambda _: True, results)

    flat.def_vmap(mapped)
    return flat(leaves)


def _shared_inputs(change: _Change, inputs: Sequence[Array]) -> list[bool]:
    """For each input of the operation, whether all rows share it."""
    arguments = [
        number < (change.rule.shared or 0)
        for number, one in enumerate(change.arguments.children())
        for _ in range(one.num_leaves)
    ]
    saved = [False] * change.saved.num_leaves
    return [*arguments, *saved, *(one for one, leaf in zip(arguments, inputs, strict=False) if _is_inexact(leaf))]


def _broadcast(array: Array, size: int, mapped: bool) -> Array:
    return array if mapped else jnp.broadcast_to(array, (size, *array.shape))


def _fold(array: Array, size: int, mapped: bool) -> Array:
    whole = _broadcast(array, size, mapped)
    return whole.reshape(size * whole.shape[1], *whole.shape[2:])


def _unfold(array: Array, size: int) -> Array:
    return array.reshape(size, array.shape[0] // size, *array.shape[1:])


# Small parts


def _mapped(function: Callable[..., list[Array]], change: _Change) -> Callable[..., list[Array]]:
    for has in reversed(change.mapped):
        function = jax.vmap(function, in_axes=([0 if one else None for one in has], 0))
    return function


def _structured(change: _Change, fixed: list[Array]) -> tuple[tuple, Any]:
    count = change.arguments.num_leaves
    return change.arguments.unflatten(fixed[:count]), change.saved.unflatten(fixed[count:])


def _inexact(tree: Any, like: Sequence[Any]) -> list[Array]:
    """The leaves of `tree` in the places where `like` is inexact."""
    return [one for one, leaf in zip(jax.tree.leaves(tree), like, strict=True) if _is_inexact(leaf)]


def _is_inexact(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def _no_change(leaf: Any) -> np.ndarray:
    """The change of a whole number or a bool."""
    return np.zeros(jnp.shape(leaf), float0)
