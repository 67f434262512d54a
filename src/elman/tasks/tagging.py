"""The task of tagging: a tag for every word of a sentence, such as its part of speech, or the names in it.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from elman._config import Config
from elman._errors import DataError
from elman.tasks._fields import CellName, Count, Rate, Size, cell_name, check_parts
from elman.tasks._pretrained import KnownWords, Pretrained
from elman.tasks.tagging_metrics import TaggingMetrics

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.examples import Data, Part
    from elman.data.tag_batches import TagBatch, TagBatches
    from elman.data.tag_codec import TagCodec
    from elman.data.tagged import Tagged
    from elman.fitted.tagger import Tagger
    from elman.models.readers import LanguageReaders
    from elman.models.tagger import TaggingModel

GRAMMAR = "grammar"
"""The place that stands for generated sentences of a toy grammar."""

EVALUATION_WORDS = 4096
"""Words in a batch of evaluation, padding included."""


class TagPrediction(Config, frozen=True, kw_only=True):
    """Options of `elman predict` for tags."""

    read: Literal["text", "words", "conllu"] = "text"
    """Format of the input: text, one sentence a line, which is split into words; words, one a line with an empty line
    after a sentence; or conllu, of which only the tags' column changes."""
    n_best: Annotated[int, Meta(ge=1, le=100)] = 1
    """Taggings to write for each sentence, the best first."""
    confidence: bool = False
    """Write the probability of each tag."""


class Tagging(Pretrained["Tagger"], frozen=True, kw_only=True, tag=True):
    """Tag every word.

    >>> task = Tagging(hidden_size=16, validation=0, test=0)
    >>> data = task.read_sentences([(("a", "cat", "sat"), ("DET", "NOUN", "VERB"))] * 3)
    >>> len(data.train), data.codec.tags
    (3, ('DET', 'NOUN', 'VERB'))
    """

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.003, "weight_decay": 0.01}
    options: ClassVar[type[Config] | None] = TagPrediction

    column: str = ""
    """Column of the tags: in CoNLL-U upos (the default), xpos, feats, feats=Number, ...; else the name or number of a
    column, by default the last."""
    ill_formed: Literal["refuse", "repair"] = "refuse"
    """Treatment of ill-formed spans, such as one that begins with I-; repair turns IOB1 into IOB2."""
    validation: Size = 0.1
    """Part that chooses the best weights, where no file is called dev: a share, or from 1 on a number of sentences."""
    test: Size = 0.1
    """Part that training never sees, where no file is called test: a share, or from 1 on a number of sentences."""
    lower: bool = True
    """Give words that differ only in capitals one vector; with --no-lower each has its own. Letters keep their case."""
    min_count: Count = 1
    """Words that occur less often have no vector of their own; their letters are read."""
    cell: CellName = "LSTM"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 100
    """Features of a word's embedding."""
    letter_size: Count = 32
    """Features of a letter's embedding."""
    letter_hidden_size: Count = 64
    """Units of the layer that reads a word's letters, in each direction."""
    hidden_size: Count = 200
    """Units of a recurrent layer, in each direction."""
    num_layers: Count = 2
    """Recurrent layers on top of each other."""
    decoder: Literal["softmax", "crf"] | None = None
    """Predict each tag by itself (softmax), or those of a sentence together by a conditional random field (crf); by
    default crf for spans, else softmax."""
    word_dropout: Annotated[float, Meta(ge=0)] = 0.25
    """Constant a: in training, a word that occurs n times becomes unknown with probability a / (a + n)."""
    input_dropout: Rate = 0.33
    """Share of the words' features dropped in training."""
    dropout: Rate = 0.33
    """Share of each layer's outputs dropped in training."""
    batch_words: Count = 1024
    """Words in a batch, padding included."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Pretrained.__post_init__(self)
        check_parts(self.validation, self.test, "sentences")

    def read(self, *places: str | Path) -> Data:
        """Reads CoNLL-U, or files in columns, or folders of them (.xz and .gz too); files whose names say train, dev
        and test are the parts. "grammar" stands for generated sentences of a toy grammar.

        Raises:
            DataError: a malformed file (names the line), or no sentences.
            ConfigError: no such column.
        """
        from elman.data.tagged import UPOS, TaggedSentences, read_tagged
        from elman.data.text import kept_places

        if not places:
            raise DataError("nothing to read; expected files of tagged sentences, a folder of them, or grammar")
        if places == (GRAMMAR,) and not Path(GRAMMAR).exists():
            from elman.data.generated import sentences

            return self._data(TaggedSentences(tuple(sentences(5000)), (), (), "conllu"), UPOS, GRAMMAR, (GRAMMAR,))
        found = read_tagged(*places, column=self.column)
        column = self.column or (UPOS if found.form == "conllu" else "")
        source = ", ".join(map(str, places))
        return self._data(found, column, source, kept_places(*places))

    def read_sentences(self, sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Data:
        """The data of pairs of words and tags in memory.

        Raises:
            DataError: more or fewer tags than words, or no sentences.
        """
        from elman.data.tagged import Tagged, TaggedSentences

        found = []
        for number, (words, tags) in enumerate(sentences, start=1):
            if len(words) != len(tags):
                raise DataError(f"sentence {number}: expected a tag for each of {len(words)} words; got {len(tags)}")
            found.append(Tagged(tuple(words), tuple(tags), f"sentence {number}"))
        return self._data(TaggedSentences(tuple(found), (), (), "columns"), "", "the sentences", ())

    def _data(self, found: Any, column: str, source: str, places: tuple[str, ...]) -> Data:
        from elman.data.examples import Data, Part, Parts, completed
        from elman.data.tag_codec import TagCodec
        from elman.data.tagged import check_spans, check_tags, tag_scheme

        check_tags(found.train, column=column)
        scheme = tag_scheme(found.train)
        parts = Parts(found.train, found.validation, found.test)
        if scheme:
            parts = Parts(*(check_spans(part, scheme=scheme, ill_formed=self.ill_formed) for part in parts))
        parts = completed(parts, validation=self.validation, test=self.test)
        models = self.language_models()
        codec = TagCodec.of(
            parts.train,
            lower=self.lower,
            min_count=self.min_count,
            scheme=scheme,
            form=found.form,
            column=column,
            more=self.more_words(),
        )
        if models is not None:
            codec = codec.read_by(models.settings, models.vocabulary)
        return Data(
            **{name: Part(name, tuple(sentences), codec) for name, sentences in parts._asdict().items()},
            codec=codec,
            source=source,
            places=places,
            unit="sentence",
        )

    def settled(self, data: Data) -> Tagging:
        """This task with the decoder that suits the tags, and the embedding size of its word vectors, filled in.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        from elman.data.tag_codec import TagCodec
        from elman.tasks._data import check_read, check_validation

        check_read(data, TagCodec)
        check_validation(data)
        suited = "softmax" if data.codec.scheme is None else "crf"
        size = self.word_size(self.embedding_size)
        return msgspec.structs.replace(self, decoder=self.decoder or suited, embedding_size=size)

    def known_words(self, codec: TagCodec) -> KnownWords:
        """The words of the vocabulary."""
        return KnownWords(codec.words[2:], 2, codec.added)

    def network(self, codec: TagCodec, *, key: PRNGKeyArray) -> TaggingModel:
        """The tagger for the words, letters and tags of `codec`, with random weights."""
        from elman.cells.find import build_cell, find_cell
        from elman.models.tagger import TaggingModel

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
        from elman.data.vocabulary import Words
        from elman.tasks._language_models import readers_of

        if not codec.language_models:
            return None
        vocabulary = Words(tokens=codec.words, lower=codec.lower)
        return readers_of(codec.language_models, vocabulary, input_dropout=0.0, dropout=self.dropout, key=key)

    def batches(self, part: Part[Tagged], *, seed: int) -> TagBatches:
        """Batches of sentences, shuffled in every epoch."""
        from elman.data.tag_batches import TagBatches

        return TagBatches(
            part.examples,
            part.codec,
            batch_words=self.batch_words,
            word_dropout=self.word_dropout,
            seed=seed,
            shuffle=True,
        )

    def loss(
        self, model: TaggingModel, carry: Carry, batch: TagBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, words), carry): -log p of the right tags, of each by itself or, with a CRF, of those of a sentence
        together. Tags that do not occur in the training part are left out and, with a CRF, so are their sentences.
        """
        import jax.numpy as jnp

        *inputs, tags, weights = map(jnp.asarray, batch)
        scores = model(*inputs, key=key)
        mask = jnp.arange(scores.shape[1]) < inputs[-1][:, None]
        return model.chain.loss(scores, mask, tags, weights), carry

    def activations(self, model: TaggingModel, carry: Carry, batch: TagBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, the speller, each layer and the head."""
        import jax.numpy as jnp

        return model.activations(*map(jnp.asarray, batch[:5]))

    def evaluate(self, model: TaggingModel, part: Part[Tagged], codec: TagCodec) -> TaggingMetrics:
        """Measures the best tags of every sentence against the right ones.

        Raises:
            DataError: a part without sentences.
        """
        from elman.data.tag_batches import TagBatches
        from elman.decoding.tagging import measure
        from elman.tasks._data import check_part

        check_part(part)
        batches = TagBatches(part.examples, codec, batch_words=EVALUATION_WORDS)
        nats, known, found = 0.0, 0.0, [()] * len(part)
        for step in range(len(batches)):
            total, count, tags = measure(model, batches.at(step))
            nats, known = nats + float(total), known + float(count)
            for index, row in zip(batches.indices(step), tags.tolist(), strict=False):
                words = part.examples[index].words
                found[index] = tuple(codec.tags[tag] for tag in row[: len(words)])
        return TaggingMetrics.of(found, part.examples, codec, nats_per_word=nats / max(known, 1))

    def counted(self, codec: TagCodec) -> str:
        """The unit that the loss is averaged over: "word"."""
        return "word"

    @staticmethod
    def codec_from(values: dict[str, Any]) -> TagCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.tag_codec import TagCodec

        return msgspec.convert(values, TagCodec)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> TaggingMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return TaggingMetrics.from_builtins(values)
