"""Draws docs/architecture.svg: the packages of elman in their layers, with arrows from the graph of imports.

Where a room stands is laid by hand here; its text, its files and all arrows are read from the code. An arrow says that
one package imports another. Left out are arrows that others imply, and those to the foundation. Arrows go down;
dashed ones are the exceptions that pyproject.toml declares for import-linter.
"""

import ast
import textwrap
from html import escape
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
WIDTH, HEIGHT = 1000, 1892
SIZES = {"title": (14, 8.6), "note": (12.5, 6.9), "files": (11.5, 6.2)}
"""Height of each kind of text, and width of its letters where the font is a wide one, in pixels."""


class Room(NamedTuple):
    """A rectangle of the picture, and the class of its colours."""

    left: int
    top: int
    width: int
    height: int
    colour: str = "room"

    @property
    def right(self):
        return self.left + self.width

    @property
    def bottom(self):
        return self.top + self.height

    @property
    def middle(self):
        return self.left + self.width // 2


ROOMS = {
    "cli": Room(50, 20, 900, 82),
    "studio": Room(336, 126, 574, 154),
    "serving": Room(50, 126, 270, 154),
    "web": Room(672, 288, 226, 114, "plain"),
    "lessons": Room(50, 420, 220, 130),
    "testing": Room(420, 420, 220, 104),
    "interop": Room(664, 408, 286, 210),
    "inspection": Room(296, 620, 210, 152),
    "training": Room(522, 620, 428, 152),
    "tasks": Room(50, 816, 900, 394, "tasks"),
    "formats": Room(50, 1254, 128, 400, "plain"),
    "words": Room(186, 1254, 112, 400, "plain"),
    "metrics": Room(306, 1254, 112, 400, "plain"),
    "artefact": Room(426, 1254, 112, 400, "plain"),
    "layers": Room(556, 1254, 394, 98, "engine"),
    "recurrence": Room(556, 1372, 394, 80, "engine"),
    "cells": Room(556, 1472, 394, 112, "engine"),
    "ops": Room(556, 1604, 394, 94, "engine"),
}
WINGS = ("series_classification", "classification", "language_modelling", "tagging", "seq2seq", "forecasting", "ecg")
ROOMS |= {f"tasks.{wing}": Room(60 + 126 * place, 882, 122, 218, "wing") for place, wing in enumerate(WINGS)}
SHARED = Room(60, 1116, 878, 82, "wing")
"""The modules of `tasks` that belong to no wing."""
FOUNDATION = Room(50, 1822, 900, 50)
LEGEND = Room(50, 1672, 488, 124)

STYLE = """
text { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1f2933; }
.title { font-size: 14px; font-weight: 600; } .note { font-size: 12.5px; } .files { font-size: 11.5px; fill: #52606d; }
.paper { fill: #ffffff; } .room { fill: #f3f5f8; stroke: #9aa5b1; } .tasks { fill: #f6f9fe; stroke: #6b9bd8; }
.wing { fill: #e1edfc; stroke: #6b9bd8; } .engine { fill: #e4f3e8; stroke: #6fae84; }
.plain { fill: #fcf1dd; stroke: #cfa75c; }
.arrow { fill: none; stroke: #52606d; stroke-width: 1.5; } .exception { stroke: #b4531f; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .files { fill: #a8b3c0; }
  .paper { fill: #161b22; } .room { fill: #252b34; stroke: #6b7683; } .tasks { fill: #1a212b; stroke: #4f7fbd; }
  .wing { fill: #1c2f4a; stroke: #4f7fbd; } .engine { fill: #1b3626; stroke: #4f8f66; }
  .plain { fill: #382e19; stroke: #a3823f; }
  .arrow { stroke: #a8b3c0; } .exception { stroke: #f0935a; }
}
"""


def picture():
    """The picture of the code as it is, as SVG.

    Raises:
        ValueError: a package has no room, a text is too long for its room, or an arrow finds no way.
    """
    graph = grimp.build_graph("elman", exclude_type_checking_imports=True, cache_dir=None)
    _check_rooms(graph)
    parts = [_rectangle(Room(0, 0, WIDTH, HEIGHT, "paper")), *_house(graph), *_arrows(graph), *_legend()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    title = "<title>The packages of elman, and which of them imports which</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _check_rooms(graph):
    wings = {_name(child) for child in graph.find_children("elman.tasks") if graph.find_children(child)}
    parts = {_name(child) for child in graph.find_children("elman") if not _name(child).startswith("_")}
    if wrong := (wings | parts) ^ ROOMS.keys():
        raise ValueError(f"a package without a room in ROOMS, or a room without a package: {', '.join(sorted(wrong))}")


def _house(graph):
    """The rooms and what is written in them."""
    parts = []
    for name, room in ROOMS.items():
        files = _files(graph, f"elman.{name}")
        sentence = _sentence(name)
        if name == "tasks":
            parts += _filled(room, ("title", "tasks"), ("note", sentence))
        elif name.startswith("tasks."):
            below = [lower for lower in ROOMS if ROOMS[lower].top > room.bottom and _imports(graph, name, lower)]
            title = name.removeprefix("tasks.").replace("_", " ")
            use = ("files", f"{len(files)} files, on {', '.join(below)}")
            parts += _filled(room, ("title", title), ("note", sentence), use)
        else:
            texts = [("files", ", ".join(files))] if files else []
            parts += _filled(room, ("title", name if files else f"{name}.py"), ("note", sentence), *texts)
    shared = ", ".join(_files(graph, "elman.tasks"))
    parts += _filled(SHARED, ("title", "shared by all tasks"), ("files", shared))
    private = sorted(_name(child) for child in graph.find_children("elman") if _name(child).startswith("_"))
    return parts + _filled(FOUNDATION, ("note", f"The foundation, which all may import: {', '.join(private)}"))


def _filled(room, *texts):
    """A room with paragraphs of text."""
    parts, y = [_rectangle(room)], room.top + 5
    for kind, text in texts:
        size, letter = SIZES[kind]
        for line in textwrap.wrap(text, int((room.width - 14) / letter), break_long_words=False):
            y += round(1.25 * size)
            parts.append(f'<text class="{kind}" x="{room.left + 10}" y="{y:g}">{escape(line)}</text>')
        y += 3
    if (excess := y + 4 - room.bottom) > 0:
        raise ValueError(f"{texts[0][1]}: its text needs {excess} pixels more; make its room higher")
    return parts


def _rectangle(room):
    place = f'x="{room.left}" y="{room.top}" width="{room.width}" height="{room.height}"'
    return f'<rect class="{room.colour}" {place} rx="{0 if room.colour == "paper" else 6}"/>'


def _name(module):
    return module.removeprefix("elman.")


def _files(graph, package):
    """The files of a package, without those of the wings; a folder in it has a slash."""
    inner = sorted(graph.find_children(package))
    if package == "elman.tasks":
        inner = [module for module in inner if not graph.find_children(module)]
    return [module.rpartition(".")[2] + "/" * bool(graph.find_children(module)) for module in inner]


def _sentence(name):
    """The first sentence of a module's docstring, without its name before a colon."""
    path = ROOT / "src" / "elman" / name.replace(".", "/")
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    first = " ".join((ast.get_docstring(tree) or "").partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    before, _, after = first.partition(": ")
    text = after if after and len(before) < 35 else first
    return text[0].upper() + text[1:]


# The arrows


def _imports(graph, importer, imported):
    return graph.direct_import_exists(importer=f"elman.{importer}", imported=f"elman.{imported}", as_packages=True)


def _arrows(graph):
    outer = [name for name in ROOMS if "." not in name]
    pairs = {(a, b) for a, b in permutations(outer, 2) if _imports(graph, a, b)}
    down = {(a, b) for a, b in pairs if ROOMS[a].bottom < ROOMS[b].top}
    drawn, parts = [], []
    for a, b in sorted(_reduced(down), key=lambda pair: (ROOMS[pair[1]].top - ROOMS[pair[0]].bottom, pair)):
        parts.append(_arrow(_way(ROOMS[a], ROOMS[b], drawn)))
    beside = {(a, b) for a, b in pairs if ROOMS[a].top < ROOMS[b].bottom and ROOMS[b].top < ROOMS[a].bottom}
    parts += [_arrow(_way_beside(ROOMS[a], ROOMS[b])) for a, b in sorted(beside)]
    for a, b in sorted(pairs - down - beside):
        way = _way(ROOMS[b], ROOMS[a], drawn)
        parts.append(_arrow(way[::-1], exception=True))
    for wing in WINGS:
        room = ROOMS[f"tasks.{wing}"]
        parts.append(_arrow([(room.middle, room.bottom), (room.middle, SHARED.top)]))
    return parts + _exceptions(graph)


def _reduced(pairs):
    """The pairs that are not implied by a way through others."""
    reach = set(pairs)
    for via in ROOMS:
        reach |= {(a, d) for a, b in reach if b == via for c, d in reach if c == via}
    return {(a, b) for a, b in pairs if not any((a, via) in reach and (via, b) in reach for via in ROOMS)}


def _exceptions(graph):
    """The arrows between wings, over their roofs, and from what they share up to a wing."""
    parts = []
    for a, b in permutations(WINGS, 2):
        if _imports(graph, f"tasks.{a}", f"tasks.{b}"):
            start, end = ROOMS[f"tasks.{a}"], ROOMS[f"tasks.{b}"]
            side = 24 if start.left < end.left else -24
            x, y = start.middle + side, end.middle - side
            height = start.top - 12
            parts.append(_arrow([(x, start.top), (x, height), (y, height), (y, end.top)], exception=True))
    own = [child for child in graph.find_children("elman.tasks") if not graph.find_children(child)]
    for wing in WINGS:
        modules = [f"elman.tasks.{wing}", *graph.find_descendants(f"elman.tasks.{wing}")]
        if any(graph.direct_import_exists(importer=a, imported=b) for a in own for b in modules):
            room = ROOMS[f"tasks.{wing}"]
            parts.append(_arrow([(room.middle + 24, SHARED.top), (room.middle + 24, room.bottom)], exception=True))
    return parts


def _way_beside(start, end):
    """The points of an arrow between rooms of one row: across the gap, or below the rooms between them."""
    left, right = sorted((start, end), key=lambda room: room.left)
    between = Room(left.right + 1, left.top, right.left - left.right - 2, left.height)
    if not any(_overlap(between, other) for other in ROOMS.values()):
        y = (max(start.top, end.top) + min(start.bottom, end.bottom)) // 2
        return [(start.right, y), (end.left, y)] if start is left else [(start.left, y), (end.right, y)]
    y = max(start.bottom, end.bottom) + 10
    return [(start.middle, start.bottom), (start.middle, y), (end.middle, y), (end.middle, end.bottom)]


def _way(upper, lower, drawn):
    """The points of an arrow: straight down where no room is between, else along the nearer edge of the picture."""
    left, right = max(upper.left, lower.left) + 14, min(upper.right, lower.right) - 14
    middle = lower.middle if left <= lower.middle <= right else (left + right) // 2
    for x in sorted(range(left, right + 1), key=lambda place: (abs(place - middle), place)):
        room = Room(x - 10, upper.bottom + 1, 20, lower.top - upper.bottom - 2)
        if not any(_overlap(room, other) for other in [*ROOMS.values(), *drawn]):
            drawn.append(room)
            return [(x, upper.bottom), (x, lower.top)]
    west = upper.middle < WIDTH // 2
    edge, start, end = (25, upper.left, lower.left) if west else (WIDTH - 25, upper.right, lower.right)
    y, z = upper.top + upper.height // 2, lower.top + lower.height // 2
    level = Room(min(start, edge) + 1, y - 4, abs(start - edge) - 2, 8)
    margin = Room(edge - 10, y, 20, z - y)
    if any(_overlap(level, other) for other in ROOMS.values()) or any(_overlap(margin, other) for other in drawn):
        raise ValueError(f"no way for an arrow from {upper} to {lower}; place the rooms in ROOMS anew")
    drawn.append(margin)
    return [(start, y), (edge, y), (edge, z), (end, z)]


def _overlap(a, b):
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def _arrow(points, *, exception=False):
    kind = "arrow exception" if exception else "arrow"
    (x, y), (z, w) = points[-2:]
    dx, dy = (z > x) - (z < x), (w > y) - (w < y)
    wings = [(z - 7 * dx + 4 * side * dy, w - 7 * dy + 4 * side * dx) for side in (-1, 1)]
    line = "M" + " L".join(f"{x} {y}" for x, y in points)
    head = f"M{wings[0][0]} {wings[0][1]} L{z} {w} L{wings[1][0]} {wings[1][1]}"
    return f'<path class="{kind}" d="{line}"/><path class="{kind}" style="stroke-dasharray: none" d="{head}"/>'


def _legend():
    kinds = {
        "wing": "tasks: what is known of a kind of data and its models",
        "plain": "files, texts and measures, which know no network",
        "engine": "the engine: networks and gradients",
    }
    x, y, parts = LEGEND.left + 10, LEGEND.top + 18, []
    for exception, text in (
        (False, "imports; the arrows that others imply are left out"),
        (True, "a declared exception"),
    ):
        parts += [_arrow([(x, y - 4), (x + 30, y - 4)], exception=exception), _explained(x, y, text)]
        y += 22
    for colour, text in kinds.items():
        parts += [_rectangle(Room(x, y - 11, 30, 14, colour)), _explained(x, y, text)]
        y += 22
    return parts


def _explained(x, y, text):
    return f'<text class="note" x="{x + 42}" y="{y}">{text}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture())
