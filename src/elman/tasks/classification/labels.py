"""The labels of a text: one, or several, and the forms in which files write several.

| form | written |
|---|---|
| words that begin with `__label__`, as fastText reads them | `__label__sauce __label__cheese` |
| a list, in JSON or in Python | `["sauce", "cheese"]`, `['sauce', 'cheese']` |
| a text with separators | `sauce|cheese` |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any, Literal

import msgspec

from elman._errors import DataError, quantity
from elman._show import Shown

Labels = Literal["one", "several"]
"""The number of labels of a text: one, or several."""

PREFIX = "__label__"
"""The beginning of a label in fastText's files."""

SEPARATORS = ("|", ";", ",")
"""Separators of several labels that are recognised, and written between labels."""

WHITE_SEPARATORS = {"\n": r"\n", "\t": r"\t"}
"""Separators that are recognised too, in quoted fields, and how they are typed."""

MARKS = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
"""The values in columns that are labels: whether the text of a row has the label."""

LEAST = 2
"""The fewest columns of 0 and 1 that are taken for labels."""

_WORD = re.compile(rf"(?<!\S){PREFIX}\S*")
_LABEL = re.compile(rf"{PREFIX}(?:(?!{PREFIX})\S)*")
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?[\d.]+)"""
_PYTHON = re.compile(rf"\[\s*(?:{_QUOTED}\s*(?:,\s*{_QUOTED}\s*)*,?\s*)?\]")


class LabelForm(Shown, msgspec.Struct, frozen=True):
    """The form in which the labels of texts are written.

    >>> LabelForm().labels("sauce|cheese"), LabelForm(several=True, separator="|").labels("sauce|cheese")
    (('sauce|cheese',), ('sauce', 'cheese'))
    """

    several: bool = False
    """A text may have several labels, or none."""
    separator: str = ""
    """The text between labels in files and in answers, where a text may have several; no label holds it."""

    @classmethod
    def recognise(
        cls, written: Sequence[str], *, chosen: Labels | None = None, separator: str | None = None
    ) -> tuple[LabelForm, list[str]]:
        """The form of the labels of the training texts, and sentences that say what was recognised.

        Lists and fastText's words have as many labels as they have. Other texts are separated where some have a
        separator and others have none, and that gives fewer different labels than there are different texts.

        Args:
            written: the label of each text as it is written.
            chosen: one label for a text, or several; by default several, if a text has any other number than one.
            separator: the separator of labels; recognised by default.

        >>> LabelForm.recognise(["a|b", "a", "b"])[0], LabelForm.recognise(["x, y", "z"])[0]
        (LabelForm(several=True, separator='|'), LabelForm(several=False, separator=''))
        """
        separator = next((white for white, typed in WHITE_SEPARATORS.items() if typed == separator), separator)
        texts, notes = sorted({one for one in written if marked_labels(one) is None}), list[str]()
        if separator is None and chosen != "one":
            separator, notes = _recognise_separator(texts)
        groups = [cls(True, separator or "").labels(one) for one in written if one.strip()]
        most = max(map(len, groups), default=1)
        if chosen == "one" or (chosen is None and all(len(labels) == 1 for labels in groups)):
            return cls(), notes
        kept = separator or _free_separator({*chain.from_iterable(groups)})
        form = f"separated by {kept!r}" if texts and separator else "as they are marked"
        notes = [
            f"texts have up to {quantity(most, 'label')}, {form}; each label is predicted by itself "
            "(--labels one takes what is written as one label)"
        ]
        return cls(True, kept), notes

    def labels(self, written: str, place: str = "the text") -> tuple[str, ...]:
        """The labels of a text from what is written, each once.

        Raises:
            DataError: another number of labels than one, where a text has one; names `place`.
        """
        marked = marked_labels(written, place)
        if marked is None and not self.several:
            marked = [written] if written else []
        if marked is None:
            marked = written.split(self.separator) if self.separator else [written]
        names = tuple(dict.fromkeys(label.strip() for label in marked if label.strip()))
        if not self.several and not names:
            raise DataError(
                f"{place}: the label is empty; write one, or delete the text; --labels several lets texts have none"
            )
        if not self.several and len(names) > 1:
            raise DataError(
                f"{place}: expected one label; got {len(names)} ({', '.join(names[:5])}). Train with --labels several, "
                "or keep one"
            )
        return names

    def write(self, labels: Iterable[str]) -> str:
        r"""The text of labels, from which `labels` reads them: a list where the form has no other. Several labels are a
        list too where one holds a tab or a line end.

        >>> form = LabelForm(several=True, separator="|")
        >>> form.write(["sauce", "cheese"]), form.write(["a|b", "c"]), LabelForm().write(["a\tb"])
        ('sauce|cheese', '["a|b","c"]', 'a\tb')
        """
        from elman.formats.rows import field_text  # which imports NumPy, and settings import this module

        names = tuple(labels)
        written = self.separator.join(names)
        is_line = not self.several or written == field_text(written)
        return written if is_line and self._is_read(written, names) else list_text(names)

    def _is_read(self, written: str, names: tuple[str, ...]) -> bool:
        try:
            return self.labels(written) == names
        except DataError:
            return False


def marked_labels(written: str, place: str = "the text") -> list[str] | None:
    """The labels of a list or of fastText's words; None for another text.

    >>> marked_labels("__label__a, __label__b"), marked_labels("['a', 'b']"), marked_labels("a")
    (['__label__a', '__label__b'], ['a', 'b'], None)

    Raises:
        DataError: a list that is neither JSON nor Python; names `place`.
    """
    words = written.split()
    if words and all(word.startswith(PREFIX) for word in words):
        return [label.rstrip(",") for word in words for label in _LABEL.findall(word)]
    if not (written.startswith("[") and written.endswith("]")):
        return None
    try:
        return [_text_of(value) for value in msgspec.json.decode(written, type=list[str | int | float | bool])]
    except msgspec.MsgspecError:
        pass
    if _PYTHON.fullmatch(written):
        return [_unquoted(value) for value in re.findall(_QUOTED, written)]
    if written[1:].lstrip().startswith(("'", '"')):
        raise DataError(f'{place}: the label {written[:40]!r} is no list; expected one such as ["a", "b"]')
    return None


def marked_columns(rows: Iterable[Mapping[str, str]], names: Sequence[str]) -> list[str]:
    """Those of the columns that hold 0 or 1 in every row.

    >>> marked_columns([{"a": "1", "b": "one"}, {"a": "0.0", "b": "1"}], ["a", "b"])
    ['a']
    """
    marked = list(names)
    for row in rows:
        marked = [name for name in marked if row[name].strip().lower() in MARKS]
    return marked


def are_marked(lines: Sequence[str]) -> bool:
    """True for fastText's lines, of which most have a word that begins with `__label__`.

    >>> are_marked(["__label__a one", "two __label__b"]), are_marked(["a one"]), are_marked([])
    (True, False, False)
    """
    return 2 * sum(bool(_WORD.search(line)) for line in lines) >= max(len(lines), 1)


def single_label(written: str, place: str = "the text") -> str:
    r"""The label of an example that has one: of a list of one label, that label.

    >>> single_label('["a\\tb"]'), single_label("[a]")
    ('a\tb', '[a]')

    Raises:
        DataError: as `marked_labels`.
    """
    marked = marked_labels(written, place) or []
    return marked[0].strip() if len(marked) == 1 else written


def split_marked(line: str) -> tuple[str, str]:
    """The labels of one of fastText's lines, wherever they stand, and its text.

    >>> split_marked("__label__a __label__b one two")
    ('__label__a __label__b', 'one two')
    """
    return " ".join(_WORD.findall(line)), _WORD.sub("", line).strip()


def list_text(labels: Any) -> Any:
    """A label as it is, or several as a list in JSON.

    >>> list_text("a"), list_text(["a", "b"])
    ('a', '["a","b"]')
    """
    return msgspec.json.encode(list(labels)).decode() if isinstance(labels, list | tuple | set) else labels


def check_labels(texts: Sequence[Any], counts: Counter[str]) -> tuple[str, ...]:
    """The sorted labels of training texts that may have several, after a check; `counts` has the texts of each label.

    Raises:
        DataError: texts that all have the same labels.
    """
    if not texts or all(count == len(texts) for count in counts.values()):
        same = f"all {len(texts):,} have the same labels" if texts else "there is no text"
        raise DataError(f"expected texts with different labels; {same}")
    return tuple(sorted(counts))


def _recognise_separator(texts: Sequence[str]) -> tuple[str, list[str]]:
    """The separator of several labels, empty where there is none, and a sentence where there might be one."""
    notes = []
    for separator in (*SEPARATORS, *WHITE_SEPARATORS):
        pieces = [[piece.strip() for piece in text.split(separator)] for text in texts]
        if all(len(several) < 2 for several in pieces):
            continue
        sizes = {len(several) for several in pieces}
        if 1 in sizes and len({*chain.from_iterable(pieces)} - {""}) < len({*texts} - {""}):
            return separator, []
        example = next(text for text in texts if separator in text)
        notes = notes or [
            f"labels such as {example[:40]!r} are taken as one each; --label-separator {separator!r} takes them apart"
        ]
    return "", notes


def _free_separator(labels: set[str]) -> str:
    """A separator that no label holds."""
    spaces = () if any(" " in label for label in labels) else (" ",)
    if all(label.startswith(PREFIX) for label in labels) and spaces:
        return " "
    longer = ("|" * length for length in count(2))
    return next(one for one in chain(SEPARATORS, longer) if not any(one in label for label in labels))


def _text_of(value: str | float | bool) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "'\"" else value
