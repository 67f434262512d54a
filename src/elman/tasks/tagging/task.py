"""The task of tagging: a tag for every word of a sentence, such as its part of speech, or the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray

from elman._errors import DataError
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.columns import is_field
from elman.formats.frames import TABLE, AnyFrame, is_frame, table_or_files
from elman.formats.text import absolute_places
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_part, check_read, check_validation
from elman.tasks.data import Data, Part, Parts, complete_parts
from elman.tasks.growth import Growth, label_news, token_news
from elman.tasks.items import Items
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.language_modelling.start import readers_of
from elman.tasks.pretrained import KnownWords, Pretrained
from elman.tasks.tagging.baseline import frequent_tags, same_for_all
from elman.tasks.tagging.batches import EVALUATION_WORDS, TagBatch, TagBatches
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.decoding import measure
from elman.tasks.tagging.fitted import Tagger
from elman.tasks.tagging.generated import sentences
from elman.tasks.tagging.metrics import TaggingMetrics
from elman.tasks.tagging.model import TaggingModel
from elman.tasks.tagging.reading import (
    UPOS,
    TaggedSentences,
    TaggedWords,
    check_spans,
    check_tags,
    normal_tags,
    read_tagged,
    scheme_of,
    tagged_in,
)
from elman.tasks.tagging.settings import TaggingSettings
from elman.words._vocabulary import form_of
from elman.words.vocabulary import Words


class Tagging(TaggingSettings, Pretrained[Tagger], frozen=True, kw_only=True):
    """Tag every word.

    >>> task = Tagging(hidden_size=16, validation=0, test=0)
    >>> data = task.read_sentences([(("a", "cat", "sat"), ("DET", "NOUN", "VERB"))] * 3)
    >>> len(data.train), data.codec.tags
    (3, ('DET', 'NOUN', 'VERB'))
    """

    fitted_class: ClassVar[Any] = Tagger
    codec_class: ClassVar[Any] = TagCodec
    metrics_class: ClassVar[Any] = TaggingMetrics

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads CoNLL-U, or files in columns, or folders of them (.xz and .gz too); files whose names say train, dev
        and test are the parts; or a table in memory. "grammar" stands for generated sentences of a toy grammar.

        Raises:
            DataError: a malformed file (names the line), or no sentences.
            ConfigError: no such column.
        """
        table, files = table_or_files(places)
        if table is not None:
            return self.read_sentences(table)
        if not files:
            raise DataError("nothing to read; expected files of tagged sentences, a folder of them, or grammar")
        if self.is_generated(*files):
            sentences_of, (name,) = TaggedSentences(tuple(sentences(5000)), (), (), "conllu"), self.generated
            return self._data(sentences_of, UPOS, name, (name,))
        sentences_of = read_tagged(*files, column=self.column)
        column = self.column or (UPOS if sentences_of.form == "conllu" else "")
        source = ", ".join(map(str, files))
        return self._data(sentences_of, column, source, absolute_places(*files))

    def read_sentences(self, sentences: Iterable[tuple[Sequence[str], Sequence[str]]] | AnyFrame) -> Data:
        """The data of pairs of words and tags in memory, or of a table; see `tagged_in`.

        Raises:
            DataError: more or fewer tags than words, or no sentences.
        """
        if is_frame(sentences):
            tagged = tuple(tagged_in(sentences, column=self.column))
            return self._data(TaggedSentences(tagged, (), (), "columns"), self.column, TABLE, ())
        tagged, pairs = list[TaggedWords](), cast(Iterable[tuple[Sequence[str], Sequence[str]]], sentences)
        for number, (words, tags) in enumerate(pairs, start=1):
            if len(words) != len(tags):
                raise DataError(f"sentence {number}: expected a tag for each of {len(words)} words; got {len(tags)}")
            if odd := [tag for tag in tags if not is_field(tag)]:
                raise DataError(
                    f"sentence {number}: the tag {odd[0]!r} cannot be written in columns; expected a text without "
                    "tabs, line ends, and spaces around it"
                )
            tagged.append(TaggedWords(tuple(words), tuple(tags), f"sentence {number}"))
        return self._data(TaggedSentences(tuple(tagged), (), (), "columns"), "", "the sentences", ())

    def _data(self, tagged: Any, column: str, source: str, places: tuple[str, ...]) -> Data:
        parts = Parts(*(normal_tags(part, self.normal_form) for part in (tagged.train, tagged.validation, tagged.test)))
        check_tags(parts.train, column=column)
        scheme, notes = scheme_of(parts.train, self.scheme)
        if scheme:
            parts = Parts(*(check_spans(part, scheme=scheme, ill_formed=self.ill_formed) for part in parts))
        parts = complete_parts(parts, validation=self.validation, test=self.test)
        models = self.language_models()
        codec = TagCodec.of(
            parts.train,
            lower=self.lower,
            min_count=self.min_count,
            scheme=scheme,
            form=tagged.form,
            column=column,
            more=self.more_words(),
            normal_form=self.normal_form if models is None else form_of(models.vocabulary.normal_form),
        )
        if models is not None:
            codec = codec.read_by(models.settings, models.vocabulary)
        return Data.of(parts, codec, source=source, places=places, unit="sentence", notes=notes)

    def configure(self, data: Data) -> Tagging:
        """This task with the decoder that suits the tags, and the embedding size of its word vectors, filled in.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        check_read(data, TagCodec)
        check_validation(data)
        suited = "softmax" if data.codec.scheme is None else "crf"
        size = self.word_size(self.embedding_size)
        return msgspec.structs.replace(self, decoder=self.decoder or suited, embedding_size=size)

    def known_words(self, codec: TagCodec) -> KnownWords:
        """The words of the vocabulary."""
        return KnownWords(codec.words[2:], 2, codec.added)

    def reading_of(self, codec: TagCodec) -> dict[str, Any]:
        """The spelling of words."""
        return {"lower": codec.lower, "normal_form": form_of(codec.normal_form)}

    def for_new_data(self, codec: TagCodec) -> Tagging:
        """This task of a saved model as it reads other data, with the scheme of its tags."""
        scheme = self.scheme or codec.scheme or "plain"
        return msgspec.structs.replace(super().for_new_data(codec), scheme=scheme)

    def grow(self, codec: TagCodec, data: Data) -> Growth:
        """The codec of a saved model with the words, letters and tags of new data that it lacks.

        Raises:
            DataError: tags that mark spans in another scheme.
        """
        there = data.codec
        if (there.scheme, there.notation) != (codec.scheme, codec.notation) and there.scheme is not None:
            raise DataError(
                f"{data.source}: the tags mark spans in {there.scheme}, such as {there.notation}; those of the model "
                f"{f'in {codec.scheme}, such as {codec.notation}' if codec.scheme else 'mark none'}"
            )
        grown = codec.grown(there)
        words = token_news("word", len(codec.words), len(grown.words))
        return Growth(grown, (*label_news("tag", codec.tags, there.tags), *words))

    def unknown_rows(self, codec: TagCodec) -> Mapping[str, int]:
        """The rows of the unknown word and of the unknown letter."""
        return {"embedding": 1, "speller": 1}

    def network(self, codec: TagCodec, *, key: PRNGKeyArray) -> TaggingModel:
        """The tagger for the words, letters and tags of `codec`, with random weights."""
        return TaggingModel(
            partial(build_cell, find_cell(str(self.cell))),
            words=len(codec.words),
            letters=len(codec.letters),
            tags=len(codec.tags),
            embedding_size=self.embedding_size,
            letter_size=self.letter_size,
            letter_hidden_size=self.letter_hidden_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            crf=self.decoder == "crf",
            allowed=codec.allowed,
            readers=self._readers(codec, key),
            input_dropout=self.input_dropout,
            dropout=self.dropout,
            key=key,
        )

    def _readers(self, codec: TagCodec, key: PRNGKeyArray) -> LanguageReaders | None:
        if not codec.language_models:
            return None
        vocabulary = Words(tokens=codec.words, lower=codec.lower)
        return readers_of(codec.language_models, vocabulary, input_dropout=0.0, dropout=self.dropout, key=key)

    def batches(self, part: Part[TaggedWords], *, seed: int) -> TagBatches:
        """Batches of sentences, shuffled in every epoch."""
        return TagBatches(
            part.examples,
            part.codec,
            batch_words=self.in_batch,
            word_dropout=self.word_dropout,
            seed=seed,
            shuffle=True,
        )

    def evaluation_batches(self, part: Part[TaggedWords]) -> TagBatches:
        """Batches of all sentences, in which no word is dropped."""
        return TagBatches(part.examples, part.codec, batch_words=EVALUATION_WORDS)

    def loss(
        self, model: TaggingModel, carry: Carry, batch: TagBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, words), carry): -log p of the right tags, of each by itself or, with a CRF, of those of a sentence
        together. Tags that do not occur in the training part are left out and, with a CRF, so are their sentences.
        """
        *inputs, tags, weights = map(jnp.asarray, batch)
        scores = model(*inputs, key=key)
        mask = jnp.arange(scores.shape[1]) < inputs[-1][:, None]
        return model.chain.loss(scores, mask, tags, weights), carry

    def activations(self, model: TaggingModel, carry: Carry, batch: TagBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, the speller, each layer and the head."""
        return model.activations(*map(jnp.asarray, batch[:5]))

    def evaluate(self, model: TaggingModel, part: Part[TaggedWords], codec: TagCodec) -> TaggingMetrics:
        """Measures the best tags of every sentence against the right ones.

        Raises:
            DataError: a part without sentences.
        """
        check_part(part)
        batches = self.evaluation_batches(part)
        nats, known, predictions = 0.0, 0.0, [()] * len(part)
        for step in range(len(batches)):
            total, count, tags = measure(model, batches.at(step))
            nats, known = nats + float(total), known + float(count)
            for index, row in zip(batches.indices(step), tags.tolist(), strict=False):
                words = part.examples[index].words
                predictions[index] = tuple(codec.tags[tag] for tag in row[: len(words)])
        return TaggingMetrics.of(predictions, part.examples, codec, nats_per_word=nats / max(known, 1))

    def items(self, part: Part[TaggedWords]) -> Items:
        """The words of each sentence."""
        return Items((sentence.words for sentence in part.examples), "sentence", len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The most frequent tag of each word."""
        return [frequent_tags(data)]

    def verdicts(self, metrics: TaggingMetrics) -> Sequence[str]:
        """The verdict on one tag for every word, or no span."""
        return same_for_all(metrics)

    def loss_unit(self, codec: TagCodec) -> str:
        """The unit that the loss is averaged over: "word"."""
        return "word"
