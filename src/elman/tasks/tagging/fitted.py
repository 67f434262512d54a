"""A trained tagger: it tags sentences, with the probabilities of tags and spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast, overload

import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, DataError, excerpt, quantity
from elman._show import Shown, table
from elman._types import Carry
from elman.formats import conllu
from elman.formats.columns import write_comment, write_rows
from elman.formats.frames import AnyFrame, Frame, is_frame, read_frame, table_or_files
from elman.formats.numbers import number_text
from elman.formats.results import ResultTable
from elman.tasks.answers import NAME, Group, in_order
from elman.tasks.buckets import padded_length
from elman.tasks.checks import check_part
from elman.tasks.choices import Choices, Question
from elman.tasks.data import Part
from elman.tasks.examples import LONGEST, Examples, NamedBatch, named_rows
from elman.tasks.fitted import Predictor, largest_difference
from elman.tasks.output import Warning
from elman.tasks.tagging import decoding as decoding
from elman.tasks.tagging.batches import EVALUATION_WORDS, TagBatch, TagBatches
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.decoding import BatchScores
from elman.tasks.tagging.metrics import TaggingMetrics
from elman.tasks.tagging.mistakes import AnsweredSpan, span_mistakes, tag_mistakes
from elman.tasks.tagging.model import TaggingModel
from elman.tasks.tagging.reading import TaggedWords, check_spans, normal_tags, read_tagged, sentences_in, tagged_in
from elman.tasks.tagging.settings import TagPrediction
from elman.tasks.tagging.spans import Span
from elman.tasks.tagging.untagged import Untagged, sentences_asked

if TYPE_CHECKING:
    from elman.tasks.tagging.task import Tagging

FEW_WORDS = 64
"""The number of words in a batch for few sentences, padding included."""

UNKNOWN = 1
"""The id of a word that the model does not know."""

FEWEST_COUNTED = 4
"""The fewest words of which it is said that most are unknown."""

RARE = 1e-12
"""The lower bound of probabilities where logarithms are compared."""

TAG_FEATURE, CONFIDENCE_FEATURE = "misc=Tag", "misc=Confidence"
"""The places in CoNLL-U for tags that have no column of their own, and for probabilities."""


class TagSpan(NamedTuple):
    """A span of words from `start` up to but not including `stop`, with its label and its exact probability."""

    label: str
    start: int
    stop: int
    probability: float


@dataclass(frozen=True)
class TaggedSentence(Shown):
    """A sentence and a way to tag it."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    probability: float
    """The probability of all tags together."""
    probabilities: tuple[float, ...]
    """The marginal probability of each tag at its word."""
    spans: tuple[TagSpan, ...] = ()
    """The spans that `tags` mark, if the tags are of spans."""

    @property
    def plain(self) -> dict[str, Any]:
        """The sentence as plain values."""
        shares = {"probability": self.probability, "probabilities": list(self.probabilities)}
        spans = [span._asdict() for span in self.spans]
        return {"words": list(self.words), "tags": list(self.tags), **shares, "spans": spans}

    def _repr_html_(self) -> str:
        rows = zip(self.words, self.tags, (f"{share:.1%}" for share in self.probabilities), strict=True)
        return table(rows, head=("word", "tag", "probability"), most=100)

    def __str__(self) -> str:
        return " ".join(f"{word}/{tag}" for word, tag in zip(self.words, self.tags, strict=True))


@dataclass(frozen=True)
class Tagger(Predictor[TaggingMetrics]):
    """A trained tagger; see `predict`, `predict_all`, `n_best`, `marginals`, `evaluate` and `save`. A sentence of any
    length is a text, which is split into words, or a sequence of words.

    >>> task = elman.Tagging(hidden_size=16, letter_hidden_size=8)
    >>> data = task.read("grammar")
    >>> fitted = elman.fit(task, data, steps=80, learning_rate=0.02)
    >>> print(fitted.predict("the dog can see a watch ."))
    the/DET dog/NOUN can/AUX see/VERB a/DET watch/NOUN ./PUNCT
    >>> fitted.evaluate(data.test).accuracy > 0.95
    True
    """

    verb: ClassVar[str] = "tag"

    task: Tagging
    codec: TagCodec
    model: TaggingModel

    @property
    def summary(self) -> str:
        """The numbers of words, letters and tags."""
        return (
            f"{quantity(len(self.codec.words), 'word')}, {quantity(len(self.codec.letters), 'letter')}, "
            f"{quantity(len(self.codec.tags), 'tag')}"
        )

    @overload
    def predict(self, sentence: str | Sequence[str]) -> TaggedSentence: ...
    @overload
    def predict(self, sentence: AnyFrame) -> ResultTable: ...
    def predict(self, sentence: str | Sequence[str] | AnyFrame) -> TaggedSentence | ResultTable:
        """Predicts the most probable tags of one sentence; of those in a table in memory or in one column of it, as a
        table with a row for each word.

        Raises:
            DataError: a sentence without words.
        """
        if is_frame(sentence):
            return self._predict_rows(read_frame(sentence, alone="text"))
        words: Any = [sentence]
        return self.predict_all(words)[0]

    def predict_all(self, sentences: Iterable[str | Sequence[str]] | AnyFrame) -> list[TaggedSentence]:
        """Tags many sentences, or those of a table, faster than one by one; they do not change each other's tags.

        Raises:
            DataError: a sentence without words.
        """
        if is_frame(sentences):
            sentences = _sentences_of(read_frame(sentences, alone="text"))
        elif isinstance(sentences, str):
            raise DataError(f"expected several sentences, such as a list; got one: {excerpt(sentences)}")
        words = [self._words_of(sentence) for sentence in cast(Iterable[str], sentences)]
        return [ranked[0] for ranked in self._ranked(words, 1)]

    def _predict_rows(self, frame: Frame) -> ResultTable:
        tagged = self.predict_all(cast(Any, _sentences_of(frame)))
        columns = {
            "sentence": np.array([number for number, one in enumerate(tagged, start=1) for _ in one.words], np.int64),
            "word": [word for one in tagged for word in one.words],
            NAME: [tag for one in tagged for tag in one.tags],
            f"{NAME}-probability": np.array([p for one in tagged for p in one.probabilities], np.float32),
        }
        index = frame.index if len(frame) == len(columns["word"]) else None
        return ResultTable.of(columns, index=index)

    def n_best(self, sentence: str | Sequence[str], count: int = 5) -> list[TaggedSentence]:
        """The `count` most probable ways to tag a sentence as a whole, the best first, which is `predict`'s; fewer
        where there are no more.

        Raises:
            DataError: a sentence without words.
        """
        if count < 1:
            raise ConfigError(f"count: expected at least 1; got {count}")
        return self._ranked([self._words_of(sentence)], count)[0]

    def marginals(self, sentence: str | Sequence[str]) -> list[dict[str, float]]:
        """The probability of every tag at each word, the likeliest first.

        Raises:
            DataError: a sentence without words.
        """
        [probabilities] = self._tag_probabilities([self._words_of(sentence)])
        return [{self.codec.tags[i]: float(row[i]) for i in np.argsort(-row, kind="stable")} for row in probabilities]

    def read(self, *places: str | Path | AnyFrame) -> Part[TaggedWords]:
        """Reads tagged sentences for `evaluate`, from a table in memory or from files; where file names tell the parts,
        only the test part.

        Raises:
            DataError: a file that does not exist, is malformed, or has no sentence.
        """
        table, files = table_or_files(places)
        if table is not None:
            sentences = tuple(tagged_in(table, column=self.task.column))
        else:
            parts = read_tagged(*files, column=self.codec.column)
            sentences = parts.test or parts.validation or parts.train
        sentences = normal_tags(sentences, self.task.normal_form)
        if self.codec.spans:
            sentences = check_spans(sentences, scheme=self.codec.spans, ill_formed=self.task.ill_formed)
        return Part("test", sentences, self.codec)

    def answer_rules(self) -> dict[str, Any]:
        """The scores of transitions between tags, which are added to those of the words' tags."""
        return {"chain": {name: np.asarray(scores).tolist() for name, scores in self.model.chain()._asdict().items()}}

    def mistakes_of(self, part: Part[TaggedWords]) -> ResultTable:
        """The words with a wrong tag, or the wrong spans."""
        sentences = part.examples
        ranked = [ways[0] for ways in self._ranked([sentence.words for sentence in sentences], 1)]
        if self.codec.spans is not None:
            spans = [[AnsweredSpan(Span(*span[:3]), span.probability) for span in one.spans] for one in ranked]
            return span_mistakes(sentences, spans, self.codec)
        shares = self._tag_probabilities([sentence.words for sentence in sentences])
        return tag_mistakes(sentences, [one.tags for one in ranked], shares, self.codec)

    def examples(self, inputs: str | Sequence[str] | Part[TaggedWords], *, longest: int = LONGEST) -> Examples:
        """The first sentence of a part, or a sentence as `predict` takes it; its words name its steps.

        Raises:
            DataError: a part without sentences, or a sentence without words.
        """
        if isinstance(inputs, Part):
            check_part(inputs)
            sentence = inputs.examples[0]
        else:
            answer = self.predict(inputs)
            sentence = TaggedWords(answer.words, answer.tags)
        batches = TagBatches([sentence], self.codec, batch_words=len(sentence.words))
        return Examples(batches.at(0), {"layers": tuple(sentence.words)}, {"layers": " "})

    def named_batches(self, part: Part[TaggedWords]) -> Iterator[NamedBatch]:
        """Yields the sentences of a part; the words of each name its steps."""
        batches = self.task.evaluation_batches(part)
        return named_rows(batches, lambda index: {"layers": tuple(part.examples[index].words)})

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The tag of each word."""
        return (Question("tag", self.codec.tags, examples.steps.get("layers", ())),)

    def choices(self, model: TaggingModel, carry: Carry, batch: TagBatch) -> tuple[tuple[Choices, ...], Carry]:
        """The marginal probability of every tag at each word."""
        probabilities = decoding.tag_probabilities(model.chain, decoding.score(model, batch))
        logs = jnp.log(jnp.maximum(probabilities, RARE))
        return (Choices(logs, jnp.asarray(batch.tags), jnp.asarray(batch.weights)),), carry

    def output(self, *places: str, options: TagPrediction) -> Iterator[str | Warning]:
        """Yields the tagged sentences of files as lines, in order: CoNLL-U, or words and tags in columns if the
        training files had columns. An empty line of text has an empty line.

        Raises:
            DataError: a file that does not exist, or an input that cannot be read, after the answers to those before
                it.
        """

        counts = Counter[bool]()

        def answer(group: Group) -> Iterator[list[str]]:
            sentences = [one.asked.words for one in group if one.asked.words]
            counts.update(id == UNKNOWN for words in sentences for id in self.codec.word_ids(words).tolist())
            ranked = iter(self._ranked(sentences, options.n_best))
            for one in group:
                ways = next(ranked) if one.asked.words else []
                texts = self._format(one.asked, ways, options)
                yield [line for text in texts for line in text.removesuffix("\n").split("\n")]

        asked = sentences_asked(*places, read=options.read, tags=self.codec.tags, split=self.codec.tokens)
        yield from in_order(asked, answer, blank=lambda _: [""], on_error=options.on_error)
        if 2 * counts[True] > counts.total() >= FEWEST_COUNTED:
            yield Warning(
                f"{counts[True]:,} of {quantity(counts.total(), 'word')} are new to the model, which tags them by "
                "their letters and cuts words as in its training; it may be another language"
            )

    def answers(self, inputs: Sequence[Any], *, options: TagPrediction) -> list[dict[str, Any]]:
        """The words of each text with their tags, the probabilities of these, and the spans that the tags mark; with
        `n_best` above 1 also the other ways to tag it."""
        sentences = [self._words_of(one) for one in inputs]
        return [
            best.plain | ({"others": [one.plain for one in others]} if options.n_best > 1 else {})
            for best, *others in self._ranked(sentences, options.n_best)
        ]

    def differences(self) -> dict[str, float]:
        """The largest difference when random sentences are tagged alone and in a batch with longer ones."""
        random = np.random.default_rng(0)
        sentences = [tuple(random.choice(self.codec.words[1:], length).tolist()) for length in (3, 9, 17, 40)]
        together = self._tag_probabilities(sentences)
        alone = [self._tag_probabilities([sentence])[0] for sentence in sentences]
        differences = [
            largest_difference(np.log(np.maximum(beside, RARE)), np.log(np.maximum(by_itself, RARE)))
            for beside, by_itself in zip(together, alone, strict=True)
        ]
        return {"alone or beside others": max(differences)}

    def _format(self, asked: Untagged, ways: Sequence[TaggedSentence], options: TagPrediction) -> Iterator[str]:
        if not ways:  # comments alone
            yield str(asked.sentence)
        in_columns = self.codec.form == "columns" and not asked.is_conllu
        for rank, way in enumerate(ways, start=1):
            shares = (
                [number_text(np.float32(probability)) for probability in way.probabilities]
                if options.confidence
                else []
            )
            comments: dict[str, str] = {}
            if options.n_best > 1:
                comments = {"rank": str(rank), "probability": number_text(np.float32(way.probability))}
            if in_columns:
                yield self._columns(asked, way, shares, comments, with_input=options.with_input)
            else:
                yield self._conllu(asked.sentence, way, shares, comments)

    def _columns(
        self,
        asked: Untagged,
        way: TaggedSentence,
        shares: Sequence[str],
        comments: dict[str, str],
        *,
        with_input: bool,
    ) -> str:
        rows: Sequence[Sequence[str]] = [(word,) for word in way.words]
        if with_input:
            rows = asked.rows or rows
            comments = comments if asked.rows else {"text": asked.text} | comments
        more = [column for column in (way.tags, shares) if column]
        written = ((*row, *fields) for row, fields in zip(rows, zip(*more, strict=True), strict=True))
        return "".join(write_comment(*comment) for comment in comments.items()) + write_rows(written)

    def _conllu(
        self, sentence: conllu.Sentence, way: TaggedSentence, shares: Sequence[str], comments: Mapping[str, str]
    ) -> str:
        column = self.codec.column if self.codec.form == "conllu" else TAG_FEATURE
        tagged = sentence.with_values(column, way.tags)
        tagged = tagged.with_values(CONFIDENCE_FEATURE, shares) if shares else tagged
        for name, value in comments.items():
            tagged = tagged.with_comment(f"{name} = {value}")
        return str(tagged)

    def _words_of(self, sentence: str | Sequence[str]) -> tuple[str, ...]:
        if not isinstance(sentence, str | Sequence):
            raise DataError(f"expected a text or words to tag; got {type(sentence).__name__}")
        if isinstance(sentence, str):
            words = tuple(token.form for token in self.codec.tokens(sentence))
        else:
            words = tuple(sentence)
        if not words or not all(isinstance(word, str) and word for word in words):
            raise DataError(f"expected a text or words to tag; got {sentence!r}")
        return words

    def _ranked(self, sentences: Sequence[tuple[str, ...]], count: int) -> list[list[TaggedSentence]]:
        """The `count` most probable ways to tag each sentence."""
        ways: list[list[TaggedSentence]] = [[] for _ in sentences]
        for scored, indices in self._scored(sentences):
            tags, log_probabilities = map(np.asarray, decoding.decode(self.model.chain, scored, count=count))
            probabilities = np.asarray(decoding.tag_probabilities(self.model.chain, scored))
            there = np.argwhere(np.isfinite(log_probabilities[: len(indices)])).tolist()
            named = [self._named(tags[row, rank], sentences[indices[row]]) for row, rank in there]
            spans = self._spans(scored, [row for row, _ in there], named)
            for (row, rank), own, marked in zip(there, named, spans, strict=True):
                ids = tags[row, rank, : len(own)]
                each = tuple(probabilities[row, np.arange(len(ids)), ids].tolist())
                whole = float(np.exp(log_probabilities[row, rank]))
                ways[indices[row]].append(TaggedSentence(sentences[indices[row]], own, whole, each, marked))
        return ways

    def _named(self, ids: np.ndarray, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.codec.tags[id] for id in ids[: len(words)])

    def _spans(
        self, scored: BatchScores, rows: Sequence[int], taggings: Sequence[tuple[str, ...]]
    ) -> list[tuple[TagSpan, ...]]:
        """The spans of each tagging, with their probabilities; `rows` has the row of each in the batch."""
        scheme = self.codec.spans
        if scheme is None:
            return [()] * len(taggings)
        marked = [scheme.spans(tags) for tags in taggings]
        asked = [(row, span) for row, spans in zip(rows, marked, strict=True) for span in spans]
        probabilities = iter(self._span_probabilities(scored, asked))
        return [tuple(TagSpan(*span, next(probabilities)) for span in spans) for spans in marked]

    def _span_probabilities(self, scored: BatchScores, asked: Sequence[tuple[int, Span]]) -> list[float]:
        length = scored.scores.shape[1]
        masks = [(place, mask) for place, (_, span) in enumerate(asked) for mask in self.codec.masks_of(span, length)]
        count = padded_length(len(masks))  # few sizes are few shapes to compile
        rows, allowed = np.zeros(count, np.int32), np.ones((count, *scored.scores.shape[1:]), bool)
        for number, (place, mask) in enumerate(masks):
            rows[number], allowed[number] = asked[place][0], mask
        probabilities = np.asarray(decoding.restricted_probabilities(self.model.chain, scored, rows, allowed))
        shares = np.zeros(len(asked))
        np.add.at(shares, [place for place, _ in masks], probabilities[: len(masks)])
        return shares.tolist()

    def _tag_probabilities(self, sentences: Sequence[tuple[str, ...]]) -> list[np.ndarray]:
        """The marginal probabilities of each sentence, an array with the axes word and tag."""
        tables = [np.zeros(0)] * len(sentences)
        for scored, indices in self._scored(sentences):
            probabilities = np.asarray(decoding.tag_probabilities(self.model.chain, scored))
            for row, index in enumerate(indices):
                tables[index] = probabilities[row, : len(sentences[index])]
        return tables

    def _scored(self, sentences: Sequence[tuple[str, ...]]) -> Iterator[tuple[BatchScores, list[int]]]:
        """Yields the network's scores of sentences, batch by batch, with the sentences' indices."""
        few = sum(padded_length(len(words)) for words in sentences) <= FEW_WORDS
        untagged = [TaggedWords(words, ()) for words in sentences]
        batches = TagBatches(untagged, self.codec, batch_words=FEW_WORDS if few else EVALUATION_WORDS)
        for step in range(len(batches)):
            yield decoding.score(self.model, batches.at(step)), batches.indices(step)


def _sentences_of(frame: Frame) -> list[str] | list[list[str]]:
    """The sentences of a frame: texts of one column, or words."""
    alone = frame.own[0] if len(frame.own) == 1 else "text" if "text" in frame.own else ""
    if alone and any(isinstance(value, str) or value is None for value in frame.columns[alone]):
        return frame.texts(alone)
    return [words for _, words, _ in sentences_in(frame)]
