"""Reads texts to classify as they arrive, in the forms that labelled texts have: tables, lines, and files of one text
each. Labels beside them are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from elman._errors import DataError
from elman.formats.files import text_of
from elman.formats.lines import AT_MOST, Lines
from elman.formats.names import TABLES
from elman.formats.rows import field_text
from elman.formats.sources import Source, open_sources
from elman.formats.table import TSV
from elman.tasks.answers import Group, Input, lines_asked, rows_asked
from elman.tasks.classification.labels import are_marked, split_marked
from elman.tasks.classification.reading import has_tabs, lacks_head, split_label
from elman.tasks.output import Warning


def texts_asked(
    *places: str, read: str, column: str, is_label: Callable[[str], bool], encoding: str, piped: str = "utf-8"
) -> Iterator[Group | Warning]:
    r"""Yields the texts of files, folders, archives or standard input ("-"), in groups as they arrive.

    Args:
        places: files, folders and archives.
        read: the form of the input, as in `TextPrediction`.
        column: the name of the column of texts in a table.
        is_label: a function that tells a label of the model, by which labelled lines are known.
        encoding: encoding of files.
        piped: encoding of standard input and other pipes.

    Raises:
        DataError: a missing file, or a table without such a column.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write('text,label\n"one, two",a\n')
    ...     file.flush()
    ...     [[one]] = texts_asked(file.name, read="auto", column="text", is_label=bool, encoding="utf-8")
    >>> one.asked, one.fields
    ('one, two', ('one, two', 'a'))
    """
    whole: Group = []
    for source in open_sources(*places):
        form, own = _form(source, read), piped if source.is_pipe else encoding
        if form == "files":
            whole.append(_file(source, own))
        if whole and (form != "files" or len(whole) == AT_MOST):
            yield whole
            whole = []
        if form == "files":
            continue
        lines = source.lines(own)
        if form == TSV and read == "auto" and lacks_head(lines.ahead(), [column]):
            form = "auto"
        if form in TABLES:
            yield from rows_asked(lines, form, column)
        else:
            yield from _lines(source, lines, form, is_label)
    if whole:
        yield whole


def _form(source: Source, read: str) -> str:
    """The ending of a table, or one of the forms of `TextPrediction`."""
    if read != "auto":
        return f".{read}" if f".{read}" in TABLES else read
    return source.suffix if source.suffix in TABLES else "files" if len(source.path) > 1 else "auto"


def _file(source: Source, encoding: str) -> Input:
    try:
        return Input(text_of(source.whole(), encoding).strip(), (field_text(source.name),), place=source.name)
    except DataError as error:
        return Input("", (field_text(source.name),), error=error)


def _lines(source: Source, lines: Lines, form: str, is_label: Callable[[str], bool]) -> Iterator[Group | Warning]:
    guess = form == "auto" and not source.is_pipe
    marked = (guess or form == "labelled") and are_marked([line for line in lines.ahead() if line.strip()])
    if guess and (marked or _begin_with(is_label, lines.ahead())):
        form = "labelled"
        yield Warning(f"{source.name}: lines have labels, as in training, which are left out; --read lines reads all")
    if form != "labelled":
        asked = lines_asked(lines)
        yield from asked if form == "lines" else _with_notice(source.name, asked, is_label)
    elif marked:
        yield from lines_asked(lines, lambda line, _: split_marked(line)[1])
    else:
        tabs = has_tabs([line for line in lines.ahead() if line.strip()])
        yield from lines_asked(lines, lambda line, place: split_label(line, place, tabs=tabs)[1])


def _with_notice(name: str, groups: Iterator[Group], is_label: Callable[[str], bool]) -> Iterator[Group | Warning]:
    """The lines of a pipe, which is not read ahead, with a warning before the first if they seem to have labels."""
    for number, group in enumerate(groups):
        written = ["".join(one.fields) for one in group if one.asked]
        if number == 0 and written and (are_marked(written) or _begin_with(is_label, written)):
            yield Warning(
                f"{name}: lines begin with labels, as in training, which are read as text; --read labelled leaves them "
                "out, --read lines is silent"
            )
        yield group


def _begin_with(is_label: Callable[[str], bool], lines: Sequence[str]) -> bool:
    """True for lines `label<TAB>text`, and for `label text` of two classes or more."""
    written = [line for line in lines if line.strip()]
    tabs = has_tabs(written)
    firsts = {line.split("\t" if tabs else None, 1)[0].strip() for line in written}
    return bool(firsts) and all(map(is_label, firsts)) and (tabs or len(firsts) > 1)
