"""Reads labelled texts in several formats.

| format | the label is |
|---|---|
| CSV, TSV or JSON lines | a column, or columns of 0 and 1, each named after a label |
| a folder for each class with a file for each text, also in an archive | the folder's name |
| a file for each class with a line for each text | the part of the files' names that differs |
| lines of `label<TAB>text` or `label text` | the first field of the line |
| lines with words that begin with `__label__`, as fastText reads them | these words |

Files named train, dev (or valid, validation) and test are those parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from elman._errors import DataError, RecordError, nearest, plural
from elman._show import Shown, brief, brief_table
from elman.formats import table
from elman.formats.files import File, by_part, data_files, lines, text_of
from elman.formats.frames import TABLE, AnyFrame, Frame, check_text, read_frame
from elman.formats.names import TABLES
from elman.tasks.classification.label_columns import find_label_columns, label_of_marks
from elman.tasks.classification.labels import LEAST, are_marked, list_text, marked_columns, marked_labels, split_marked


class LabelledText(NamedTuple):
    """A text, its class, and its file and line, for messages."""

    text: str
    label: str
    place: str = "the text"

    __repr__, _repr_html_ = brief, brief_table


@dataclass(frozen=True)
class LabelledTexts(Shown):
    """The labelled texts of files, by part; `validation` and `test` are empty where no file is named so."""

    train: tuple[LabelledText, ...]
    validation: tuple[LabelledText, ...] = ()
    test: tuple[LabelledText, ...] = ()
    columns: tuple[str, ...] = ()
    """The columns of tables that are labels, with 1 where a text has the label and 0 where it has not."""


def read_labelled(
    *places: str | Path,
    text_column: str = "text",
    label_column: str = "label",
    encoding: str = "utf-8",
    known: Sequence[str] = (),
) -> LabelledTexts:
    """Reads labelled texts from files, folders and archives.

    Args:
        places: files, folders and archives.
        text_column, label_column: names of a table's columns; several columns of labels have commas between them.
        encoding: encoding of all files.
        known: labels that are the columns of a table without a column of labels; by default all that hold 0 and 1.

    Raises:
        DataError: files of an unknown format, a missing column, or a line without label or text; with file and line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "sms").write_text("ham\\tSee you\\nspam\\tWin now\\n")
    ...     found = read_labelled(folder)
    >>> [(one.label, one.text) for one in found.train]
    [('ham', 'See you'), ('spam', 'Win now')]
    """
    files = data_files(*places)
    names = (text_column, *label_column.split(","))
    parts = {
        part: [_as_lines(file, names, encoding) for file in group]
        for part, group in (by_part(files) or {"train": files}).items()
    }
    tables = [file for file in parts["train"] if file.suffix in TABLES]
    columns = find_label_columns(tables, text_column, label_column, encoding=encoding, known=known)

    def read(files: Sequence[File]) -> tuple[LabelledText, ...]:
        own = columns or (label_column,)
        for file in files:
            if file.suffix in TABLES:
                _check_head(file, text_column, own, encoding, trained=bool(known))
        return check_texts(_examples(_below_common(files), text_column, own, encoding))

    return LabelledTexts(**{name: read(group) for name, group in parts.items()}, columns=columns)


def labelled_in(
    table: AnyFrame, *, text_column: str, label_column: str, known: Sequence[str] = (), name: str = TABLE
) -> Iterator[LabelledText]:
    """Reads the labelled texts of a table in memory. A label may be a list of several, or columns of 0 and 1 as in
    files.

    >>> [one[:2] for one in labelled_in({"text": ["a"], "label": ["x"]}, text_column="text", label_column="label")]
    [('a', 'x')]

    Raises:
        DataError: a missing column, or a text or label that is missing or no text; with its row.
    """
    frame = read_frame(table, name=name)
    if frame.is_series:
        raise DataError(f"{name}: one column, {frame.own[0]}; expected two, {text_column} and {label_column}")
    mend = "; name them with text_column and label_column"
    texts, marks = frame.texts(text_column, mend), _mark_columns(frame, text_column, label_column, known)
    if marks:
        for row, text in enumerate(texts):
            values = {column: str(frame.column(column)[row]) for column in marks}
            yield LabelledText(text, label_of_marks(values, marks, frame.place(row)), frame.place(row))
        return
    for row, (text, label) in enumerate(zip(texts, frame.column(label_column, mend), strict=True)):
        label = list_text(label.tolist() if isinstance(label, np.ndarray) else label)
        yield LabelledText(text, check_text(label, f"{frame.place(row)}, {label_column}"), frame.place(row))


def _mark_columns(frame: Frame, text: str, label: str, known: Sequence[str]) -> Sequence[str]:
    """The columns of a frame that are labels, as `find_label_columns` tells them in files."""
    if label in frame.columns:
        return ()
    if "," in label or any(name in frame.own for name in known):
        names = known or [one.strip() for one in label.split(",")]
        return [name for name in names if frame.column(name)]
    rows = ({name: str(values[row]) for name, values in frame.columns.items()} for row in range(len(frame)))
    marked = marked_columns(rows, [name for name in frame.own if name != text])
    return marked if len(marked) >= LEAST and len(frame) else ()


def check_texts(examples: Iterable[LabelledText]) -> tuple[LabelledText, ...]:
    """The examples, after a check, without the white space around texts and labels.

    >>> check_texts([LabelledText(" a b ", "x")])
    (LabelledText(text='a b', label='x', place='the text'),)

    Raises:
        DataError: a text that is empty or no string, or a label that is no string or nearly a list of labels.
    """
    texts = []
    for example in examples:
        for what, value in (("text", example.text), ("label", example.label)):
            if not isinstance(value, str):
                raise DataError(f"{example.place}: the {what} is {value!r}; expected a string, such as {str(value)!r}")
        text, label = example.text.strip(), example.label.strip()
        if not text:
            raise DataError(f"{example.place}: the text is empty; write one, or delete it")
        marked_labels(label, example.place)
        texts.append(LabelledText(text, label, example.place))
    return tuple(texts)


@runtime_checkable
class HasLabel(Protocol):
    """The interface of examples that have a class."""

    @property
    def label(self) -> str:
        """The class."""
        ...

    @property
    def place(self) -> str:
        """The file and line that an error names."""
        ...


def check_classes(train: Sequence[HasLabel], *others: Sequence[HasLabel], unit: str = "text") -> tuple[str, ...]:
    """The sorted classes of the training examples, after a check; messages call an example a `unit`.

    >>> check_classes([LabelledText("a", "x"), LabelledText("b", "y"), LabelledText("c", "x"), LabelledText("d", "y")])
    ('x', 'y')

    Raises:
        DataError: fewer than two classes, a class with one example, or a label in `others` that is not in `train`.
    """
    counts = Counter(example.label for example in train)
    if len(counts) < 2:
        only = f"all {len(train):,} are {next(iter(counts))!r}" if counts else f"there is no {unit}"
        raise DataError(f"expected {plural(unit)} of at least two classes; {only}")
    for example in train:
        if counts[example.label] < 2:
            raise DataError(
                f"{example.place}: the only {unit} to train on of class {example.label!r}; "
                "expected at least 2 of a class: add more, or leave it out"
            )
    check_known([*counts], *others)
    return tuple(sorted(counts))


def check_known(labels: Sequence[str], *parts: Iterable[HasLabel]) -> None:
    """Refuses examples whose class is not in `labels`.

    Raises:
        DataError: an example of another class; names the first.
    """
    known = set(labels)
    for part in parts:
        for example in part:
            if example.label not in known:
                shown = ", ".join(sorted(known)[:20])
                raise DataError(f"{example.place}: label {example.label!r} is not among those of training: {shown}")


def lacks_head(written: Sequence[str], names: Collection[str]) -> bool:
    r"""True for lines `label<TAB>text` in place of a table: what would be the name of the first of two columns is a
    value of it too, and none has a name that is asked for.

    >>> lines = ["ham\tSee you", "spam\tWin now", "ham\tOn my way"]
    >>> lacks_head(lines, ["text"]), lacks_head(["label\ttext", *lines], ["text"]), lacks_head(lines, ["See you"])
    (True, False, False)
    """
    head, *rows = [line.split("\t") for line in written if line.strip()] or [[]]
    return len(head) == 2 and not {*map(table.column_name, head)} & {*names} and head[0] in {row[0] for row in rows}


def _as_lines(file: File, names: Sequence[str], encoding: str) -> File:
    """The file, or lines of labels and texts where it is called a table and lacks a head."""
    if file.suffix != table.TSV or not lacks_head(lines(text_of(file, encoding)), names):
        return file
    return file._replace(path=(*file.path[:-1], f"{file.path[-1]}.txt"))


def _below_common(files: Sequence[File]) -> list[File]:
    """The files, with paths from the folders of the classes on: folders that all files share are left out."""
    while all(len(file.path) > 2 for file in files) and len({file.path[0] for file in files}) == 1:
        files = [file._replace(path=file.path[1:]) for file in files]
    return list(files)


def _examples(files: Sequence[File], text: str, labels: Sequence[str], encoding: str) -> Iterator[LabelledText]:
    tables = [file for file in files if file.suffix in TABLES]
    if tables and len(tables) < len(files):
        other = next(file for file in files if file.suffix not in TABLES)
        raise DataError(f"{other.name}: not a table ({', '.join(TABLES)}), as other files here; move it away")
    kinds = {"lists": labels[:1], "texts": [text]}
    for file in tables:
        for row in table.read_table(file, columns=[text, *labels], encoding=encoding, **kinds):
            place = f"{file.name}, line {row.line}"
            label = row.values[labels[0]] if len(labels) == 1 else label_of_marks(row.values, labels, place)
            yield LabelledText(row.values[text], label, place)
    if tables:
        return
    if any(len(file.path) > 1 for file in files):
        yield from _folders(files, encoding)
    elif len(files) == 1 or all(are_marked(lines(text_of(file, encoding))) for file in files):
        for file in files:
            yield from _label_lines(file, encoding)
    else:
        for label, file in zip(_class_names(files), files, strict=True):
            for line, written in enumerate(lines(text_of(file, encoding)), start=1):
                yield LabelledText(written, label, f"{file.name}, line {line}")


def _check_head(file: File, text: str, labels: Sequence[str], encoding: str, *, trained: bool) -> None:
    there = table.columns_of(file, encoding=encoding)
    missing = [name for name in (text, *labels) if table.column_name(name) not in there]
    if not there or not missing:
        return
    listed = f"there are {', '.join(there)[:120]}"
    if trained:
        lacks = " and ".join(f"no column {name!r}" for name in missing)
        raise DataError(f"{file.name}: {lacks}, as in training; {listed}. Rename them in the head")
    if len(missing) <= len(labels):
        option = "--text-column" if missing[0] == text else "--label-column, also several of 0 and 1: a,b"
        raise DataError(
            f"{file.name}: no column {missing[0]!r}{nearest(missing[0], there)}; {listed}. Name it with {option}"
        )
    raise DataError(
        f"{file.name}: no column {text!r} and no column {labels[0]!r}; {listed}. Name them with --text-column and "
        "--label-column; lines `label<TAB>text` without a head must be in a .txt file"
    )


def _folders(files: Sequence[File], encoding: str) -> Iterator[LabelledText]:
    for file in files:
        if len(file.path) == 1:
            raise DataError(f"{file.name}: lies beside the folders of the classes; move it away, or into one of them")
        yield LabelledText(text_of(file, encoding), file.path[0], file.name)


def _label_lines(file: File, encoding: str) -> Iterator[LabelledText]:
    written = lines(text_of(file, encoding))
    if are_marked(written):
        for number, line in enumerate(written, start=1):
            label, text = split_marked(line)
            yield LabelledText(text, label, f"{file.name}, line {number}")
        return
    tabs = has_tabs(written)
    for number, line in enumerate(written, start=1):
        place = f"{file.name}, line {number}"
        label, text = split_label(line, place, tabs=tabs)
        yield LabelledText(text, label, place)


def has_tabs(lines: Sequence[str]) -> bool:
    r"""True for lines `label<TAB>text`; False for `label text`.

    >>> has_tabs(["ham\tSee you", "spam\tWin now"]), has_tabs(["1 a fine film"])
    (True, False)
    """
    return sum("\t" in line for line in lines) * 2 >= len(lines) > 0


def split_label(line: str, place: str, *, tabs: bool) -> tuple[str, str]:
    r"""The label and the text of a line.

    >>> split_label("ham\tSee you", "line 1", tabs=True)
    ('ham', 'See you')

    Raises:
        RecordError: a line without label or without text; names `place`.
    """
    form = "label<TAB>text" if tabs else "label text"
    label, separator, text = line.partition("\t") if tabs else line.strip().partition(" ")
    if not label.strip():
        raise RecordError(f"{place}: no label; expected `{form}`")
    if not separator:
        raise RecordError(f"{place}: expected `{form}`; got {line[:40]!r}")
    return label.strip(), text


def _class_names(files: Sequence[File]) -> list[str]:
    """The class of each file: its stem, or its suffix where stems are equal, as in polarity.pos and polarity.neg."""
    stems, suffixes = [file.stem for file in files], [file.suffix.removeprefix(".") for file in files]
    names = next((names for names in (stems, suffixes) if len(set(names)) == len(files)), None)
    if names is None:
        raise DataError(
            f"{files[0].name} and {len(files) - 1} more: expected a file for each class, named after it; "
            "these names do not distinguish classes"
        )
    return names
