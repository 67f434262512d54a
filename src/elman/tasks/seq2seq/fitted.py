"""A trained encoder-decoder: it answers texts with texts, and shows its attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError, DataError, VocabularyError
from elman.formats.rows import cell_text
from elman.formats.sources import open_sources
from elman.tasks.answers import NAME, Answer, Group, answers_in_order, lines_asked
from elman.tasks.buckets import padded_length
from elman.tasks.data import Part
from elman.tasks.decoding import Decoding
from elman.tasks.fitted import Predictor, Warning, largest_difference
from elman.tasks.seq2seq.answers import Candidate, answers
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.seq2seq.model import EncoderDecoder, shift_targets
from elman.tasks.seq2seq.reading import Pair, is_dictionary, read_pairs, source_in
from elman.tasks.seq2seq.settings import PairPrediction

if TYPE_CHECKING:
    from elman.tasks.seq2seq.task import Seq2Seq


class AttentionMap(NamedTuple):
    """The attention weights of the decoder at each token that it wrote."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    """The tokens of the answer; the last, empty, is its end."""
    weights: Float[np.ndarray, "target source"]
    """Each row sums to 1."""


@dataclass(frozen=True)
class Translator(Predictor[Seq2SeqMetrics]):
    """A trained encoder-decoder; see `predict`, `predict_all`, `n_best`, `attention`, `evaluate` and `save`.

    An answer has the same bits alone and in any batch.

    >>> task = elman.Seq2Seq(digits=1, examples=55, validation=5, test=0, hidden_size=32, embedding_size=8)
    >>> fitted = elman.fit(task, task.read("sums"), steps=2)
    >>> fitted.predict("1+2", tokens="3").text in {"", *("3" * n for n in range(1, 5))}
    True
    >>> [candidate.text for candidate in fitted.n_best("1+2", 2, pattern="[34]")] in (["3", "4"], ["4", "3"])
    True
    """

    task: Seq2Seq
    codec: PairCodec
    model: EncoderDecoder

    @property
    def summary(self) -> str:
        """The sizes and units of the two vocabularies."""
        sides = ((self.codec.source, self.codec.source.kind), (self.codec.target, self.codec.target.kind))
        source, target = (f"{side.size:,} {unit}" for side, unit in sides)
        return f"{source} to read, {target} to write"

    def predict(self, text: str, **decoding: Any) -> Candidate:
        """The best answer to a text.

        Args:
            text: the input; an empty one has an answer too.
            decoding: the fields of `Decoding`, such as `beam=5` or `pattern="[0-9]+"`.

        Raises:
            VocabularyError: a character that the model does not know, unless `unknown="skip"` leaves it out.
            ConfigError: an unknown or impossible option, or a constraint that no answer can meet.
        """
        return self.predict_all([text], **decoding)[0]

    def predict_all(self, texts: Sequence[str], **decoding: Any) -> list[Candidate]:
        """The best answers to many texts, faster than one by one."""
        return [several[0] for several in self._answers(texts, Decoding(**decoding))]

    def n_best(self, text: str, count: int = 5, **decoding: Any) -> list[Candidate]:
        """The `count` best answers to a text, or that many samples if there is a `temperature`; fewer if a constraint
        allows no more. The beam has this width too, unless `decoding` sets another."""
        beam = {} if decoding.get("temperature") else {"beam": count}
        return self._answers([text], Decoding(**(beam | decoding | {"n_best": count})))[0]

    def attention(self, text: str, answer: str | None = None) -> AttentionMap:
        """The attention weights for each token of `answer`; by default of the model's own answer.

        Raises:
            ConfigError: a model without attention.
            VocabularyError: a character that the model does not know.
        """
        if self.model.attention is None:
            raise ConfigError(f"attention: a model with connection {self.task.connection!r} has none")
        written = self.predict(text).text if answer is None else answer
        source, target = self.codec.rows("source", [text]), self.codec.rows("target", [written])
        sources, lengths = source.pad(
            [0], rows=1, length=padded_length(len(source.ids)), reverse=self.task.reverse_inputs
        )
        length = len(target.ids) + 1
        targets, _ = target.pad([0], rows=1, length=length, reverse=self.task.reverse_answers)
        weights = np.asarray(_attention_weights(self.model, sources, lengths, targets))[0][:, : len(source.ids)]
        if self.task.reverse_inputs:
            weights = weights[:, ::-1]
        if self.task.reverse_answers:
            weights = np.concatenate([weights[-2::-1], weights[-1:]])
        return AttentionMap(
            source=tuple(map(self.codec.source.token, source.ids.tolist())),
            target=(*map(self.codec.target.token, target.ids.tolist()), ""),
            weights=weights,
        )

    def read(self, *places: str | Path) -> Part[Pair]:
        """Reads pairs for `evaluate`, from a file or two aligned files.

        Raises:
            DataError: a file that does not exist, a line without two sides, or a character that the model does not
                know.
        """
        pairs = tuple(read_pairs(*places, stress=self.task.stress, normal_form=self.task.normal_form))
        self._check_known("source", [pair.source for pair in pairs])
        self._check_known("target", [target for pair in pairs for target in pair.targets])
        return Part("test", pairs, self.codec)

    def output(self, *places: str, options: PairPrediction) -> Iterator[str | Warning]:
        """Yields the answers to the sources in the lines of files: one line each, or if `n_best` is above 1 as many, of
        rank, score and text. A line without a source has a blank answer.

        Raises:
            DataError: a file that does not exist, or a line that the model cannot read, after the answers to those
                before it.
        """
        several = options.n_best > 1
        blank = Answer(("", "", "") if several else ("",), dict.fromkeys(_COLUMNS if several else (NAME,)))

        def answer(texts: Sequence[str]) -> Iterator[list[Answer] | DataError]:
            for candidates in self._readable(texts, options):
                yield candidates if isinstance(candidates, DataError) else [*_written(candidates, several=several)]

        rules = {"with_input": options.with_input, "on_error": options.on_error}
        return answers_in_order(_sources_asked(*places), answer, blank=blank, **rules)

    def differences(self) -> dict[str, float]:
        """The largest difference when random pairs are read alone and in a batch with longer ones, and when answers
        are decoded at once and step by step."""
        random = np.random.default_rng(0)
        sources = random.integers(1, self.codec.source.size, (4, 24))
        lengths, targets = np.array([24, 17, 9, 3]), random.integers(1, self.codec.target.size, (4, 12))
        together = _log_probabilities(self.model, sources, lengths, targets)
        alone = [
            _log_probabilities(
                self.model, sources[row : row + 1, :length], lengths[row : row + 1], targets[row : row + 1]
            )
            for row, length in enumerate(lengths)
        ]
        stepped = _log_probabilities_by_step(self.model, sources, lengths, targets)
        return {
            "alone or beside others": largest_difference(together, np.concatenate(alone)),
            "step by step": largest_difference(together, stepped),
        }

    def _check_known(self, side: Literal["source", "target"], texts: Sequence[str]) -> None:
        try:
            self.codec.rows(side, texts)
        except VocabularyError as error:
            text = next(text for text in texts if error.token in text)
            raise DataError(
                f"the {side} {text[:60]!r}: the model knows no {error.token!r}; leave out the pairs that hold it"
            ) from None

    def _answers(self, texts: Sequence[str], decoding: Decoding) -> list[list[Candidate]]:
        task = self.task
        return answers(self.model, self.codec, texts, decoding=decoding, longest=task.longest, **task.directions)

    def _readable(self, texts: Sequence[str], decoding: Decoding) -> Iterator[list[Candidate] | VocabularyError]:
        """Yields the answers to texts, and the error for each that cannot be read."""
        try:
            yield from self._answers(texts, decoding)
        except VocabularyError as error:
            if len(texts) == 1:
                yield error
                return
            for text in texts:
                yield from self._readable([text], decoding)


_COLUMNS = (f"{NAME}-rank", f"{NAME}-score", NAME)


def _written(candidates: Sequence[Candidate], *, several: bool) -> Iterator[Answer]:
    for rank, one in enumerate(candidates, start=1):
        score = np.float32(one.score)
        values = (str(rank), score, one.text) if several else (one.text,)
        yield Answer(tuple(map(cell_text, values)), dict(zip(_COLUMNS[-len(values) :], values, strict=True)))


def _sources_asked(*places: str) -> Iterator[Group]:
    for source in open_sources(*places):
        dictionary = is_dictionary(source.name)
        yield from lines_asked(source.lines(), lambda line, _, d=dictionary: source_in(line, dictionary=d))


@jax.jit
def _attention_weights(model: EncoderDecoder, sources: Any, lengths: Any, targets: Any) -> Any:
    return model(sources, lengths, shift_targets(targets)).attention


@jax.jit
def _log_probabilities(model: EncoderDecoder, sources: Any, lengths: Any, targets: Any) -> Any:
    return jax.nn.log_softmax(model(sources, lengths, shift_targets(targets)).logits)


@jax.jit
def _log_probabilities_by_step(model: EncoderDecoder, sources: Any, lengths: Any, targets: Any) -> Any:
    encoded = model.encode(sources, lengths)

    def step(carry: Any, tokens: Any) -> tuple[Any, Any]:
        carry, decoded = model.step(encoded, carry, tokens[:, None])
        return carry, jax.nn.log_softmax(decoded.logits[:, 0])

    carry = jax.tree.map(lambda leaf: leaf[:, None], encoded.carry)
    _, log_probabilities = jax.lax.scan(step, carry, shift_targets(targets).T)
    return jnp.swapaxes(log_probabilities, 0, 1)
