"""Reads labelled texts in several formats.

| format | the label is |
|---|---|
| CSV, TSV or JSON lines | a column |
| a folder for each class with a file for each text, also in a tar archive | the folder's name |
| a file for each class with a line for each text | the part of the files' names that differs |
| lines of `label<TAB>text` or `label text` | the first field of the line |
| lines with words that begin with `__label__`, as fastText reads them | these words |

Files named train, dev (or valid, validation) and test are those parts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from elman._errors import DataError, RecordError, plural
from elman.formats import table
from elman.formats.files import File, by_part, data_files, lines, text_of
from elman.formats.names import TABLES
from elman.tasks.classification.labels import are_marked, marked_labels, split_marked


class LabelledText(NamedTuple):
    """A text, its class, and its file and line, for messages."""

    text: str
    label: str
    place: str = "the text"


@dataclass(frozen=True)
class LabelledTexts:
    """The labelled texts of files, by part; `validation` and `test` are empty where no file is named so."""

    train: tuple[LabelledText, ...]
    validation: tuple[LabelledText, ...] = ()
    test: tuple[LabelledText, ...] = ()


def read_labelled(
    *places: str | Path, text_column: str = "text", label_column: str = "label", encoding: str = "utf-8"
) -> LabelledTexts:
    """Reads labelled texts from files, folders and archives.

    Args:
        places: files, folders and archives.
        text_column, label_column: names of a table's columns.
        encoding: encoding of all files.

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

    def read(files: Sequence[File]) -> tuple[LabelledText, ...]:
        return check_texts(_examples(_below_common(files), text_column, label_column, encoding))

    parts = by_part(files)
    if not parts:
        return LabelledTexts(read(files))
    return LabelledTexts(**{name: read(group) for name, group in parts.items()})


def check_texts(examples: Iterable[LabelledText]) -> tuple[LabelledText, ...]:
    """The examples, after a check, without the white space around texts and labels.

    >>> check_texts([LabelledText(" a b ", "x")])
    (LabelledText(text='a b', label='x', place='the text'),)

    Raises:
        DataError: a text that is empty or no string, or a label that is no string, has a tab or a line end, or is
            nearly a list of labels.
    """
    texts = []
    for example in examples:
        for what, value in (("text", example.text), ("label", example.label)):
            if not isinstance(value, str):
                raise DataError(f"{example.place}: the {what} is {value!r}; expected a string, such as {str(value)!r}")
        text, label = example.text.strip(), example.label.strip()
        if not text:
            raise DataError(f"{example.place}: the text is empty; write one, or delete it")
        check_label(label, example.place)
        marked_labels(label, example.place)
        texts.append(LabelledText(text, label, example.place))
    return tuple(texts)


def check_label(label: str, place: str) -> None:
    """Refuses a label that no line can hold beside other fields.

    Raises:
        DataError: a label with a tab or a line end.
    """
    if re.search(r"[\t\n\r]", label):
        raise DataError(f"{place}: the label {label[:40]!r} holds a tab or a line end; take it out")


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


def _below_common(files: Sequence[File]) -> list[File]:
    """The files, with paths from the folders of the classes on: folders that all files share are left out."""
    while all(len(file.path) > 2 for file in files) and len({file.path[0] for file in files}) == 1:
        files = [file._replace(path=file.path[1:]) for file in files]
    return list(files)


def _examples(files: Sequence[File], text: str, label: str, encoding: str) -> Iterator[LabelledText]:
    tables = [file for file in files if file.suffix in TABLES]
    if tables and len(tables) < len(files):
        other = next(file for file in files if file.suffix not in TABLES)
        raise DataError(f"{other.name}: not a table ({', '.join(TABLES)}), as other files here; move it away")
    for file in tables:
        _check_head(file, text, label, encoding)
        for row in table.read_table(file, columns=[text, label], encoding=encoding, lists=[label]):
            yield LabelledText(row.values[text], row.values[label], f"{file.name}, line {row.line}")
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


def _check_head(file: File, text: str, label: str, encoding: str) -> None:
    there = table.columns_of(file, encoding=encoding)
    if there and not {text, label} & set(there):
        raise DataError(
            f"{file.name}: no column {text!r} and no column {label!r}; there are {', '.join(there)}. Name them with "
            "--text-column and --label-column; lines `label<TAB>text` without a head must be in a .txt file"
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
