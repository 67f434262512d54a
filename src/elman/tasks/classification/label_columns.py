"""Labels that are columns of a table, with 1 where a text has the label and 0 where it has not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from elman._errors import DataError, RecordError, excerpt
from elman.formats import table
from elman.formats.files import File
from elman.formats.names import JSON_LINES
from elman.tasks.classification.labels import LEAST, MARKS, list_text, marked_columns, marked_labels


def find_label_columns(
    tables: Sequence[File], text: str, label: str, *, encoding: str = "utf-8", known: Sequence[str] = ()
) -> tuple[str, ...]:
    r"""The columns that are labels; none where one column names the label of each text, or none is there.

    Args:
        tables: the files to learn from.
        text, label: names of columns; `label` may have several, with commas between them.
        encoding: encoding of the files.
        known: the labels of a model; where they are columns, these are taken. By default all columns that hold only 0
            and 1 in every row, or true and false, if there are two or more.

    Raises:
        DataError: a file that is no table.

    >>> file = File("a.csv", ("a.csv",), b"id,text,rude,kind\n7,thanks,0,1\n8,shut up,1,0\n")
    >>> find_label_columns([file], "text", "label"), find_label_columns([file], "text", "rude")
    (('rude', 'kind'), ())
    """
    heads = [table.columns_of(file, encoding=encoding) for file in tables]
    if not tables or any(table.column_name(label) in head for head in heads):
        return ()
    if "," in label:
        return tuple(name.strip() for name in label.split(",") if name.strip())
    shared = [name for name in heads[0] if name != table.column_name(text) and all(name in head for head in heads)]
    if known:
        return tuple(known) if any(table.column_name(name) in shared for name in known) else ()
    for file in tables:
        rows = table.read_table(file, columns=shared, encoding=encoding, lists=shared)
        try:
            shared = marked_columns((row.values for row in rows), shared)
        except RecordError:
            if file.suffix not in JSON_LINES:
                raise
            return ()  # something nested
    return tuple(shared) if len(shared) >= LEAST else ()


def label_of_marks(values: Mapping[str, str], columns: Sequence[str], place: str) -> str:
    """The labels of a row as a list in JSON.

    >>> label_of_marks({"rude": "1", "kind": "0", "long": "1"}, ["rude", "kind", "long"], "line 2")
    '["rude","long"]'

    Raises:
        DataError: a field that is neither 0 nor 1; names `place`.
    """
    marks = {name: MARKS.get(values[name].strip().lower()) for name in columns}
    for name, mark in marks.items():
        if mark is None:
            raise DataError(
                f"{place}: {excerpt(name)[1:-1]} is {excerpt(values[name])}; expected 0 or 1, since the column is a "
                "label: mend it, or delete the row"
            )
    return list_text([name for name, mark in marks.items() if mark])


def describe_columns(columns: Sequence[str], labels: Iterable[str]) -> list[str]:
    """Sentences on the columns that are labels, given the labels of all texts.

    >>> describe_columns(["rude", "kind"], ['["rude"]', "[]"])[1]
    'no text has the label kind, which is not learned'
    """
    if not columns:
        return []
    held = {label for written in {*labels} for label in marked_labels(written) or ()}
    absent = [name for name in columns if name not in held]
    notes = [f"columns are labels, 1 where a text has them: {_listed(columns)} (--label-column names others)"]
    return notes + ([f"no text has the label {_listed(absent)}, which is not learned"] if absent else [])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f", ... ({len(names)})" if len(names) > 8 else "")
