"""The text of a network in C: names, comments, tables of numbers, the header and the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from elman.interop.c_program import Program, Statement
from elman.interop.c_trace import FUNCTIONS
from elman.interop.c_values import literal

WIDTH = 110
"""The longest line of numbers."""

LIBM = re.compile(r"\b(tanhf|expf|logf|log1pf|expm1f|fabsf|sqrtf|floorf|ceilf|erff|sinf|cosf|powf|isnan|isfinite)\(")

KEYWORDS = frozenset(
    """and asm auto bool break case catch char class const continue default delete do double else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new not operator or private protected public
    register restrict return short signed sizeof static struct switch template this throw true try typedef typename
    union unsigned using virtual void volatile while xor""".split()  # noqa: SIM905
)
"""The words of C and C++ that no member may have as its name."""


class Member(NamedTuple):
    """A member of a struct: an array of numbers of 32 bits, or one number."""

    name: str
    leaf: str
    """Its path in the state, or its name among the inputs or outputs."""
    shape: tuple[int, ...]
    kind: str = "float"
    limit: int | None = None
    """For whole numbers: what they stay below."""

    @property
    def size(self) -> int:
        """The numbers in it."""
        return prod(self.shape)

    @property
    def declaration(self) -> str:
        """The member in C, with its shape."""
        shape = " x ".join(str(n) for n in self.shape if n > 1)
        notes = [shape] if " x " in shape else []
        notes += [] if self.limit is None else [f"0 to {self.limit - 1}"]
        notes += [comment(self.leaf)] if self.leaf not in ("", self.name) else []
        note = f" /* {', '.join(notes)} */" if notes else ""
        size = "" if self.size == 1 else f"[{self.size}]"
        return f"{'float' if self.kind == 'float' else 'int32_t'} {self.name}{size};{note}"


class Structs(NamedTuple):
    """The members of the structs of a network, and the numbers of the work space, which ends the state."""

    inputs: tuple[Member, ...]
    outputs: tuple[Member, ...]
    state: tuple[Member, ...]
    work: int


def identifier(path: str, *, digit: str = "a_") -> str:
    """A path as an identifier of C: what is no ASCII letter or digit is written by its number, and `digit` comes before
    a digit.

    >>> identifier("layers.cells.0.kernel"), identifier("größe"), identifier("0.h", digit="layer_")
    ('layers_cells_0_kernel', 'gru00f6u00dfe', 'layer_0_h')
    """
    text = "".join(one if re.match(r"[A-Za-z0-9_]", one) else "_" if one == "." else f"u{ord(one):04x}" for one in path)
    return text if text[:1].isalpha() else f"{digit}{text}"


def unique(name: str, others: Iterable[str]) -> str:
    """The name, with a number after it if it is taken or a word of C."""
    taken, number = {*others, *KEYWORDS}, 2
    own = name
    while own in taken:
        own, number = f"{name}_{number}", number + 1
    return own


def comment(text: str) -> str:
    r"""A text that is safe inside a comment: printable ASCII that neither ends nor begins one, nor joins lines.

    >>> print(comment("a */ b ??/"), comment("é"))
    a \x2a/ b \x3f\x3f/ \xe9
    """
    return "".join(
        one if one.isascii() and one.isprintable() and one not in r"*\?" else f"\\x{ord(one):x}" for one in text
    )


def quoted(data: bytes) -> str:
    r"""Bytes as a string of C, whatever they are.

    >>> print(quoted('a"?\n—'.encode()))
    "a\042\077\012\342\200\224"
    """
    plain = re.compile(rb"[A-Za-z0-9 .,;:!'()-]")
    return '"' + "".join(chr(one) if plain.match(bytes([one])) else f"\\{one:03o}" for one in data) + '"'


def table(name: str, array: np.ndarray, path: str) -> list[str]:
    """An array of constants."""
    kind = {"int8": "int8_t", "int32": "int32_t"}.get(str(array.dtype), "float")
    lines = [f"/* {comment(path)}: {' x '.join(map(str, array.shape))} */"]
    lines.append(f"static const {kind} {name}[{array.size}] = {{")
    line = "   "
    for number in array.ravel():
        text = f" {literal(number).strip('()')},"
        if len(line) + len(text) > WIDTH:
            lines.append(line)
            line = "   "
        line += text
    return [*lines, line, "};"]


def start_text(name: str, state: Sequence[Member], arrays: Sequence[np.ndarray]) -> str:
    """The function that makes the state before the first step."""
    tables, lines = list[str](), [f"void {name}_start({name}_state *state)", "{"]
    for member, array in zip(state, arrays, strict=True):
        if not member.size:
            continue
        value = literal(array.flat[0])
        if (array != array.flat[0]).any():
            tables += [*table(f"start_{member.name}", array, member.leaf), ""]
            value = f"start_{member.name}[i]"
        if member.size == 1:
            lines.append(f"    state->{member.name} = {value};")
        else:
            lines.append(f"    for (int i = 0; i < {member.size}; i++) state->{member.name}[i] = {value};")
    return "\n".join([*tables, *lines, "}"])


def step_text(
    name: str, program: Program, structs: Structs, places: Mapping[str, int], paths: Mapping[str, str]
) -> str:
    """The function of a step; `paths` are those of the constants."""
    lines = [f"int {name}_step({name}_state *state, const {name}_input *input, {name}_output *output)", "{"]
    lines += [f"    float *const {buffer} = state->work + {place};" for buffer, place in places.items()]
    for one in structs.inputs:
        for at in range(one.size if one.kind == "index" else 0):
            text = f"input->{one.name}" + ("" if one.size == 1 else f"[{at}]")
            lines.append(f"    if ({text} < 0 || {text} >= {one.limit}) return -1;")
    before = ""
    for one in program.statements:
        layer = _layer(one, paths)
        if layer not in ("", before):
            lines += ["", f"    /* {comment(layer)} */"]
            before = layer
        lines += [f"    {line}" for line in _joined(one.lines)]
    text = "\n".join([*lines, "    return 0;", "}"])
    return text if "input->" in text else text.replace("{\n", "{\n    (void)input;\n", 1)


def source_text(name: str, title: str, arrays: Mapping[str, np.ndarray], paths: Mapping[str, str], code: str) -> str:
    """The source: the weights, the helpers that are called, and the functions."""
    tables = [line for key, array in arrays.items() for line in (*table(key, array, paths.get(key, key)), "")]
    helpers = [f"static {text}\n" for key, text in FUNCTIONS.items() if re.search(rf"\b{key}\(", code)]
    text = "\n".join([*tables, *helpers, code, ""])
    mathematics = ["#include <math.h>", ""] if LIBM.search(text) or re.search(r"\b(INFINITY|NAN)\b", code) else []
    return "\n".join([f"/* {comment(title)}: see {name}.h. */", *mathematics, f'#include "{name}.h"', "", text])


def header_text(name: str, title: str, structs: Structs, source: str) -> str:
    """The header: the structs and the two functions."""
    guard, used = f"{name.upper()}_H", sorted({*LIBM.findall(source)})
    lines = [
        f"/* {comment(title)}, by elman export.",
        " *",
        f" * {name}_start(&state), then {name}_step(&state, &input, &output) for each step, which returns 0,",
        " * or -1 for a whole number that is out of its range; then nothing has changed. All memory is the caller's: a",
        " * state may be copied, kept and continued from, and every stream has its own.",
        f" * From the C library: {', '.join(used) or 'nothing'}.",
        " */",
        f"#ifndef {guard}", f"#define {guard}", "", "#include <stdint.h>", "",
        "#ifdef __cplusplus", 'extern "C" {', "#endif", "",
    ]  # fmt: skip
    for kind, members in zip(("input", "output", "state"), structs[:3], strict=True):
        declared = [f"    {one.declaration}" for one in members if one.size]
        declared += [f"    float work[{structs.work}];"] if kind == "state" and structs.work else []
        lines += ["typedef struct {", *declared, f"}} {name}_{kind};", ""]
    lines += [
        f"void {name}_start({name}_state *state);",
        f"int {name}_step({name}_state *state, const {name}_input *input, {name}_output *output);",
        "", "#ifdef __cplusplus", "}", "#endif", "", "#endif", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _layer(one: Statement, paths: Mapping[str, str]) -> str:
    """The layer that a statement belongs to: the cell, or the one whose weights it reads."""
    if ": " in one.scope:
        return one.scope.partition("/")[0]
    return next((paths[name].rpartition(".")[0] for name in sorted(one.reads) if name in paths), "")


def _joined(lines: Sequence[str]) -> list[str]:
    """The lines with the heads of loops and what they repeat on one line."""
    heads = list[str]()
    for at, line in enumerate(lines):
        if not line.startswith("for ") or line.endswith((";", "{")):
            return [" ".join([*heads, line]), *lines[at + 1 :]]
        heads.append(line)
    return heads
