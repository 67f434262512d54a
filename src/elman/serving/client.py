"""A client of `elman serve`, for programs that wait and for those of asyncio.

>>> from elman.serving.client import Client
>>> with Client("http://127.0.0.1:8100", token="...") as client:  # doctest: +SKIP
...     session = client.begin("nietzsche", "The truth")
...     for piece in session.stream(200, temperature=0.8):
...         print(piece, end="", flush=True)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

try:
    import httpx2
    from httpx2.websockets import WebSocketDisconnect, WebSocketNetworkError, WebSocketUpgradeError
except ModuleNotFoundError:
    from elman._errors import ConfigError

    raise ConfigError("the client needs an extra: pip install 'elman[client]'") from None

from elman._errors import ServiceError

ADDRESS = "http://127.0.0.1:8100"
"""The address of `elman serve` on this machine."""

STATE = "application/octet-stream"


class _Call(NamedTuple):
    """A request."""

    method: str
    path: str
    body: Any = None
    """Bytes, or plain values that are sent as JSON."""

    @property
    def options(self) -> dict[str, Any]:
        """The request as the HTTP client takes it."""
        if self.body is None:
            return {"method": self.method, "url": self.path}
        raw = isinstance(self.body, bytes)
        content = self.body if raw else msgspec.json.encode(self.body, enc_hook=_plain)
        headers = {"content-type": STATE if raw else "application/json"}
        return {"method": self.method, "url": self.path, "content": content, "headers": headers}


class _Place(NamedTuple):
    """The requests for a session."""

    session: str

    def feed(self, value: Any) -> _Call:
        return self._post("feed", {"input": value})

    def next(self, count: int, options: Mapping[str, Any], *, stream: bool = False) -> _Call:
        return self._post("next", {"count": count, "stream": stream, **options})

    def do(self, action: str, body: Any = None) -> _Call:
        return self._post(action, body)

    def state(self) -> _Call:
        return _Call("GET", f"{self.path}/state")

    def about(self) -> _Call:
        return _Call("GET", self.path)

    def delete(self) -> _Call:
        return _Call("DELETE", self.path)

    @property
    def path(self) -> str:
        return f"/v1/sessions/{self.session}"

    def _post(self, action: str, body: Any = None) -> _Call:
        return _Call("POST", f"{self.path}/{action}", body)


def _begin(model: str, value: Any, state: bytes | None, options: Mapping[str, Any]) -> _Call:
    path = f"/v1/models/{model}/sessions"
    return _Call("POST", path, {"input": value, "options": options} if state is None else state)


def _predict(model: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> _Call:
    return _Call("POST", f"/v1/models/{model}/predict", {"inputs": inputs, "options": options})


_MODELS = _Call("GET", "/v1/models")


class Client:
    """A client that waits for each answer.

    Every call raises `ServiceError` where the service refuses it, or cannot be reached.
    """

    def __init__(self, address: str = ADDRESS, *, token: str = "", timeout: float = 90.0):
        """Connects when something is asked.

        Args:
            address: the address that `elman serve` prints.
            token: the token of the service.
            timeout: the seconds to wait for an answer, or for its next piece.
        """
        self._http = httpx2.Client(base_url=address, headers=_headers(token), timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections; sessions stay."""
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """The models, and what each does."""
        return self._send(_MODELS)["data"]

    def predict(self, model: str, inputs: Sequence[Any], **options: Any) -> list[dict[str, Any]]:
        """An answer for each input: labels, tags, translations, forecasts or beats. `options` are those of `elman
        predict` for the model."""
        return self._send(_predict(model, inputs, options))["answers"]

    def begin(self, model: str, value: Any = None, *, state: bytes | None = None, **options: Any) -> Session:
        """Begins a session, which reads `value` first; or goes on with a state that `Session.state` gave."""
        return Session(self, self._send(_begin(model, value, state, options))["id"])

    def session(self, id: str) -> Session:
        """A session that was begun before."""
        return Session(self, id)

    def _send(self, call: _Call) -> Any:
        with _reaching():
            return _answer(self._http.request(**call.options))


class Session:
    """A session on a service."""

    def __init__(self, client: Client, id: str):
        self._client, self.id, self._place = client, id, _Place(id)

    def feed(self, value: Any) -> Any:
        """Feeds a text, samples or rows; returns what the model says of them."""
        return self._send(self._place.feed(value))["output"]

    def next(self, count: int = 100, **options: Any) -> Any:
        """The next `count` tokens as a text, or steps as a forecast; `options` are `temperature`, `top_k`, `top_p` and
        `stop`."""
        return self._send(self._place.next(count, options))["output"]

    def stream(self, count: int = 100, **options: Any) -> Generator[str]:
        """Yields the text of `next` piece by piece, as it is written."""
        call = self._place.next(count, options, stream=True).options
        with _reaching(), self._client._http.sse(**call) as source:
            if source.response.is_error:
                source.response.read()
                _answer(source.response)
            for one in source:
                if not one.event or one.event == "message":
                    yield _output(one.data)

    @contextmanager
    def listen(self) -> Generator[Stream]:
        """A stream of inputs by WebSocket, for a block."""
        with _reaching(), self._client._http.websocket(f"{self._place.path}/stream") as socket:
            yield Stream(socket)

    def position(self) -> int:
        """The number of tokens, samples or rows that were read and written."""
        return self._send(self._place.about())["position"]

    def fork(self, *, seed: int | None = None) -> Session:
        """A copy, which goes on by itself; with a seed of its own it writes another text."""
        return Session(self._client, self._send(self._place.do("fork", {"seed": seed}))["id"])

    def save(self) -> None:
        """Writes the session to the service's disk; whatever happens there, it goes on from here."""
        self._send(self._place.do("save"))

    def restore(self) -> None:
        """Goes back to where the session was saved last."""
        self._send(self._place.do("restore"))

    def state(self) -> bytes:
        """The state, for `Client.begin`, also of another service with the same model."""
        return self._send(self._place.state())

    def delete(self) -> None:
        """Deletes the session."""
        self._send(self._place.delete())

    def _send(self, call: _Call) -> Any:
        return self._client._send(call)


class Stream(NamedTuple):
    """A stream of inputs, and of what the model says of them."""

    socket: Any

    def feed(self, value: Any) -> Any:
        """Feeds a text, samples or rows; returns what the model says of them. Bytes are float32 samples."""
        if isinstance(value, bytes):
            self.socket.send_bytes(value)
        else:
            self.socket.send_text(_input(value))
        return _output(self.socket.receive_text())


class AsyncClient:
    """The client for programs of asyncio: each method is that of `Client`, to be awaited."""

    def __init__(self, address: str = ADDRESS, *, token: str = "", timeout: float = 90.0):
        self._http = httpx2.AsyncClient(base_url=address, headers=_headers(token), timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections; sessions stay."""
        await self._http.aclose()

    async def models(self) -> list[dict[str, Any]]:
        """The models, and what each does."""
        return (await self._send(_MODELS))["data"]

    async def predict(self, model: str, inputs: Sequence[Any], **options: Any) -> list[dict[str, Any]]:
        """An answer for each input; see `Client.predict`."""
        return (await self._send(_predict(model, inputs, options)))["answers"]

    async def begin(self, model: str, value: Any = None, *, state: bytes | None = None, **options: Any) -> AsyncSession:
        """Begins a session; see `Client.begin`."""
        return AsyncSession(self, (await self._send(_begin(model, value, state, options)))["id"])

    def session(self, id: str) -> AsyncSession:
        """A session that was begun before."""
        return AsyncSession(self, id)

    async def _send(self, call: _Call) -> Any:
        with _reaching():
            return _answer(await self._http.request(**call.options))


class AsyncSession:
    """A session on a service; each method is that of `Session`, to be awaited."""

    def __init__(self, client: AsyncClient, id: str):
        self._client, self.id, self._place = client, id, _Place(id)

    async def feed(self, value: Any) -> Any:
        """Feeds a text, samples or rows; returns what the model says of them."""
        return (await self._send(self._place.feed(value)))["output"]

    async def next(self, count: int = 100, **options: Any) -> Any:
        """The next tokens as a text, or steps as a forecast; see `Session.next`."""
        return (await self._send(self._place.next(count, options)))["output"]

    async def stream(self, count: int = 100, **options: Any) -> AsyncGenerator[str]:
        """Yields the text of `next` piece by piece, as it is written."""
        call = self._place.next(count, options, stream=True).options
        with _reaching():
            async with self._client._http.sse(**call) as source:
                if source.response.is_error:
                    await source.response.aread()
                    _answer(source.response)
                async for one in source:
                    if not one.event or one.event == "message":
                        yield _output(one.data)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[AsyncStream]:
        """A stream of inputs by WebSocket, for a block."""
        with _reaching():
            async with self._client._http.websocket(f"{self._place.path}/stream") as socket:
                yield AsyncStream(socket)

    async def position(self) -> int:
        """The number of tokens, samples or rows that were read and written."""
        return (await self._send(self._place.about()))["position"]

    async def fork(self, *, seed: int | None = None) -> AsyncSession:
        """A copy, which goes on by itself; with a seed of its own it writes another text."""
        return AsyncSession(self._client, (await self._send(self._place.do("fork", {"seed": seed})))["id"])

    async def save(self) -> None:
        """Writes the session to the service's disk; whatever happens there, it goes on from here."""
        await self._send(self._place.do("save"))

    async def restore(self) -> None:
        """Goes back to where the session was saved last."""
        await self._send(self._place.do("restore"))

    async def state(self) -> bytes:
        """The state, for `AsyncClient.begin`."""
        return await self._send(self._place.state())

    async def delete(self) -> None:
        """Deletes the session."""
        await self._send(self._place.delete())

    async def _send(self, call: _Call) -> Any:
        return await self._client._send(call)


class AsyncStream(NamedTuple):
    """A stream of inputs, and of what the model says of them."""

    socket: Any

    async def feed(self, value: Any) -> Any:
        """Feeds a text, samples or rows; returns what the model says of them. Bytes are float32 samples."""
        if isinstance(value, bytes):
            await self.socket.send_bytes(value)
        else:
            await self.socket.send_text(_input(value))
        return _output(await self.socket.receive_text())


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


@contextmanager
def _reaching() -> Generator[None]:
    """Turns the errors of the HTTP client into one that says what to do."""
    try:
        yield
    except WebSocketUpgradeError as error:
        status = error.response.status_code
        raise ServiceError(f"{status}: the service refuses this stream", status=status) from None
    except WebSocketDisconnect as error:
        raise ServiceError(f"the service has ended the stream ({error.code}: {error.reason})") from None
    except (httpx2.HTTPError, WebSocketNetworkError) as error:
        raise ServiceError(f"the service cannot be reached ({error}); is `elman serve` running there?") from None


def _answer(response: Any) -> Any:
    if response.is_error:
        try:
            problem = response.json()
        except ValueError:
            problem = {"title": response.text[:200]}
        raise ServiceError.of(problem, response.status_code)
    return response.content if response.headers.get("content-type") == STATE else response.content and response.json()


def _input(value: Any) -> str:
    return msgspec.json.encode({"input": value}, enc_hook=_plain).decode()


def _output(text: str) -> Any:
    answer = msgspec.json.decode(text)
    if "problem" in answer:
        raise ServiceError.of(answer["problem"], answer["problem"]["status"])
    return answer["output"]


def _plain(value: Any) -> Any:
    """An array, or anything else that has a list, as one."""
    return value.tolist()
