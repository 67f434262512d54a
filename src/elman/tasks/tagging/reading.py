"""Reads sentences whose words have tags, from CoNLL-U and from files in columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from elman._errors import DataError
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats import conllu
from elman.formats.columns import read_columns
from elman.formats.conllu import read_conllu
from elman.formats.files import File, by_part, data_files, lines, text_of
from elman.formats.names import CONLLU
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


@dataclass(frozen=True)
class TaggedSentences:
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
    forms: dict[Form, str] = {_form(file): file.name for file in files}
    if len(forms) > 1:
        raise DataError(f"{forms['conllu']} is CoNLL-U and {forms['columns']} is not; read files of one form at a time")
    form, read = next(iter(forms)), lambda group: tuple(_sentences(group, column))
    parts = {part: read(group) for part, group in (by_part(files) or {"train": files}).items()}
    if not any(parts.values()):
        raise DataError(f"{', '.join(file.name for file in files)}: no sentence")
    return TaggedSentences(parts.get("train", ()), parts.get("validation", ()), parts.get("test", ()), form)


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
        what = "there is no word" if only is None else f"all {counts[only]:,} words have {only!r}"
        raise DataError(
            f"{f'column {column}' if column else 'the last column'}: nothing to learn, {what}; choose another"
        )


def check_spans(sentences: Iterable[TaggedWords], *, scheme: Scheme, ill_formed: IllFormed) -> tuple[TaggedWords, ...]:
    """The sentences with well-formed tags, repaired where `ill_formed` is "repair".

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
        return scheme, [f"the tags mark spans in {scheme.name}; choose another scheme with --scheme"]
    kinds = {tag for sentence in tags for tag in sentence} - {*OUTSIDE}
    marked = [tag for tag in sorted(kinds) if len(tag) > 1 and Scheme.of([[tag]])]
    if 2 * len(marked) < max(len(kinds), 1):
        return None, []
    other = min(kinds.difference(marked), default="")
    odd = f"{other!r} does not" if other else "they belong to several"
    return None, [f"some tags, such as {marked[0]}, seem to mark spans, but {odd}: each is a tag by itself"]


def _well_formed(sentence: TaggedWords, scheme: Scheme, ill_formed: IllFormed) -> TaggedWords:
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
                    yield TaggedWords(sentence.values("form"), sentence.values(column or UPOS), place)
        else:
            for rows in read_columns(text, file=file.name):
                yield TaggedWords(rows.words, rows.values(column), f"{file.name}, sentence at line {rows.line}")
