"""Decoding of whole outputs: beam search, which is greedy with a beam of one, and sampling. Each is one compiled loop.

A beam holds the best prefixes of an output. Every step continues each prefix by every token that its constraint allows,
and keeps the best of all; prefixes that have ended compete unchanged. An output of n tokens, its end included, and
log-probability p is ranked by p / ((5 + n) / 6)^length_penalty (Wu et al., 2016).

The rows of a batch are independent, and do not change after their end: an output does not depend on the other rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from elman._types import Carry
from elman.tasks.seq2seq.constraints import Constraint

END = 0
"""The token that ends an output, and that the decoder reads before its first token."""


class Outputs(NamedTuple):
    """Outputs for each source, the best first; where fewer exist, the scores of the others are minus infinity."""

    tokens: Int[Array, "batch beam time"]
    """The tokens, with zeros after the end."""
    lengths: Int[Array, "batch beam"]
    """The numbers of tokens, without the end."""
    log_probabilities: Float[Array, "batch beam"]
    """The log-probabilities of whole outputs with their ends, by the model without constraint."""
    scores: Float[Array, "batch beam"]
    """The scores by which outputs are ranked."""


class _Beam(NamedTuple):
    place: Int[Array, ""]
    carry: Carry
    tokens: Int[Array, "batch beam time"]
    last: Int[Array, "batch beam"]
    state: Int[Array, "batch beam"]
    """The states of the constraint."""
    ended: Bool[Array, "batch beam"]
    lengths: Int[Array, "batch beam"]
    total: Float[Array, "batch beam"]


def beam_search(
    model: Any, encoded: Any, constraint: Constraint, *, beam: int, longest: int, length_penalty: float | Array = 0.0
) -> Outputs:
    """The best outputs of at most `longest` tokens (1 or more) for each source.

    Args:
        model: its `step(encoded, carry, tokens)` returns the state after `tokens`, and `logits` of the tokens after
            them, with leading axes batch and beam.
        encoded: the encoded sources; its `carry` is the initial state, with a leading batch axis.
        constraint: the allowed outputs; its `left[0]` is at most `longest`.
        beam: number of prefixes to keep; 1 is greedy.
        length_penalty: 0 ranks by probability, which favours short outputs; larger numbers favour longer ones.
    """

    def step(beams: _Beam) -> _Beam:
        carry, decoded = model.step(encoded, beams.carry, beams.last)
        scores, after = _continue(beams, decoded.logits, constraint, longest)
        vocab = scores.shape[-1]
        ranked = scores / _penalty(_lengths_after(beams), length_penalty)[..., None]
        _, chosen = jax.lax.top_k(ranked.reshape(len(ranked), -1), beam)
        parent, token = chosen // vocab, (chosen % vocab).astype(beams.last.dtype)
        kept = _Beam(beams.place, *jax.tree.map(lambda leaf: _of_parent(leaf, parent), (carry, *beams[2:])))
        total = jnp.take_along_axis(scores.reshape(len(scores), -1), chosen, axis=1)
        state = jnp.take_along_axis(_of_parent(after, parent), token[..., None], axis=2)[..., 0]
        return _advance(kept, token, state, total)

    beams = jax.lax.while_loop(lambda beams: ~beams.ended.all(), step, _start(encoded, beam, longest))
    scores = beams.total / _penalty(beams.lengths + 1, length_penalty)
    return Outputs(beams.tokens, beams.lengths, beams.total, scores)


def sample_outputs(
    model: Any,
    encoded: Any,
    constraint: Constraint,
    keys: Key[Array, " batch"],
    *,
    count: int,
    longest: int,
    temperature: float | Array = 1.0,
) -> Outputs:
    """Samples `count` outputs for each source, token by token, from the model's probabilities to the power
    1 / `temperature`; they are not ranked. `keys` has a key for each row; the other arguments are as for `beam_search`.
    """
    several = jax.vmap(lambda key: jax.random.split(key, count))(keys)

    def step(beams: _Beam) -> _Beam:
        carry, decoded = model.step(encoded, beams.carry, beams.last)
        scores, after = _continue(beams, decoded.logits, constraint, longest)
        possible = jnp.where(jnp.isfinite(scores), decoded.logits / temperature, -jnp.inf)
        now = jax.vmap(jax.vmap(lambda key: jax.random.fold_in(key, beams.place)))(several)
        token = jax.vmap(jax.vmap(jax.random.categorical))(now, possible).astype(beams.last.dtype)
        token = jnp.where(beams.ended, END, token)
        total, state = (jnp.take_along_axis(each, token[..., None], axis=2)[..., 0] for each in (scores, after))
        return _advance(beams._replace(carry=carry), token, state, total)

    start = _start(encoded, count, longest)
    start = start._replace(total=jnp.zeros_like(start.total))
    beams = jax.lax.while_loop(lambda beams: ~beams.ended.all(), step, start)
    return Outputs(beams.tokens, beams.lengths, beams.total, beams.total)


def _start(encoded: Any, beam: int, longest: int) -> _Beam:
    batch = len(jax.tree.leaves(encoded)[0])
    shape = (batch, beam)
    return _Beam(
        place=jnp.zeros((), jnp.int32),
        carry=jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], beam, axis=1), encoded.carry),
        tokens=jnp.zeros((*shape, longest), jnp.int32),
        last=jnp.full(shape, END, jnp.int32),
        state=jnp.zeros(shape, jnp.int32),
        ended=jnp.zeros(shape, bool),
        lengths=jnp.zeros(shape, jnp.int32),
        # All prefixes start equal: only the first one counts, so that its continuations fill the beam.
        total=jnp.broadcast_to(jnp.where(jnp.arange(beam) == 0, 0.0, -jnp.inf), shape),
    )


def _continue(
    beams: _Beam, logits: Float[Array, "batch beam vocab"], constraint: Constraint, longest: int
) -> tuple[Float[Array, "batch beam vocab"], Int[Array, "batch beam vocab"]]:
    """The log-probabilities of prefixes with every next token, and the constraint's states after it. The entry of the
    end token stands for ending now, or for having ended before."""
    after, left = constraint.after[beams.state], constraint.left[beams.state]
    possible = (after >= 0) & (beams.place + 1 + constraint.left[after] <= longest)
    possible = jnp.where(beams.ended[..., None], False, possible).at[..., END].set(beams.ended | (left == 0))
    step = jax.nn.log_softmax(logits, axis=-1)
    step = step.at[..., END].set(jnp.where(beams.ended, 0, step[..., END]))
    return jnp.where(possible, beams.total[..., None] + step, -jnp.inf), after.at[..., END].set(beams.state)


def _advance(beams: _Beam, token: Array, state: Array, total: Array) -> _Beam:
    ends = beams.ended | (token == END) | jnp.isneginf(total)
    # The last step, after `longest` tokens, can only end; its place is outside and nothing is written.
    tokens = beams.tokens.at[:, :, beams.place].set(jnp.where(ends, END, token), mode="drop")
    lengths = jnp.where(ends, beams.lengths, beams.place + 1)
    return _Beam(beams.place + 1, beams.carry, tokens, token, state, ends, lengths, total)


def _lengths_after(beams: _Beam) -> Int[Array, "batch beam"]:
    """The numbers of tokens of the continuations, with an end: unfinished ones are compared as if they ended now."""
    return jnp.where(beams.ended, beams.lengths, beams.place) + 1


def _penalty(lengths: Int[Array, "batch beam"], alpha: float | Array) -> Float[Array, "batch beam"]:
    return ((5 + lengths) / 6) ** alpha


def _of_parent(leaf: Array, parent: Int[Array, "batch beam"]) -> Array:
    return jnp.take_along_axis(leaf, parent.reshape(*parent.shape, *(1,) * (leaf.ndim - 2)), axis=1)
