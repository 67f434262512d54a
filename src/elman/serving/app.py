"""The service's application: its routes, and what each does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, NamedTuple

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from elman.serving import completions, openapi
from elman.serving.bodies import body
from elman.serving.guard import route_of
from elman.serving.limits import Limits
from elman.serving.metrics import Measures
from elman.serving.models import Model, Models
from elman.serving.problems import HANDLERS, KINDS, Problem
from elman.serving.sessions import Sessions
from elman.serving.socket import read_stream
from elman.serving.speech import Speech
from elman.serving.store import Store
from elman.serving.streams import Events, event
from elman.serving.values import About, Answers, Completion, Fed, Feed, Fork, Inputs, NewSession, Next, Written
from elman.web.answers import as_json

SLACK = 5.0
"""The seconds that an answer may take beyond the limit, at which texts end by themselves."""

STATE = "application/octet-stream"
"""The media type of a session's state."""


class Service:
    """Models, sessions and measures, behind HTTP."""

    def __init__(self, models: Models, store: Store, limits: Limits):
        self.models, self.limits, self.measures = models, limits, Measures()
        self.sessions = Sessions(models, store, limits, self.measures)
        self.is_ending: Callable[[], bool] = lambda: False
        """Tells streams when the server waits for their end."""
        for model in models.values():
            self.measures.watch_waiting(model.name, lambda model=model: model.waiting)

    def app(self) -> Starlette:
        """The application, without the guard."""
        routes = [Route(one.path, self._bound(one), methods=[one.method]) for one in ROUTES]
        stream = WebSocketRoute("/v1/sessions/{session}/stream", self.stream)
        return Starlette(routes=[*routes, stream], exception_handlers=HANDLERS, lifespan=self._life)

    @asynccontextmanager
    async def _life(self, app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as work, anyio.create_task_group() as group:
            for model in self.models.values():
                await work.enter_async_context(model.at_work(self.measures.watch_steps(model.name)))
            group.start_soon(self.sessions.evict_idle)
            yield
            group.cancel_scope.cancel()
        await self.sessions.save_all()
        self.sessions.store.close()

    def _bound(self, one: Address) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def bound(request: Request) -> Response:
            route_of(request.scope, one.path)
            try:
                with anyio.fail_after(self.limits.seconds + SLACK):
                    return await one.answer(self, request)
            except TimeoutError:
                raise Problem("too-slow", f"no answer in {self.limits.seconds:g} seconds; ask for less") from None

        return bound

    async def health(self, request: Request) -> Response:
        """Says that the process answers."""
        return as_json({"status": "up"})

    async def ready(self, request: Request) -> Response:
        """Says that the models are loaded and the service is not stopping."""
        if self.is_ending():
            raise Problem("stopping", "the service is stopping", Retry_After="5")
        return as_json({"status": "ready", "models": [*self.models]})

    async def metrics(self, request: Request) -> Response:
        """Measures for Prometheus."""
        return Response(self.measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """This description of the service."""
        return as_json(openapi.describe(ROUTES))

    async def problem(self, request: Request) -> Response:
        """A kind of problem: its status, and how to mend it."""
        name = request.path_params["problem"]
        if name not in KINDS:
            raise Problem("unknown-address", f"there is no problem {name[:60]!r}")
        return as_json({"type": f"/problems/{name}"} | KINDS[name]._asdict())

    async def list_models(self, request: Request) -> Response:
        """The models, and what each does."""
        return as_json({"object": "list", "data": [model.about for model in self.models.values()]})

    async def model(self, request: Request) -> Response:
        """A model, and what it does."""
        return as_json(self._model(request).about)

    async def predict(self, request: Request) -> Response:
        """Answers inputs: labels, tags, translations, forecasts or beats. `tag` and `translate` are the words of their
        tasks for `predict`."""
        model, verb = self._model(request), request.path_params["verb"]
        if verb not in VERBS:
            raise Problem("unknown-address", f"no model does {verb[:60]!r}; expected {', '.join(VERBS)}")
        wish = await body(request, Inputs)
        if len(wish.inputs) > self.limits.inputs:
            raise Problem("too-large", f"expected at most {self.limits.inputs:,} inputs; got {len(wish.inputs):,}")
        return as_json({"answers": await model.run(model.answers, verb, wish.inputs, wish.options)})

    async def complete(self, request: Request) -> Response:
        """Completes prompts, as OpenAI's clients ask for it."""
        wish = await body(request, Completion)
        return await completions.answer(self, wish)

    async def create(self, request: Request) -> Response:
        """Begins a session, or goes on with the state that the body is."""
        model = self._model(request)
        if request.headers.get("content-type", "").startswith(STATE):
            session = await model.run(model.fitted.session, await request.body())
        else:
            wish = await body(request, NewSession, empty=True)
            session = await model.run(model.begin, wish.options)
            if wish.input is not None:
                await model.feed(session, wish.input)
        live = await self.sessions.add(model, session)
        return as_json(live.about, 201, headers={"location": f"/v1/sessions/{live.id}"})

    async def session(self, request: Request) -> Response:
        """A session: its model and position."""
        async with self._session(request) as live:
            return as_json(live.about)

    async def feed(self, request: Request) -> Response:
        """Feeds an input to a session, which stays as it was where the input cannot be read."""
        wish = await body(request, Feed)
        async with self._session(request) as live:
            return as_json(await Speech(self, live).fed(wish))

    async def next(self, request: Request) -> Response:
        """Lets a session go on: writes text, or forecasts."""
        wish = await body(request, Next)
        if wish.stream:
            return Events(self._written(request, wish))
        async with self._session(request) as live:
            speech = Speech(self, live)
            pieces = [piece async for piece in speech.next(wish)]
            return as_json({"output": speech.joined(pieces), "reason": speech.reason, "position": live.position})

    async def _written(self, request: Request, wish: Next) -> AsyncGenerator[bytes]:
        async with self._session(request) as live:
            speech = Speech(self, live)
            async with aclosing(speech.next(wish)) as pieces:  # so that the session is released after them
                async for piece in pieces:
                    yield event({"output": piece})
            yield event({"reason": speech.reason, "position": live.position}, "end")

    async def fork(self, request: Request) -> Response:
        """Makes a copy of a session, which goes on by itself."""
        wish = await body(request, Fork, empty=True)
        async with self._session(request) as live:
            copy = await live.model.run(live.state.fork, **({} if wish.seed is None else {"seed": wish.seed}))
        live = await self.sessions.add(live.model, copy)
        return as_json(live.about, 201, headers={"location": f"/v1/sessions/{live.id}"})

    async def save(self, request: Request) -> Response:
        """Writes a session to disk; after this it goes on from here, whatever happens to the process."""
        async with self._session(request) as live:
            await self.sessions.save(live)
            return as_json(live.about)

    async def restore(self, request: Request) -> Response:
        """Takes a session back to where it was saved last."""
        async with self._session(request) as live:
            await self.sessions.restore(live)
            return as_json(live.about)

    async def state(self, request: Request) -> Response:
        """The state of a session as bytes, with which another service of the same model goes on."""
        async with self._session(request) as live:
            return Response(await live.model.run(live.state.to_bytes), media_type=STATE)

    async def delete(self, request: Request) -> Response:
        """Deletes a session, in memory and on disk."""
        await self.sessions.delete(request.path_params["session"])
        return Response(status_code=204)

    async def stream(self, socket: Any) -> None:
        """A stream of inputs and what the model says of them, by WebSocket."""
        route_of(socket.scope, "/v1/sessions/{session}/stream")
        await read_stream(self, socket)

    def _model(self, request: Request) -> Model:
        return self.models[request.path_params["model"]]

    def _session(self, request: Request) -> Any:
        return self.sessions.use(request.path_params["session"])


class Address(NamedTuple):
    """An address of the service, what it does, and the bodies that go in and come out."""

    method: str
    path: str
    answer: Callable[[Service, Request], Coroutine[Any, Any, Response]]
    takes: type | None = None
    gives: type | None = None
    status: int = 200

    @property
    def name(self) -> str:
        """The name of the operation."""
        return str(getattr(self.answer, "__name__", ""))


VERBS = ("predict", "tag", "translate")

_SESSION = "/v1/sessions/{session}"

ROUTES = (
    Address("GET", "/health", Service.health),
    Address("GET", "/ready", Service.ready),
    Address("GET", "/metrics", Service.metrics),
    Address("GET", "/openapi.json", Service.openapi),
    Address("GET", "/problems/{problem}", Service.problem),
    Address("GET", "/v1/models", Service.list_models),
    Address("GET", "/v1/models/{model}", Service.model),
    Address("POST", "/v1/models/{model}/sessions", Service.create, NewSession, About, 201),
    Address("POST", "/v1/models/{model}/{verb}", Service.predict, Inputs, Answers),
    Address("POST", "/v1/completions", Service.complete, Completion),
    Address("GET", _SESSION, Service.session, None, About),
    Address("DELETE", _SESSION, Service.delete, status=204),
    Address("POST", f"{_SESSION}/feed", Service.feed, Feed, Fed),
    Address("POST", f"{_SESSION}/next", Service.next, Next, Written),
    Address("POST", f"{_SESSION}/fork", Service.fork, Fork, About, 201),
    Address("POST", f"{_SESSION}/save", Service.save, None, About),
    Address("POST", f"{_SESSION}/restore", Service.restore, None, About),
    Address("GET", f"{_SESSION}/state", Service.state),
)
"""The addresses of the service; the stream of a session is beside them, since it is no request."""
