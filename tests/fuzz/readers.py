"""Every reader of files, and the files that it is tried on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from elman import InputError
from elman.formats.files import read_files, text_of
from elman.formats.text import TextSource
from elman.formats.vectors.files import open_vectors
from elman.formats.vectors.vectors import match
from elman.formats.wfdb.record import read_annotations, read_record
from elman.tasks.classification.labels import LabelForm
from elman.tasks.classification.reading import check_classes, read_labelled
from elman.tasks.classification.unlabelled import texts_asked
from elman.tasks.ecg.reading import read_strips
from elman.tasks.ecg.text import arriving_samples, read_ecg_table
from elman.tasks.forecasting.histories import read_histories
from elman.tasks.forecasting.reading import SeriesColumns
from elman.tasks.language_modelling.corpus import read_corpus
from elman.tasks.recognition import recognise
from elman.tasks.seq2seq.reading import read_pairs
from elman.tasks.series_classification.reading import read_series_parts
from elman.tasks.tagging.reading import check_spans, read_tagged, scheme_of
from elman.tasks.tagging.untagged import sentences_asked
from elman.words.lexicon import Lexicon, split_sentences
from tests.fuzz import seeds


class Reader(NamedTuple):
    """The ways to read the folder that a seed's files are in, or the seed's first file."""

    reads: tuple[Callable[[Path], object], ...]
    seeds: Callable[[], list[dict[str, bytes]]]


RECORD = (lambda folder: read_record(folder / "a"), lambda folder: read_annotations(folder / "a"), read_strips)
HISTORIES = (
    read_histories,
    partial(read_histories, resample="2mo", by="sum"),
    partial(read_histories, columns=SeriesColumns(targets=("y",)), zone="Europe/Berlin"),
    partial(read_histories, columns=SeriesColumns(targets=("pm2.5",), future=("TEMP",), static=("Ir",))),
)


def series(place, missing):
    for one in read_series_parts(place, missing=missing).train:
        assert one.values.ndim == 2
        assert one.values.size


def samples(place):
    errors = [group for group in arriving_samples(str(place)) if isinstance(group, InputError)]
    if errors:
        raise errors[-1]


SAMPLES = (
    lambda place: [read_ecg_table(file) for file in read_files(place)],
    lambda place: [read_ecg_table(file, rate=250.0) for file in read_files(place)],
    samples,
)
SERIES = (partial(series, missing="error"), partial(series, missing="interpolate"))


def classes(place):
    found = read_labelled(place)
    form, _ = LabelForm.recognise([text.label for text in found.train])
    for text in found.train:
        form.write(form.labels(text.label, text.place))
    check_classes(found.train, found.validation, found.test)


def tagged(place):
    found = read_tagged(place)
    scheme, _ = scheme_of(found.train, None)
    if scheme:
        check_spans(found.train, scheme=scheme, ill_formed="repair")


def asked(groups):
    """Goes through inputs that are to be answered, past those that cannot be read, and raises an error of these."""
    errors = [one.error for group in groups if isinstance(group, list) for one in group if one.error]
    if errors:
        raise errors[-1]


def untagged(place, form):
    asked(sentences_asked(str(place), read=form, tags=("O", "B-NP")))


def unlabelled(place, form, encoding="utf-8"):
    asked(texts_asked(str(place), read=form, column="text", is_label={"ham", "spam"}.__contains__, encoding=encoding))


UNLABELLED = tuple(
    partial(unlabelled, form=form) for form in ("auto", "lines", "labelled", "files", "csv", "tsv", "jsonl")
)


def dictionary(place):
    pairs = read_pairs(place, stress=False)
    Lexicon.of([pair.source for pair in pairs], lower=True)


def text(place):
    for part in TextSource.open(place).characters():
        split_sentences(part)
        Lexicon.of([part])


def corpus(place, vocabulary):
    read_corpus(TextSource.open(place), vocabulary=vocabulary)


def vectors(place):
    found = open_vectors(place)
    match(found, ["the", "café", "</s>", "unknown"])
    for word in [*found.words()][:3]:
        found.neighbours(word, 2)


def files(place):
    for file in read_files(place):
        text_of(file)


def every(*makers):
    return lambda: [seed for make in makers for seed in make()]


READERS = {
    "wfdb-header": Reader(RECORD, lambda: seeds.records(".hea")),
    "wfdb-signals": Reader((RECORD[0], RECORD[2]), lambda: seeds.records(".dat")),
    "wfdb-annotations": Reader(RECORD[1:], lambda: seeds.records(".atr")),
    "edf": Reader((read_record, read_annotations, lambda place: read_strips(place.parent)), seeds.edf_files),
    "ecg-table": Reader(SAMPLES, seeds.ecg_tables),
    "sktime-ts": Reader(SERIES, seeds.series),
    "series-table": Reader(SERIES, lambda: [*seeds.named("a.csv", [seeds.LONG]), *seeds.named("a.tsv", [seeds.ROWS])]),
    "forecast-table": Reader(HISTORIES, seeds.forecasts),
    "labelled-texts": Reader((read_labelled, classes), seeds.texts),
    "unlabelled-texts": Reader(UNLABELLED, seeds.texts),
    "other-encodings": Reader(
        tuple(
            partial(read, encoding=encoding)
            for encoding in ("utf-16", "utf-32-be", "shift_jis", "cp1252", "utf-7")
            for read in (read_labelled, partial(unlabelled, form="auto"))
        ),
        seeds.encoded,
    ),
    "class-files": Reader((classes,), seeds.class_files),
    "conllu": Reader((tagged, partial(untagged, form="conllu")), seeds.conllu),
    "word-columns": Reader(
        (tagged, partial(untagged, form="words"), partial(untagged, form="columns")),
        lambda: seeds.named("a.txt", [seeds.COLUMNS, seeds.SCHEMES]),
    ),
    "untagged-text": Reader((partial(untagged, form="text"),), seeds.plain_texts),
    "pairs": Reader((read_pairs,), seeds.pairs),
    "aligned-pairs": Reader((lambda folder: read_pairs(folder / "a.de", folder / "a.en"),), seeds.aligned),
    "lexicon": Reader((dictionary,), seeds.dictionaries),
    "text": Reader((text,), seeds.plain_texts),
    "corpus": Reader(
        tuple(partial(corpus, vocabulary=kind) for kind in ("characters", "words", "bytes")), seeds.plain_texts
    ),
    "fasttext-bin": Reader((vectors,), seeds.fasttext),
    "fasttext-vec": Reader((vectors,), seeds.text_vectors),
    "word2vec-bin": Reader((vectors,), seeds.binary_vectors),
    "glove": Reader((vectors,), seeds.glove),
    "archive": Reader((read_files, files), seeds.archives),
    "zip": Reader((read_files, files), seeds.zips),
    "compressed": Reader((files,), seeds.compressed),
    "recognition": Reader(
        (lambda place: recognise(str(place)),),
        every(
            *(seeds.forecasts, seeds.texts, seeds.class_files, seeds.series, seeds.conllu, seeds.pairs, seeds.archives),
            *(seeds.compressed, seeds.plain_texts, seeds.dictionaries, seeds.edf_files, lambda: seeds.records(".hea")),
        ),
    ),
}
OF_FOLDERS = ("wfdb-header", "wfdb-signals", "wfdb-annotations", "class-files", "aligned-pairs")
"""Readers of a seed's folder; others read its first file."""
