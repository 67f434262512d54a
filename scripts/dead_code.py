"""Lists what is defined in src and used by nothing in src, lessons or benchmarks; a test alone keeps nothing alive."""

import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[1]

ALIVE = {
    "__getattr__": "Python calls it",
    "__dir__": "Python calls it",
    "read_annotations": "public, the counterpart of read_record",
    "write_record": "public, in docs/read-an-ecg.md",
    "draw_units": "public, in docs/look-inside.md",
    "Codec": "an export brings its file, for programs of others",
    "log_severity_level": "ONNX Runtime reads it",
    "python_tracer_level": "JAX reads it",
    "nan_as_null": "an argument of the interchange protocol",
    "requested_schema": "an argument of the Arrow PyCapsule protocol",
    "_render_traceback_": "IPython calls it",
    "allow_copy": "an argument of the interchange protocol",
    "DS1": "public, the counterpart of DS2",
    "read_settings": "tyro calls it",
    "to_csv": "public, in docs/forecast-a-series.md",
    "log_probability": "public, a field of a translation",
    "d_c": "an argument of the kernels, passed by its place",
    "zone_h": "an argument of the kernels, passed by its place",
    "zone_c": "an argument of the kernels, passed by its place",
    "background": "Starlette reads it",
    **dict.fromkeys(
        ("best_of", "logprobs", "presence_penalty", "frequency_penalty", "logit_bias"),
        "a field of OpenAI's, looked at by its name to be refused",
    ),
    "PR": "public, a column that is found by its name",
    "QRS": "public, a column that is found by its name",
    "QT": "public, a column that is found by its name",
    "QTcB": "public, a column that is found by its name",
    "seekable": "a buffered reader calls it",
    "_train_on": "a process of its own runs it, by name",
    "QTcF": "public, a column that is found by its name",
}
"""Names that are used although no code here shows it, and why."""

MEASURES = ("tasks/forecasting/scores.py", "tasks/seq2seq/scores.py")
"""Files whose functions are public and for users' own predictions: the tasks add up such measures batch by batch."""


def unused(*places):
    """The definitions in `places` whose names occur nowhere else in them."""
    finder = Vulture(ignore_decorators=["@*.defjvp", "@*.def_abstract_eval"])  # JAX calls these
    finder.scavenge(places)
    return finder.get_unused_code()


def is_private(name):
    """Whether a name is for its own file alone."""
    return name.startswith("_") and not name.startswith("__")


def main():
    """Prints what is dead; returns whether there is any."""
    source = ROOT / "src"
    items = unused(source, ROOT / "lessons", ROOT / "benchmarks")
    for file in source.rglob("*.py"):  # what has the same name in another file keeps no private name alive
        items += [item for item in unused(file) if is_private(item.name) and item.typ != "method"]
    dead = {
        f"{item.filename.resolve().relative_to(ROOT)}:{item.first_lineno}: nothing uses the {item.typ} {item.name}"
        for item in items
        if item.filename.resolve().is_relative_to(source)
        and item.name not in ALIVE
        and (is_private(item.name) or item.filename.resolve().relative_to(source / "elman").as_posix() not in MEASURES)
    }
    dead |= {f"{name}: used or gone, so take it out of ALIVE" for name in ALIVE.keys() - {item.name for item in items}}
    for line in sorted(dead):
        print(line)
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())
