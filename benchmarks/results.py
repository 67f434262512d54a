"""Tables that benchmarks print and, with `--save`, keep.

    with Table("layers-training", {"cell": "", "elman": ".3g"}, options) as table:
        table.add("LSTM", middle(milliseconds))
        table.sum_up("geometric mean", 1.7)

A table is printed as it grows. With `--save` it is written to `benchmarks/results/NAME.PROCESSOR.json` when it is
whole, from where `benchmarks/tables.py` brings it to the page. Its columns are names, each with the format of its
numbers. A cell is None, a text, a number, a number of several with its spread (`middle`, `mean`), or a range.
"""

import json
import shlex
import statistics
import sys
from datetime import date
from pathlib import Path

import machine

FOLDER = Path(__file__).with_name("results")


def middle(values):
    """The median, with half the range between the quartiles."""
    first, median, third = statistics.quantiles(values, n=4) if len(values) > 1 else [*values] * 3
    return {"median": median, "spread": (third - first) / 2, "of": len(values)}


def mean(values):
    """The mean, with the standard deviation where there are several values."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "spread": spread, "of": len(values)}


class Table:
    """Rows of cells under named columns; `columns` are their names with the format of their numbers."""

    def __init__(self, name, columns, options, rows=()):
        self.name, self.columns, self.save = name, columns, options.save
        self.rows, self.summary = [], {}
        print(f"\n{self.name}\n\n{heading(self.columns)}", flush=True)
        for row in rows:
            self.add(*row)

    def __enter__(self):
        return self

    def add(self, *cells):
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.name}: expected {len(self.columns)} cells, got {len(cells)}: {cells}")
        self.rows.append(cells)
        print(line(self.columns, cells), flush=True)

    def add_means(self, first):
        """A row of the means of the columns from number `first` on, where there are several rows."""
        if len(self.rows) > 1:
            columns = list(zip(*self.rows, strict=True))
            self.add("mean", *[None] * (first - 1), *map(mean, columns[first:]))

    def sum_up(self, what, value):
        """A number that is about the whole table."""
        self.summary[what] = value

    def __exit__(self, kind, *_):
        if not kind:
            self.keep()

    def keep(self):
        """Says where the figures are from, and writes them down where that was asked for."""
        result = record(self)
        print(f"\n{caption(result)}", flush=True)
        if self.save:
            FOLDER.mkdir(exist_ok=True)
            place = FOLDER / f"{self.name}.{machine.slug(result['processor']['model'])}.json"
            place.write_text(written(result))


def record(table):
    """All that is kept of a table."""
    return {
        "table": table.name,
        "command": command(),
        "commit": machine.commit(),
        "date": str(date.today()),
        "processor": machine.processor(),
        "versions": machine.versions(),
        "columns": table.columns,
        "rows": table.rows,
        "summary": table.summary,
    }


def command():
    """As it was typed, without the folders that only this machine has."""
    script, *arguments = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv)
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *(word for word in arguments if word != "--save")])


def written(result):
    """JSON with a row a line."""
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in result["rows"])
    whole = json.dumps(result | {"rows": []}, indent=1, ensure_ascii=False)
    return whole.replace('"rows": []', f'"rows": [\n{rows}\n ]') + "\n"


def heading(columns):
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"


def line(columns, cells):
    return f"| {' | '.join(map(shown, cells, columns.values()))} |"


def shown(cell, form):
    """A cell as the page has it."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case {"spread": spread}:
            value = format(cell["median"] if "median" in cell else cell["mean"], form)
            return value if spread is None else f"{value} ± {spread:{form if form.endswith('f') else '.2g'}}"
        case [least, most]:
            return f"{least:{form}} to {most:{form}}"
        case _:
            return format(cell, form)


def caption(result):
    """The summary of the table, and the command, date and machine of its figures."""
    processor = result["processor"]
    caches = [f"{level} {size}" for level, size in processor["caches"].items()]
    parts = filter(None, (processor["instruction_set"], *caches, f"{processor['cores']} cores"))
    origin = [f"`{result['command']}`", result["date"], *([f"commit {result['commit']}"] if result["commit"] else [])]
    sums = "; ".join(f"{what}: {value:.3g}" for what, value in result["summary"].items())
    where = f"{', '.join(origin)}, on {processor['model']} ({', '.join(parts)})."
    return f"{sums[0].upper()}{sums[1:]}.\n\n{where}" if sums else where
