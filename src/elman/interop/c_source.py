"""A network that goes on from a state as C99: one header, one source with the weights, and a program that uses them.

The network's own function is traced for one sequence and one step (four samples of an ECG), so any cell is written that
elman has, by the few operations of `c_trace`. All memory is the caller's: the state has the layers' states and the work
space of a step. Nothing is allocated, nothing is global but constants, and the C library gives functions of <math.h>.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, ConversionError
from elman.cells import Cell
from elman.interop.c_program import Program
from elman.interop.c_text import Member, Structs, header_text, identifier, source_text, start_text, step_text, unique
from elman.interop.c_trace import run
from elman.interop.c_values import Value, View, kind_of, views_of
from elman.interop.chains import chain_of
from elman.interop.int8 import round_weights
from elman.interop.proof import input_size
from elman.layers import Dense, Embedding
from elman.layers.chain import Activation, Chain, Dropout, FrozenNorm, parts_of
from elman.layers.graph import Graph, Graphed, Input, length_of, named_leaves, random_inputs
from elman.layers.norm import LayerNorm
from elman.recurrence.steps import Steps
from elman.recurrence.watch import watched_by
from elman.tasks.fitted import Fitted

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
"""The names that a network may have in C: C99 tells only the first 31 characters of a public name apart."""

TAKEN = frozenset(
    """assert complex ctype errno fenv float inttypes iso646 limits locale main math setjmp signal stdarg stdbool stddef
    stdint stdio stdlib string tgmath time wchar wctype""".split()  # noqa: SIM905
)
"""The names of C's own headers, and of the example."""

SIZES = {"batch": 1, "time": 1}
"""The lengths of axes in one step."""

STEPWISE = (Cell, Dense, Embedding, LayerNorm, FrozenNorm, Activation, Dropout)
"""The parts of a chain that read a step without those after it."""


class Source(NamedTuple):
    """A network in C."""

    name: str
    header: str
    source: str
    graph: Graph
    structs: Structs
    weight_bytes: int

    @property
    def files(self) -> dict[str, str]:
        """The header and the source by the names of their files."""
        return {f"{self.name}.h": self.header, f"{self.name}.c": self.source}

    @property
    def state_bytes(self) -> int:
        """The bytes of the state, which are all that a step needs beside inputs and outputs."""
        return 4 * (sum(one.size for one in self.structs.state) + self.structs.work)


def c_source(fitted: Any, *, name: str = "model", int8: bool = False) -> Source:
    """A trained model, a network, or a cell, a stack or a chain of layers as C99; see `to_c`, which proves it too."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"name: expected a letter, then at most 30 letters, digits or _; got {name!r:.80}")
    if name.lower() in TAKEN:
        raise ConfigError(f"name: {name}.h or {name}.c is a file of C's or of the example; choose another name")
    network = fitted.model if isinstance(fitted, Fitted) else fitted
    network = round_weights(network) if int8 else network
    for path, leaf in named_leaves(network):
        if np.asarray(leaf).dtype.kind == "f" and not np.isfinite(leaf).all():
            raise ConversionError(f"{path}: has weights that are no finite numbers; train the model anew")
    graph = _graph(network)
    inputs, state = _inputs(graph), _state(graph)
    traced, names = _traced(network, graph)
    program = Program(int8=int8)
    paths = {id(leaf): path for path, leaf in named_leaves(network)}
    consts = [np.asarray(one) for one in traced.consts]
    values = [
        program.constant(array, f"w_{identifier(paths.get(id(one), 'constant'))}")
        for array, one in zip(consts, traced.consts, strict=True)
    ]
    values += [_view(member, f"state->{member.name}") for member in state]
    values += [_view(member, f"input->{member.name}") for member in inputs]
    body = traced.jaxpr.replace(invars=[*traced.jaxpr.constvars, *traced.jaxpr.invars], constvars=[])
    results, _ = run(program, body, values, [*consts, *[None] * (len(values) - len(consts))])
    outputs = _outputs(names, [one.aval for one in traced.jaxpr.outvars[len(state) :]])
    _store(program, zip(state, results, strict=False), zip(outputs, results[len(state) :], strict=True))
    places, work = program.layout()
    structs = Structs(inputs, outputs, state, work)
    used = {buffer for one in program.statements for buffer in one.reads}
    arrays = {key: array for key, array in program.constants.items() if key in used}
    by_name = {f"w_{identifier(path)}": path for path in paths.values()}
    kind = type(fitted.task).__name__ if isinstance(fitted, Fitted) else type(fitted).__name__
    title = f"{kind}, weights of {8 if int8 else 32} bits"
    start = start_text(name, state, [np.asarray(leaf) for _, leaf in named_leaves(graph.start(1))])
    text = source_text(name, title, arrays, by_name, f"{start}\n\n{step_text(name, program, structs, places, by_name)}")
    weights = sum(array.nbytes for array in arrays.values())
    return Source(name, header_text(name, title, structs, text), text, graph, structs, weights)


def sample(graph: Graph, steps: int, *, seed: int) -> dict[str, np.ndarray]:
    """Inputs of this many steps, without the lengths, which are those of a step."""
    each = [random_inputs(graph, SIZES, seed=seed * steps + step) for step in range(steps)]
    return {name: np.stack([one[name] for one in each]) for name in graph.inputs if not _is_length(graph.inputs[name])}


def whole_lengths(graph: Graph) -> dict[str, jax.Array]:
    """The inputs that are lengths, for one step."""
    return {
        name: jnp.full([length_of(axis, SIZES) for axis in one.axes], length_of(one.limit, SIZES), jnp.int32)
        for name, one in graph.inputs.items()
        if _is_length(one) and one.limit is not None
    }


def _is_length(one: Input) -> bool:
    return isinstance(one.limit, str)


def _graph(network: Any) -> Graph:
    """The function of a network that goes on from a state.

    Raises:
        ConversionError: it has none.
    """
    graph = network.graphs().get("model") if isinstance(network, Graphed) else _graph_of(chain_of(network))
    if graph is None or not named_leaves(graph.start(1)):
        raise ConversionError(
            f"{type(network).__name__}: reads whole sequences, and C reads a step at a time; language models, ECG "
            "readers trained with --causal and autoregressive forecasters go on from a state. ONNX takes any network"
        )
    return graph


def _graph_of(chain: Chain) -> Graph:
    for path, part in parts_of(chain):
        if not isinstance(part, STEPWISE):
            raise ConversionError(f"{path}: {type(part).__name__} needs whole sequences, and C reads a step at a time")
    tokens, size = input_size(chain)
    one = Input(("batch", "time"), size) if tokens else Input(("batch", "time", size))

    def read(state: Any, inputs: Any) -> tuple[Any, dict[str, Any]]:
        state, outputs = chain(inputs, state)
        return state, {"outputs": outputs}

    return Graph(read, {"inputs": one}, chain.init_carry)


def _inputs(graph: Graph) -> tuple[Member, ...]:
    """The members of the input, in JAX's order; lengths are none, as they are those of a step."""
    members = list[Member]()
    for name in sorted(graph.inputs):
        one = graph.inputs[name]
        if _is_length(one):
            continue
        shape = tuple(length_of(axis, SIZES) for axis in one.axes)
        limit = one.limit if isinstance(one.limit, int) else None
        own = unique(identifier(name), [each.name for each in members])
        members.append(Member(own, name, shape, "float" if limit is None else "index", limit))
    return tuple(members)


def _state(graph: Graph) -> tuple[Member, ...]:
    members = list[Member]()
    for path, leaf in named_leaves(graph.start(1)):
        _only_floats(path, leaf.dtype)
        own = unique(identifier(path or "carry", digit="layer_"), ["work", *(each.name for each in members)])
        members.append(Member(own, path, leaf.shape))
    return tuple(members)


def _outputs(names: list[str], arrays: list[Any]) -> tuple[Member, ...]:
    members = list[Member]()
    for name, array in zip(names, arrays, strict=True):
        _only_floats(name, array.dtype)
        members.append(Member(unique(identifier(name), [each.name for each in members]), name, array.shape))
    return tuple(members)


def _only_floats(path: str, dtype: Any) -> None:
    if kind_of(dtype) != "float":
        raise ConversionError(f"{path}: has numbers of type {dtype}; states and outputs in C are floating numbers")


def _traced(network: Any, graph: Graph) -> tuple[Any, list[str]]:
    """The trace of one step, whose inputs are the arrays of the state, then the inputs by name."""
    names, outputs = {id(leaf): path for path, leaf in named_leaves(network)}, list[str]()
    lengths = whole_lengths(graph)
    shapes = {
        name: jax.ShapeDtypeStruct(
            tuple(length_of(axis, SIZES) for axis in one.axes), jnp.float32 if one.limit is None else jnp.int32
        )
        for name, one in graph.inputs.items()
        if name not in lengths
    }

    def function(state: Any, inputs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        state, results = graph.function(state, **inputs, **lengths)
        outputs[:] = results
        return jax.tree.leaves(state), list(results.values())

    def watch(cell: Cell, xs: Any, carry: Any, steps: Steps) -> tuple[Any, Any]:
        path = next((names[id(leaf)] for leaf in jax.tree.leaves(cell) if id(leaf) in names), "cell.")
        title = f"{path.rpartition('.')[0]}: {type(cell.core).__name__}, {cell.input_size} to {cell.hidden_size}"
        with jax.named_scope(title):
            return _steps(cell, xs, carry, steps)

    with watched_by(watch):
        return jax.make_jaxpr(function)(graph.start(1), shapes), outputs


def _steps(cell: Cell, xs: Any, carry: Any, steps: Steps) -> tuple[Any, Any]:
    """The plain steps of one sequence, in place of an engine."""
    if steps.resets is not None or steps.reverse:
        raise ConversionError("a recurrence with resets or one that reads backwards; C reads a step at a time")
    core, ys = cell.core, list[Any]()
    projected = core.project(jnp.swapaxes(xs, 0, 1))
    carry = jax.tree.map(lambda leaf: leaf[0], carry)
    for step in range(xs.shape[1]):
        carry, y = core.step(carry, jax.tree.map(lambda leaf, step=step: leaf[step, 0], projected))
        ys.append(y)
    return jax.tree.map(lambda leaf: leaf[None], carry), jnp.stack(ys)[None]


def _view(member: Member, buffer: str) -> View:
    return View.whole(buffer, member.shape, kind=member.kind, alone=member.size == 1)


def _store(program: Program, state: Iterable[tuple[Member, Value]], outputs: Iterable[tuple[Member, Value]]) -> None:
    """Adds the statements that write the outputs, and the state for the next step where it changes."""
    for member, value in outputs:
        program.store(value, f"output->{member.name}", shape=member.shape, alone=member.size == 1)
    ready = dict[str, tuple[Member, Value]]()
    for member, value in state:
        own = _view(member, f"state->{member.name}")
        if value == own or not member.size:
            continue
        if any(view.buffer.startswith("state->") for view in views_of(value)):  # it may be written before it is read
            value = program.store(value, program.fresh_work(member.shape))
        ready[own.buffer] = (member, value)
    for buffer, (member, value) in ready.items():
        program.store(value, buffer, shape=member.shape, alone=member.size == 1)
    program.write_early(list(ready))
