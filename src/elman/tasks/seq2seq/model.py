"""Encoder and decoder: from one sequence to another (Sutskever, Vinyals and Le, 2014; Cho et al., 2014).

Token 0 marks the edge of a text: the decoder reads it before the first token and writes it after the last.

The connection says what the decoder gets from the encoder:

| connection | the decoder reads at each step | starts from | computes logits from |
|---|---|---|---|
| "repeat" | the encoder's last output, and no token | its initial state | its output |
| "state" | the previous token | the encoder's last state | its output |
| "additive", "dot" | the previous token | the encoder's last state | tanh([context, output] W + b) |
| "moving" | the previous token | the encoder's last state | a recurrent layer over [contexts, output] |

"repeat" is Keras' example of addition (2015). With attention, the decoder's output is the query (Luong, Pham and
Manning, 2015, without input feeding), so the recurrence needs no context and runs over all steps at once. "moving" has
two heads that walk along the source (`layers.MovingAttention`); the recurrent layer after them can carry a digit from
one position to the next, as in a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from elman._errors import ConfigError
from elman._module import Module
from elman._types import Carry
from elman.cells import Cell
from elman.layers import AdditiveAttention, BidirectionalCarry, Dense, DotAttention, Embedding, MovingAttention, Stack
from elman.layers.graph import Graph, Input, named_leaves
from elman.layers.recurrent import final, make_layers
from elman.ops.dropout import variational_dropout
from elman.recurrence.unroll import Engine

Connection = Literal["state", "repeat", "additive", "dot", "moving"]

EDGE = 0
"""The token that stands before the first token of a text and after its last."""

HEADS = 2
"""Heads of moving attention: a sum needs one digit of each of two numbers at a time."""


class DecoderState(NamedTuple):
    """The decoder's state between two tokens; () for the parts that its connection does not use."""

    layers: tuple[Carry, ...]
    weights: Any = ()
    """The weights of moving attention."""
    mixer: Any = ()
    """The state of the recurrent layer after moving attention."""


class EncodedSource(NamedTuple):
    """The decoder's view of encoded sources; () for the parts that its connection does not use."""

    carry: DecoderState
    """The decoder's state before the first token."""
    vector: Any
    """The encoder's last output, for "repeat"."""
    states: Any
    """The encoder's outputs, for attention."""
    keys: Any
    """The attention's keys, which depend on `states` alone."""
    lengths: Int[Array, " batch"]


class DecoderOutput(NamedTuple):
    """The logits of every token and the attention weights; without attention, `source` is 0."""

    logits: Float[Array, "batch time vocab"]
    attention: Float[Array, "batch time source"]


class EncoderDecoder(Module):
    """An encoder and a decoder, each of an embedding, dropout and recurrent layers, then attention and logits."""

    source_embedding: Embedding
    target_embedding: Embedding | None
    encoder: Stack
    decoder: Stack
    attention: AdditiveAttention | DotAttention | MovingAttention | None
    combine: Dense | None
    mixer: Any  # a Stack, for "moving"
    head: Dense
    connection: str = eqx.field(static=True)
    input_dropout: float = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        *,
        source_vocab: int,
        target_vocab: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        connection: Connection = "state",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ):
        """`cell(input_size, hidden_size, key=key)` makes each layer's cell. A bidirectional encoder has two cells of
        half the size in each layer; the decoder starts from their concatenated states.

        Raises:
            ConfigError: an odd hidden size, or an encoder's state that the decoder cannot start from.
        """
        if bidirectional and hidden_size % 2:
            raise ConfigError(f"hidden_size: expected an even number for a bidirectional encoder; got {hidden_size}")
        keys = iter(jr.split(key, 7))
        self.connection, self.input_dropout = connection, input_dropout
        self.source_embedding = Embedding(source_vocab, embedding_size, key=next(keys))
        half = hidden_size // 2 if bidirectional else hidden_size
        layer_keys = jr.split(next(keys), num_layers)
        encoder = make_layers(cell, embedding_size, half, bidirectional=bidirectional, keys=layer_keys)
        width = encoder[-1].hidden_size
        repeated = connection == "repeat"
        self.target_embedding = None if repeated else Embedding(target_vocab, embedding_size, key=next(keys))
        read, layer_keys = width if repeated else embedding_size, jr.split(next(keys), num_layers)
        decoder = make_layers(cell, read, hidden_size, bidirectional=False, keys=layer_keys)
        self.encoder, self.decoder = Stack(encoder, dropout=dropout), Stack(decoder, dropout=dropout)
        written = decoder[-1].hidden_size
        match connection:
            case "additive":
                self.attention = AdditiveAttention(written, width, hidden_size, key=next(keys))
            case "dot":
                if width != written:
                    raise ConfigError(
                        f"connection 'dot': expected encoder and decoder of one width; got {width} and {written} "
                        "features; choose 'additive', which takes any"
                    )
                self.attention = DotAttention()
            case "moving":
                self.attention = MovingAttention(written, width, heads=HEADS, key=next(keys))
            case _:
                self.attention = None
        self.combine = self.mixer = None
        if connection == "moving":
            self.mixer = Stack((cell(HEADS * width + written, hidden_size, key=next(keys)),))
            written = self.mixer.cells[-1].hidden_size
        elif self.attention is not None:
            self.combine = Dense(width + written, hidden_size, key=next(keys))
            written = hidden_size
        self.head = Dense(written, target_vocab, key=next(keys))
        if not repeated:
            self._check_state()

    def __call__(
        self,
        sources: Int[Array, "batch source"],
        lengths: Int[Array, " batch"],
        inputs: Int[Array, "batch time"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> DecoderOutput:
        """The logits of the token after each of `inputs`, by teacher forcing: `inputs` are the right tokens, shifted
        (`shift_targets`). `lengths` are those of the sources; `key=None` means no dropout."""
        encoder_key, decoder_key = (None, None) if key is None else jr.split(key)
        return self.decode(self.encode(sources, lengths, key=encoder_key), inputs, key=decoder_key)

    def encode(
        self,
        sources: Int[Array, "batch source"],
        lengths: Int[Array, " batch"],
        *,
        engine: Engine = "auto",
        key: PRNGKeyArray | None = None,
    ) -> EncodedSource:
        """Encodes `sources` for the decoder; `engine` is `unroll`'s."""
        input_key, layers_key = (None, None) if key is None else jr.split(key)
        xs = variational_dropout(self.source_embedding(sources), self.input_dropout, key=input_key)
        batch = sources.shape[0]
        last, states = self.encoder(xs, self.encoder.init_carry(batch), lengths=lengths, engine=engine, key=layers_key)
        if self.connection == "repeat":
            vector = final(self.encoder.cells[-1], states, lengths=lengths)
            return EncodedSource(DecoderState(self.decoder.init_carry(batch)), vector, (), (), lengths)
        carry = DecoderState(tuple(map(_hand_over, last)))
        if self.attention is None:
            return EncodedSource(carry, (), (), (), lengths)
        if isinstance(self.attention, MovingAttention):
            weights, mixer = self.attention.start(lengths, sources.shape[1]), self.mixer.init_carry(batch)
            return EncodedSource(carry._replace(weights=weights, mixer=mixer), (), states, (), lengths)
        return EncodedSource(carry, (), states, self.attention.keys(states), lengths)

    def decode(
        self, encoded: EncodedSource, inputs: Int[Array, "batch time"], *, key: PRNGKeyArray | None = None
    ) -> DecoderOutput:
        """The logits of the token after each of `inputs`."""
        return self._run(encoded, encoded.carry, inputs, key)[1]

    def step(
        self, encoded: EncodedSource, carry: DecoderState, tokens: Int[Array, "batch beam"]
    ) -> tuple[DecoderState, DecoderOutput]:
        """One decoder step of several texts for each source: the state after `tokens`, and the logits of the tokens
        after them. The state's leaves have leading axes batch and beam."""
        batch, beam = tokens.shape
        flat = jax.tree.map(lambda leaf: leaf.reshape(batch * beam, *leaf.shape[2:]), carry)
        if self.target_embedding is None:
            xs = jnp.repeat(encoded.vector, beam, axis=0)[:, None]
        else:
            xs = self.target_embedding(tokens).reshape(batch * beam, 1, -1)
        layers, hidden = self.decoder(xs, flat.layers)
        flat = flat._replace(layers=layers)
        if self.connection == "moving":  # every text has its own weights
            flat, decoded = self._score(_repeat_rows(encoded, beam), flat, hidden)
            decoded = DecoderOutput(*(each.reshape(batch, beam, -1) for each in decoded))
        else:
            flat, decoded = self._score(encoded, flat, hidden.reshape(batch, beam, -1))
        return jax.tree.map(lambda leaf: leaf.reshape(batch, beam, *leaf.shape[1:]), flat), decoded

    def decode_sampled(
        self,
        encoded: EncodedSource,
        inputs: Int[Array, "batch time"],
        forced: Bool[Array, "batch time"],
        *,
        key: PRNGKeyArray,
    ) -> DecoderOutput:
        """The logits of `decode` with scheduled sampling (Bengio et al., 2015): where `forced` is False, the decoder
        reads a token sampled from its own last logits. No gradient goes through a sample."""
        noise, draws = jr.split(key)

        def step(state: tuple, now: tuple) -> tuple[tuple, tuple]:
            carry, own = state
            token, is_forced, place = now
            carry, (logits, attention) = self._run(encoded, carry, jnp.where(is_forced, token, own)[:, None], noise)
            own = jr.categorical(jr.fold_in(draws, place), logits[:, 0]).astype(inputs.dtype)
            return (carry, own), (logits[:, 0], attention[:, 0])

        start = (encoded.carry, inputs[:, 0])
        _, decoded = jax.lax.scan(step, start, (inputs.T, forced.T, jnp.arange(inputs.shape[1])))
        return DecoderOutput(*(jnp.swapaxes(each, 0, 1) for each in decoded))

    def graphs(self) -> dict[str, Graph]:
        """Reads sources, and writes a token: the encoder's outputs are the decoder's inputs of the same name; those
        that begin with `state` are its first state.

        Raises:
            ConfigError: moving attention, whose state is as long as the source.
        """
        if self.connection == "moving":
            raise ConfigError("connection 'moving': its state is as long as the source; train one with 'additive'")
        some = jax.ShapeDtypeStruct((1, 2), jnp.int32), jax.ShapeDtypeStruct((1,), jnp.int32)
        shapes = jax.eval_shape(self.encode, *some)
        parts = [name for name in ("vector", "states", "keys") if not isinstance(getattr(shapes, name), tuple)]

        def read(state: Any, sources: Array, lengths: Array) -> tuple[Any, dict[str, Array]]:
            encoded = self.encode(sources, lengths)
            first = {f"state.{name}": leaf for name, leaf in named_leaves(encoded.carry)}
            return state, first | {name: getattr(encoded, name) for name in parts}

        def write(state: Any, tokens: Array, lengths: Array, **given: Array) -> tuple[Any, dict[str, Array]]:
            others = {name: given.get(name, ()) for name in ("vector", "states", "keys")}
            encoded = EncodedSource(carry=state, lengths=lengths, **others)
            beam = jax.tree.map(lambda leaf: leaf[:, None], state)
            after, decoded = self.step(encoded, beam, tokens[:, None])
            return jax.tree.map(lambda leaf: leaf[:, 0], after), {"logits": decoded.logits[:, 0]}

        lengths = {"lengths": Input(("batch",), "time")}
        sources = {"sources": Input(("batch", "time"), len(self.source_embedding.table)), **lengths}
        axes = {"vector": ("batch",), "states": ("batch", "time"), "keys": ("batch", "time")}
        given = {name: Input((*axes[name], getattr(shapes, name).shape[-1])) for name in parts}
        tokens = {"tokens": Input(("batch",), self.head.kernel.shape[1]), **lengths, **given}

        def start(batch: int) -> DecoderState:
            return jax.tree.map(lambda leaf: jnp.zeros((batch, *leaf.shape[1:]), leaf.dtype), shapes.carry)

        return {"encoder": Graph(read, sources), "decoder": Graph(write, tokens, start)}

    def activations(
        self, sources: Int[Array, "batch source"], lengths: Int[Array, " batch"], inputs: Int[Array, "batch time"]
    ) -> list[tuple[str, Any]]:
        """The outputs of each part of the model, by name, in the order of computation."""
        xs = self.source_embedding(sources)
        _, read = self.encoder.outputs(xs, self.encoder.init_carry(sources.shape[0]), lengths=lengths)
        encoded = self.encode(sources, lengths)
        _, written = self.decoder.outputs(self._inputs(encoded, inputs, None), encoded.carry.layers)
        _, (logits, attention) = self._score(encoded, encoded.carry, written[-1])
        return [
            ("source_embedding", xs),
            *((f"encoder.cells.{layer}", ys) for layer, ys in enumerate(read)),
            *((f"decoder.cells.{layer}", ys) for layer, ys in enumerate(written)),
            ("attention", attention),
            ("head", logits),
        ]

    def _run(
        self, encoded: EncodedSource, carry: DecoderState, inputs: Array, key: PRNGKeyArray | None
    ) -> tuple[DecoderState, DecoderOutput]:
        """Runs the decoder over `inputs`. The same key gives the same noise at every step, however the steps are
        split over calls."""
        input_key, layers_key = (None, None) if key is None else jr.split(key)
        layers, hidden = self.decoder(self._inputs(encoded, inputs, input_key), carry.layers, key=layers_key)
        return self._score(encoded, carry._replace(layers=layers), hidden)

    def _inputs(self, encoded: EncodedSource, inputs: Array, key: PRNGKeyArray | None) -> Array:
        if self.target_embedding is None:
            batch, width = encoded.vector.shape
            return jnp.broadcast_to(encoded.vector[:, None], (batch, inputs.shape[1], width))
        return variational_dropout(self.target_embedding(inputs), self.input_dropout, key=key)

    def _score(
        self, encoded: EncodedSource, carry: DecoderState, hidden: Float[Array, "batch time hidden"]
    ) -> tuple[DecoderState, DecoderOutput]:
        """Computes logits from the decoder layers' outputs `hidden`, and the state after them."""
        if isinstance(self.attention, MovingAttention):
            weights, attended = self.attention(hidden, encoded.states, carry.weights, lengths=encoded.lengths)
            mixer, mixed = self.mixer(jnp.concatenate([attended.context, hidden], axis=-1), carry.mixer)
            carry = carry._replace(weights=weights, mixer=mixer)
            return carry, DecoderOutput(self.head(mixed), attended.weights.mean(axis=2))
        if self.attention is None or self.combine is None:
            return carry, DecoderOutput(self.head(hidden), jnp.zeros((*hidden.shape[:2], 0)))
        context, weights = self.attention(hidden, encoded.keys, encoded.states, lengths=encoded.lengths)
        mixed = jnp.tanh(self.combine(jnp.concatenate([context, hidden], axis=-1)))
        return carry, DecoderOutput(self.head(mixed), weights)

    def _check_state(self) -> None:
        """Refuses an encoder whose last states do not have the structure of the decoder's."""
        encoder_state = jax.eval_shape(lambda: tuple(map(_hand_over, self.encoder.init_carry(1))))
        decoder_state = jax.eval_shape(lambda: self.decoder.init_carry(1))
        if str(encoder_state) != str(decoder_state):
            raise ConfigError(
                f"connection {self.connection!r}: the decoder's cells cannot start from the states of two "
                f"{type(self.decoder.cells[0]).__name__} of half the size; use a one-way encoder (bidirectional=False) "
                "or connection='repeat'"
            )


def shift_targets(targets: Int[Array, "batch time"]) -> Int[Array, "batch time"]:
    """The decoder's inputs for teacher forcing with `targets`: an edge, then all targets but the last.

    >>> shift_targets(jnp.array([[5, 6, 0]])).tolist()
    [[0, 5, 6]]
    """
    return jnp.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=EDGE)


def _repeat_rows(encoded: EncodedSource, beam: int) -> EncodedSource:
    """Repeats the rows of `encoded` for `beam` texts of each source."""
    states, lengths = (jnp.repeat(each, beam, axis=0) for each in (encoded.states, encoded.lengths))
    return encoded._replace(states=states, lengths=lengths)


def _hand_over(carry: Carry) -> Carry:
    """An encoder layer's last state as a decoder layer's first; the two of a bidirectional layer are concatenated."""
    if not isinstance(carry, BidirectionalCarry):
        return carry
    return jax.tree.map(lambda ahead, back: jnp.concatenate([ahead, back], axis=-1), carry.forward, carry.backward)
