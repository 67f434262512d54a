"""Brings the tables of benchmarks/results to docs/benchmarks.md.

    python benchmarks/tables.py [--check]

The page has a place for them between `<!-- results: NAME ... -->` and `<!-- /results -->`. There stand, for each
processor that has results of that name, its table and where its figures are from; results of several names with the
same columns become one table. With `--check` nothing is written, and a page that differs is an error.
"""

import argparse
import json
import re
import sys
from itertools import groupby
from pathlib import Path

from results import FOLDER, caption, heading, line

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PLACE = re.compile(r"(<!-- results: ([\w -]+?) -->\n).*?(<!-- /results -->)", re.DOTALL)


def filled(page, results):
    """The page with the tables in their places; `found` are records, in the order in which they are to stand."""
    named = {name for _, names, _ in PLACE.findall(page) for name in names.split()}
    if unnamed := {one["table"] for one in results} - named:
        raise SystemExit(f"no place in the page for {', '.join(sorted(unnamed))}: write <!-- results: NAME -->")
    return PLACE.sub(lambda place: f"{place[1]}\n{between(place[2].split(), results)}\n{place[3]}", page)


def between(names, results):
    """The tables of these names, a processor at a time."""
    asked = sorted((one for one in results if one["table"] in names), key=lambda one: names.index(one["table"]))
    if missing := set(names) - {one["table"] for one in asked}:
        raise SystemExit(f"the page asks for {', '.join(sorted(missing))}, of which there are no results")
    processors = dict.fromkeys(one["processor"]["model"] for one in results)
    parts = [[one for one in asked if one["processor"]["model"] == model] for model in processors]
    return "".join(table(part) for records in parts for _, part in groupby(records, key=lambda one: one["columns"]))


def table(records):
    """One table of records with the same columns, and under it where each is from."""
    records = list(records)
    columns = records[0]["columns"]
    rows = [line(columns, row) for one in records for row in one["rows"]]
    notes = [*map(caption, records), *(one["note"] for one in records if "note" in one)]
    return "\n".join([heading(columns), *rows, "", *(f"{sentence}\n" for sentence in dict.fromkeys(notes))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page differs")
    options = parser.parse_args()
    results = sorted(
        map(json.loads, (place.read_text() for place in FOLDER.glob("*.json"))), key=lambda one: one["date"]
    )
    before = PAGE.read_text()
    after = filled(before, results)
    if after == before:
        return
    if options.check:
        sys.exit(f"{PAGE.name} differs from benchmarks/results: run `python benchmarks/tables.py`")
    PAGE.write_text(after)


if __name__ == "__main__":
    main()
