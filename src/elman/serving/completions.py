"""Completions as OpenAI's clients ask for them: a session for each text, which ends with it."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import Response

from elman.serving.models import Model
from elman.serving.problems import Problem
from elman.serving.sessions import Live
from elman.serving.speech import Speech
from elman.serving.streams import Events, event
from elman.serving.values import Completion, Next
from elman.tasks.session import Session
from elman.web.answers import as_json

if TYPE_CHECKING:
    from elman.serving.app import Service

REASONS = {"stop": "stop", "length": "length", "time": "length", "stopping": "length"}
"""The reasons why a text ends, as these clients know them."""

MOST = 16
"""The tokens of a text whose wish names no number, as these clients expect."""

LACKS = {
    "best_of": "rank the texts of n yourself",
    "logprobs": "ask `Fitted.nexts` in Python for probabilities",
    "suffix": "recurrent networks write from the left",
    "presence_penalty": "use temperature, top_k and top_p",
    "frequency_penalty": "use temperature, top_k and top_p",
    "logit_bias": "use temperature, top_k and top_p",
}
"""The options of OpenAI that elman has not, and what to do instead."""


async def answer(service: Service, wish: Completion) -> Response:
    """The completions of all prompts, or a stream of their pieces.

    Raises:
        Problem: no such model, one that writes no text, or an option that elman has not.
    """
    model = service.models[wish.model]
    if "generate" not in model.verbs:
        raise Problem("wrong-model", f"{model.name} writes no text; it does: {', '.join(model.verbs)}")
    for name, mend in LACKS.items():
        if getattr(wish, name) not in (None, 0, {}, "", wish.n if name == "best_of" else None):
            raise Problem("unusable", f"{name}: elman has no such option; {mend}")
    prompts = [wish.prompt] if isinstance(wish.prompt, str) else wish.prompt
    count = len(prompts) * (wish.n or 1)
    if not 0 < count <= service.limits.inputs:
        raise Problem("unusable", f"prompt: expected 1 to {service.limits.inputs:,} texts to write; got {count:,}")
    about = {"id": f"cmpl-{secrets.token_hex(12)}", "object": "text_completion", "created": int(time.time())}
    about |= {"model": model.name}
    work = list[_Text]()
    for prompt in prompts:
        for place in range(wish.n or 1):
            session = await model.run(model.begin, {"seed": ((wish.seed or 0) + place) % 2**32})
            work.append(_Text(service, model, wish, prompt, session))
            await work[-1].begin()
    if wish.stream:
        return Events(_streamed(work, about, usage=(wish.stream_options or {}).get("include_usage", False)))
    texts = dict[int, str]()
    async with anyio.create_task_group() as group:
        for index, text in enumerate(work):
            group.start_soon(text.whole, texts, index)
    choices = [_choice(index, texts[index], text.reason) for index, text in enumerate(work)]
    return as_json(about | {"choices": choices, "usage": _usage(work)})


class _Text:
    """A text that is written for a prompt."""

    def __init__(self, service: Service, model: Model, wish: Completion, prompt: str, session: Session):
        self._wish, self._prompt, self._live = wish, prompt, Live("", model, session)
        self._speech = Speech(service, self._live)
        self.read = 0
        """The tokens of the prompt."""

    @property
    def written(self) -> int:
        """The tokens of the text."""
        return self._speech.written

    @property
    def reason(self) -> str:
        """The reason why it ends, as OpenAI's clients know it."""
        return REASONS[self._speech.reason]

    async def begin(self) -> None:
        """Reads the prompt.

        Raises:
            InputError: a prompt that cannot be read.
        """
        if self._prompt:
            await self._speech.feed(self._prompt)
            await self._live.model.run(self._live.state.rest_plain)  # the end of a prompt waits for no more of it
        self.read = self._live.position

    async def pieces(self) -> AsyncGenerator[str]:
        """Yields the text, behind its prompt if that is wished for."""
        wish = self._wish
        if wish.echo:
            yield self._prompt
        if wish.max_tokens != 0:
            options: dict[str, Any] = {"temperature": wish.temperature, "top_k": wish.top_k, "top_p": wish.top_p}
            known = {name: value for name, value in options.items() if value is not None}
            following = Next(count=wish.max_tokens or MOST, stop=wish.stop, **known)
            async with aclosing(self._speech.next(following)) as pieces:
                async for piece in pieces:
                    yield piece

    async def whole(self, texts: dict[int, str], index: int) -> None:
        """Writes the text, and puts it into `texts`."""
        texts[index] = "".join([piece async for piece in self.pieces()])


async def _streamed(work: list[_Text], about: dict[str, Any], *, usage: bool) -> AsyncGenerator[bytes]:
    for index, text in enumerate(work):
        async with aclosing(text.pieces()) as pieces:
            async for piece in pieces:
                yield event(about | {"choices": [_choice(index, piece, None)]})
        yield event(about | {"choices": [_choice(index, "", text.reason)]})
    if usage:
        yield event(about | {"choices": [], "usage": _usage(work)})
    yield b"data: [DONE]\n\n"


def _usage(work: list[_Text]) -> dict[str, int]:
    read, written = sum(text.read for text in work), sum(text.written for text in work)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
