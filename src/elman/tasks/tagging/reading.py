"""Reads sentences whose words have tags, from CoNLL-U and from files in columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from elman._errors import DataError, quantity
from elman._normal_form import normalise
from elman._show import Shown, brief, brief_table
from elman._types import NormalForm
from elman.formats import conllu
from elman.formats.columns import read_columns
from elman.formats.conllu import read_conllu
from elman.formats.conllu_text import surfaces_of
from elman.formats.files import File, by_part, data_files, lines, text_of
from elman.formats.frames import TABLE, AnyFrame, Frame, check_text, read_frame
from elman.formats.names import CONLLU, JSON_LINES
from elman.tasks.tagging.spans import OUTSIDE, Scheme, SchemeName

Form = Literal["conllu", "columns"]
"""Formats of files with tagged words."""

IllFormed = Literal["refuse", "repair"]
"""Ways of treating span tags that their scheme does not allow, such as I-PER after O."""

UPOS = "upos"


class TaggedWords(NamedTuple):
    """The words of a sentence and their tags, and the file and line where it begins, for messages."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    place: str = "the text"
    surfaces: tuple[str, ...] = ()
    """The text of each word with the white space after it; see `surfaces_of`. Empty where it is not known."""

    __repr__, _repr_html_ = brief, brief_table


@dataclass(frozen=True)
class TaggedSentences(Shown):
    """The tagged sentences of files, by part; `validation` and `test` are empty where no file is named so."""

    train: tuple[TaggedWords, ...]
    validation: tuple[TaggedWords, ...]
    test: tuple[TaggedWords, ...]
    form: Form


def read_tagged(*places: str | Path, column: str = "") -> TaggedSentences:
    """Reads tagged sentences from CoNLL-U or files in columns, and folders of them.

    Args:
        places: files and folders; files named train, dev and test are those parts.
        column: the column of the tags: in CoNLL-U upos (the default), xpos, feats, feats=Number, ...; else the name or
            number of a column, by default the last.

    Raises:
        DataError: a malformed file, with its line, or files without a sentence.
        ConfigError: no such column.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "train.txt").write_text("EU B-ORG\\nrejects O\\n")
    ...     read_tagged(folder).train[0][:2]
    (('EU', 'rejects'), ('B-ORG', 'O'))
    """
    files = data_files(*places)
    _refuse_tables(files)
    forms: dict[Form, str] = {_form(file): file.name for file in files}
    if len(forms) > 1:
        raise DataError(f"{forms['conllu']} is CoNLL-U and {forms['columns']} is not; read files of one form at a time")
    form, read = next(iter(forms)), lambda group: tuple(_sentences(group, column))
    parts = {part: read(group) for part, group in (by_part(files) or {"train": files}).items()}
    if not any(parts.values()):
        raise DataError(f"{', '.join(file.name for file in files)}: no sentence")
    return TaggedSentences(parts.get("train", ()), parts.get("validation", ()), parts.get("test", ()), form)


def _refuse_tables(files: Iterable[File]) -> None:
    for file in files:
        first = file.content[:1000].partition(b"\n")[0]
        if file.suffix in JSON_LINES or (file.suffix == ".csv" and b"," in first and b"\t" not in first):
            raise DataError(
                f"{file.name}: a table; expected a word and its tag on each line, with a tab between them and an empty "
                "line after each sentence (.conll, .tsv), or CoNLL-U: write it so"
            )


def normal_tags(sentences: Iterable[TaggedWords], form: NormalForm) -> tuple[TaggedWords, ...]:
    """The sentences with their tags in a normal form, so that tags that look alike are one; the words are unchanged.

    >>> normal_tags([TaggedWords(("a",), ("e\u0301",))], "NFC")[0].tags == ("\xe9",)
    True
    """
    return tuple(sentence._replace(tags=tuple(normalise(tag, form) for tag in sentence.tags)) for sentence in sentences)


def check_tags(sentences: Sequence[TaggedWords], *, column: str) -> None:
    """Refuses a column of tags with nothing to learn in it.

    Raises:
        DataError: every word of the training part has the same tag.

    >>> check_tags([TaggedWords(("a", "b"), ("X", "Y"))], column="upos")
    """
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    if len(counts) < 2:
        only = next(iter(counts), None)
        what = "there is no word" if only is None else f"all {quantity(counts[only], 'word')} have {only!r}"
        raise DataError(
            f"{f'column {column}' if column else 'the last column'}: nothing to learn, {what}; choose another"
        )


def check_spans(sentences: Iterable[TaggedWords], *, scheme: Scheme, ill_formed: IllFormed) -> tuple[TaggedWords, ...]:
    """The sentences with well-formed tags, repaired where `ill_formed` is "repair", and without the contexts of BMEWO+.

    Raises:
        DataError: an ill-formed tag that is not to be repaired, or a tag that is not of the scheme; with file and line.

    >>> check_spans([TaggedWords(("a", "b"), ("O", "I-X"))], scheme=Scheme("IOB2"), ill_formed="repair")[0].tags
    ('O', 'B-X')
    """
    return tuple(_well_formed(sentence, scheme, ill_formed) for sentence in sentences)


def scheme_of(
    sentences: Iterable[TaggedWords], chosen: Literal["plain", SchemeName] | None
) -> tuple[Scheme | None, list[str]]:
    """The chosen scheme of the tags, or the one that they are recognised by; None where they mark no spans. Beside it,
    sentences that say what was recognised.

    >>> scheme, (note,) = scheme_of([TaggedWords(("Ann", "sat"), ("U-PER", "O"))], None)
    >>> scheme.name, note
    ('BILOU', 'the tags mark spans in BILOU; choose another scheme with --scheme')
    """
    tags = [sentence.tags for sentence in sentences]
    if chosen == "plain":
        return None, []
    if chosen is not None:
        return Scheme.of(tags, names=[chosen]) or Scheme(chosen), []
    scheme = Scheme.of(tags)
    if scheme is not None:
        return scheme, [f"the tags mark spans in {_described(scheme, tags)}; choose another scheme with --scheme"]
    kinds = {tag for sentence in tags for tag in sentence} - {*OUTSIDE}
    capital = Scheme.of([[tag.upper() for tag in sentence] for sentence in tags])
    if capital and capital.notation != "B":
        example = min(tag for tag in kinds if len(tag) > 1)
        said = f"tags such as {example} would mark spans in {capital.name} if their marks were capital letters"
        return None, [f"{said}: each is a tag by itself"]
    marked = [tag for tag in sorted(kinds) if len(tag) > 1 and Scheme.of([[tag]])]
    if 2 * len(marked) < max(len(kinds), 1):
        return None, []
    other = min(kinds.difference(marked), default="")
    odd = f"{other!r} does not" if other else "they belong to several"
    return None, [f"some tags, such as {marked[0]}, seem to mark spans, but {odd}: each is a tag by itself"]


def _described(scheme: Scheme, several: Iterable[tuple[str, ...]]) -> str:
    contexts = ({*tags}.difference(scheme.without_context(tags)) for tags in several)
    if example := min(set[str]().union(*contexts), default=""):
        return f"{scheme.name}+, of which tags such as {example} are read and written as {scheme.outside}"
    return scheme.name


def _well_formed(sentence: TaggedWords, scheme: Scheme, ill_formed: IllFormed) -> TaggedWords:
    sentence = sentence._replace(tags=scheme.without_context(sentence.tags))
    for problem in scheme.problems(sentence.tags):
        can_repair = all(map(scheme.has, sentence.tags))
        if ill_formed == "repair" and can_repair:
            return sentence._replace(tags=tuple(scheme.repair(sentence.tags)))
        mend = "train with --ill-formed repair" if can_repair else "choose another scheme in training with --scheme"
        raise DataError(
            f"{sentence.place}, word {problem.place + 1} ({sentence.words[problem.place]!r}): {problem.reason}; "
            f"expected spans in {scheme.name}. Mend the file, or {mend}"
        )
    return sentence


SENTENCES = ("sentence", "sentence_id", "sent_id", "sentence #")
WORDS = ("word", "words", "token", "tokens", "form", "forms")
TAGS = ("tag", "tags", "label", "labels", "ner_tags", "upos")
"""Names of a table's columns, in upper or lower case: the sentence of each row, its word, or the words of a whole
sentence as a list, and the tag of each."""


def tagged_in(table: AnyFrame, *, column: str = "", name: str = TABLE) -> Iterator[TaggedWords]:
    """Reads the tagged sentences of a table in memory: a row for each word, with a column of the sentence's number or
    name, or a row for each sentence, with its words and its tags as lists.

    Args:
        table: the table.
        column: the column of the tags; by default the first that is called so, or the last.
        name: the name of the table in messages.

    Raises:
        DataError: no such columns, a word or tag that is missing or no text, or more or fewer tags than words.

    >>> [one[:2] for one in tagged_in({"sentence": [1, 1, 2], "word": ["I", "am", "I"], "tag": ["P", "V", "P"]})]
    [(('I', 'am'), ('P', 'V')), (('I',), ('P',))]
    """
    frame = read_frame(table, name=name)
    tags = frame.column(column) if column else frame.columns[_column(frame, TAGS) or frame.own[-1]]
    for place, words, own in sentences_in(frame, tags):
        texts = [check_text(tag, f"{place}, the tag of {word!r}") for word, tag in zip(words, own, strict=True)]
        yield TaggedWords(tuple(words), tuple(texts), place)


def sentences_in(frame: Frame, beside: Sequence[Any] = ()) -> Iterator[tuple[str, list[str], list[Any]]]:
    """Yields the place, the words and the values `beside` them of each sentence of a frame, as `tagged_in` reads them.

    Raises:
        DataError: as `tagged_in`.
    """
    column = frame.own[0] if frame.is_series else _column(frame, WORDS)
    if not column:
        there = ", ".join(frame.own)
        raise DataError(f"{frame.name}: no column of words; expected one of {', '.join(WORDS)}; got {there}")
    rows = zip(frame.columns[column], beside or [()] * len(frame), strict=True)
    number = _column(frame, SENTENCES)
    first = next((value for value in frame.columns[column] if value is not None), "")
    if not number or not isinstance(first, str):
        for row, (words, values) in enumerate(rows):
            yield frame.place(row), *_listed(words, values, frame.place(row), several=bool(beside))
        return
    before: Any = None
    group: tuple[str, list[str], list[Any]] | None = None
    for row, ((word, value), sentence) in enumerate(zip(rows, frame.columns[number], strict=True)):
        if group is None or (sentence is not None and sentence != before):
            if group is not None:
                yield group
            group, before = (frame.place(row), [], []), sentence
        group[1].append(check_text(word, f"{frame.place(row)}, {column}"))
        group[2].append(value)
    if group is not None:
        yield group


def _listed(words: Any, values: Any, place: str, *, several: bool) -> tuple[list[str], list[Any]]:
    """The words of a sentence and the values beside them, from lists."""
    if isinstance(words, str) or not isinstance(words, Sequence | np.ndarray):
        raise DataError(
            f"{place}: expected a list of words, or a column {SENTENCES[0]!r} that says which words belong together; "
            f"got {str(words)[:40]!r}"
        )
    texts = [check_text(word, f"{place}, word {number}") for number, word in enumerate(words, start=1)]
    if several and len(values) != len(texts):
        raise DataError(f"{place}: expected a tag for each of {quantity(len(texts), 'word')}; got {len(values)}")
    return texts, list(values) if several else [None] * len(texts)


def _column(frame: Frame, names: Sequence[str]) -> str:
    """The first column with one of these names, in upper or lower case; empty without any."""
    by_name = {name.lower(): name for name in reversed(frame.columns)}
    return next((by_name[name] for name in names if name in by_name), "")


def is_conllu(lines: Iterable[str]) -> bool:
    r"""True for the lines of CoNLL-U.

    >>> is_conllu(["# text = Hi", "1\tHi" + 8 * "\t_"]), is_conllu(["Hi O"])
    (True, False)
    """
    first = next((line for line in lines if line.strip() and not line.startswith("# ")), "")
    return first.count("\t") == len(conllu.COLUMNS) - 1 and first[0].isdigit()


def _form(file: File) -> Form:
    return "conllu" if file.suffix in CONLLU or is_conllu(lines(text_of(file))) else "columns"


def _sentences(files: Iterable[File], column: str) -> Iterator[TaggedWords]:
    for file in files:
        text = lines(text_of(file))
        if _form(file) == "conllu":
            for sentence in read_conllu(text, file=file.name):
                if sentence.words:
                    place = f"{file.name}, sentence at line {sentence.line}"
                    tags = sentence.values(column or UPOS)
                    yield TaggedWords(sentence.values("form"), tags, place, surfaces_of(sentence))
        else:
            for rows in read_columns(text, file=file.name):
                yield TaggedWords(rows.words, rows.values(column), f"{file.name}, sentence at line {rows.line}")
