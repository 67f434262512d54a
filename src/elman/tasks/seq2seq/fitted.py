"""A trained encoder-decoder: it answers texts with texts, and shows its attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError, DataError, VocabularyError
from elman._show import brief, table
from elman._types import Carry, Unknown
from elman.formats.frames import AnyFrame, check_text, is_frame, read_frame, table_or_files, texts_in
from elman.formats.results import ResultTable
from elman.formats.rows import field_text
from elman.formats.sources import open_sources
from elman.tasks.answers import NAME, Answer, Group, answers_in_order, lines_asked
from elman.tasks.buckets import padded_length
from elman.tasks.checks import check_part
from elman.tasks.choices import Choices, Question, token_choices
from elman.tasks.data import Part
from elman.tasks.decoding import Decoding
from elman.tasks.examples import LONGEST, Examples, NamedBatch, named_rows
from elman.tasks.fitted import Predictor, largest_difference
from elman.tasks.output import Warning
from elman.tasks.seq2seq.answers import Candidate, answers
from elman.tasks.seq2seq.batches import PairBatch, PairBatches
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.known import known_lines
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.seq2seq.model import EncoderDecoder, shift_targets
from elman.tasks.seq2seq.reading import SIDES, Pair, group_lines, is_dictionary, lines_in, read_lines, source_in
from elman.tasks.seq2seq.scores import nearest_references
from elman.tasks.seq2seq.settings import PairPrediction
from elman.tasks.settings import OnUnreadable

if TYPE_CHECKING:
    from elman.tasks.seq2seq.task import Seq2Seq


class AttentionMap(NamedTuple):
    """The attention weights of the decoder at each token that it wrote."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    """The tokens of the answer; the last, empty, is its end."""
    weights: Float[np.ndarray, "target source"]
    """Each row sums to 1."""

    __repr__ = brief

    def _repr_html_(self) -> str:
        rows = zip(self.target, ([f"{weight:.2f}" for weight in row] for row in self.weights), strict=True)
        return table([(token, *row) for token, row in rows], head=("", *self.source))


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

    verb: ClassVar[str] = "translate"
    reading: ClassVar[tuple[str, ...]] = ("unknown", "on_error")

    task: Seq2Seq
    codec: PairCodec
    model: EncoderDecoder

    @property
    def summary(self) -> str:
        """The sizes and units of the two vocabularies."""
        sides = ((self.codec.source, self.codec.source.kind), (self.codec.target, self.codec.target.kind))
        source, target = (f"{side.size:,} {unit}" for side, unit in sides)
        return f"{source} to read, {target} to write"

    @overload
    def predict(self, text: str, **decoding: Any) -> Candidate: ...
    @overload
    def predict(self, text: AnyFrame, **decoding: Any) -> ResultTable: ...
    def predict(self, text: str | AnyFrame, **decoding: Any) -> Candidate | ResultTable:
        """The best answer to a text; to the texts of a table's column `source`, or of one column, those as a table.

        Args:
            text: the input; an empty one has an answer too.
            decoding: the fields of `Decoding`, such as `beam=5` or `pattern="[0-9]+"`.

        Raises:
            VocabularyError: a character that the model does not know, unless `unknown="skip"` leaves it out.
            ConfigError: an unknown or impossible option, or a constraint that no answer can meet.
        """
        if is_frame(text):
            frame = read_frame(text, alone=SIDES[0])
            column = SIDES[0] if SIDES[0] in frame.own or len(frame.own) > len(SIDES) else frame.own[0]
            answers = self.predict_all(frame.texts(column), **decoding)
            scores = np.array([one.score for one in answers], np.float32)
            return ResultTable.of({NAME: [one.text for one in answers], f"{NAME}-score": scores}, index=frame.index)
        return self.predict_all([check_text(text, "the text")], **decoding)[0]

    def predict_all(self, texts: Iterable[str] | AnyFrame, **decoding: Any) -> list[Candidate]:
        """The best answers to many texts, faster than one by one."""
        return [several[0] for several in self._answers(texts_in(texts, SIDES[0]), Decoding(**decoding))]

    def answer_rules(self) -> dict[str, Any]:
        """The sides whose last token comes first."""
        sides = {"source": self.task.reverse_inputs, "target": self.task.reverse_answers}
        return {"reversed": [side for side, is_reversed in sides.items() if is_reversed]}

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

    def read(
        self, *places: str | Path | AnyFrame, unknown: Unknown = "error", on_error: OnUnreadable = "fail"
    ) -> Part[Pair]:
        """Reads pairs for `evaluate`, from a file or two aligned files, or from a table in memory.

        Args:
            places: the files, or the table.
            unknown: "skip" leaves out characters that the model does not know, as `predict` does; an answer that should
                have one is wrong.
            on_error: "skip" leaves out lines that cannot be read, or that have such a character if these are errors.
                The part's `notes` name them.

        Raises:
            DataError: a file that does not exist, a line without two sides, or a character that the model does not
                know.
        """
        table, files = table_or_files(places)
        lines = read_lines(*files, stress=self.task.stress) if table is None else lines_in(table)
        known, left_out = known_lines(lines, self.codec, unknown=unknown, on_error=on_error)
        return Part("test", tuple(group_lines(known, self.task.normal_form)), self.codec, notes=left_out)

    def mistakes_of(self, part: Part[Pair]) -> ResultTable:
        """The sources whose answer by greedy search is wrong, those with the most edits first: insertions, deletions
        and substitutions of characters or words, from the nearest right answer, which has so many."""
        pairs = part.examples
        answered = self.predict_all([pair.source for pair in pairs], unknown="skip")  # `read` refuses unknown ones
        split = list if self.codec.target.kind == "characters" else str.split
        references = [[split(target) for target in pair.targets] for pair in pairs]
        nearest = nearest_references([split(one.text) for one in answered], references)
        order = sorted((n for n, one in enumerate(nearest) if one.edits), key=lambda n: -nearest[n].edits)
        unit = "characters" if self.codec.target.kind == "characters" else "words"
        return ResultTable.of(
            {
                "source": [pairs[n].source for n in order],
                "target": [pairs[n].targets[nearest[n].place] for n in order],
                NAME: [answered[n].text for n in order],
                "edits": np.array([nearest[n].edits for n in order], np.int64),
                unit: np.array([len(references[n][nearest[n].place]) for n in order], np.int64),
                f"{NAME}-score": np.array([answered[n].score for n in order], np.float32),
            }
        )

    def examples(self, inputs: str | Part[Pair], *, longest: int = LONGEST) -> Examples:
        """The first pair of a part, or a text as `predict` takes it with the model's answer; tokens name the steps.

        Raises:
            DataError: a part without pairs, or a text without tokens.
            VocabularyError: a character that the model does not know.
        """
        if isinstance(inputs, Part):
            check_part(inputs)
            pair = inputs.examples[0]
        elif not len(self.codec.rows("source", [inputs]).ids):
            raise DataError(f"expected a text with one token or more to look at; got {inputs!r}")
        else:
            pair = Pair(inputs, (self.predict(inputs).text,))
        one = pair._replace(targets=pair.targets[:1])
        batch = PairBatches([one], self.codec, batch_size=1, **self.task.directions).at(0)
        separators = {"encoder": self.codec.source.separator, "decoder": self.codec.target.separator}
        return Examples(batch, self._step_names(one), separators)

    def named_batches(self, part: Part[Pair]) -> Iterator[NamedBatch]:
        """Yields the pairs of a part, each with its first answer; tokens name the steps."""
        pairs = [pair._replace(targets=pair.targets[:1]) for pair in part.examples]
        batches = self.task.evaluation_batches(replace(part, examples=tuple(pairs)))
        return named_rows(batches, lambda index: self._step_names(pairs[index]))

    def _step_names(self, pair: Pair) -> dict[str, tuple[str, ...]]:
        source = self.codec.rows("source", [pair.source]).ids.tolist()
        target = self.codec.rows("target", pair.targets).ids.tolist()
        read = tuple(map(self.codec.source.token, source[::-1] if self.task.reverse_inputs else source))
        written = tuple(map(self.codec.target.token, target[::-1] if self.task.reverse_answers else target))
        return {"encoder": read, "decoder": ("", *written)}

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The next token of the answer, after each of it; the first follows none, and the end is empty."""
        tokens = tuple(self.codec.target.token(row) if row else "" for row in range(self.codec.target.size))
        return (Question(self.codec.target.unit, tokens, examples.steps.get("decoder", ())),)

    def choices(self, model: EncoderDecoder, carry: Carry, batch: PairBatch) -> tuple[tuple[Choices, ...], Carry]:
        """The probabilities of the next token after those of the right answer."""
        sources, lengths, targets, weights = map(jnp.asarray, batch[:4])
        logits = model(sources, lengths, shift_targets(targets)).logits
        return (token_choices(logits, targets, weights),), carry

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

    def answers(self, inputs: Sequence[Any], *, options: PairPrediction) -> list[dict[str, Any]]:
        """The best answer to each text, with its score; with `n_best` above 1 also the others."""
        return [
            {"text": best.text, "score": best.score}
            | ({"others": [{"text": one.text, "score": one.score} for one in others]} if options.n_best > 1 else {})
            for best, *others in self._answers(texts_in(inputs, SIDES[0]), options)
        ]

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
        yield Answer(tuple(map(field_text, values)), dict(zip(_COLUMNS[-len(values) :], values, strict=True)))


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
