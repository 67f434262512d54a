"""Streams by WebSocket: samples or texts come in, and what the model says of each goes out.

A message is JSON, `{"input": ...}` as for a session's `feed`, or bytes: samples as float32, little end first, those of
all leads beside each other. The answer is `{"output": ..., "position": N}`, or `{"problem": ...}` where the input
cannot be read: the session then is as it was, and the stream goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from elman.serving.bodies import parsed
from elman.serving.problems import Problem, problem_of
from elman.serving.sessions import Live
from elman.serving.speech import Speech
from elman.serving.values import Feed
from elman.web.answers import encode

if TYPE_CHECKING:
    from elman.serving.app import Service

IDLE = 1001
"""The code of closing a stream that was idle."""


async def read_stream(service: Service, socket: WebSocket) -> None:
    """Reads a stream until the client ends it, or is silent for too long."""
    try:
        async with service.sessions.use(socket.path_params["session"]) as live:
            await socket.accept()
            await _answer_all(service, socket, live)
    except WebSocketDisconnect:
        return
    except Problem as problem:
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.receive()
            await socket.send_denial_response(problem.response(HTTPConnection(socket.scope)))


async def _answer_all(service: Service, socket: WebSocket, live: Live) -> None:
    speech = Speech(service, live)
    while not service.is_ending():
        try:
            with anyio.fail_after(service.limits.idle_seconds):
                message = await socket.receive()
        except TimeoutError:
            await socket.close(IDLE, f"nothing came for {service.limits.idle_seconds:g} seconds")
            return
        if message["type"] == "websocket.disconnect":
            return
        try:
            answer = await speech.fed(_input_of(message))
        except Exception as error:
            answer = {"problem": problem_of(error).document(socket.url.path)}
        await socket.send_text(encode(answer).decode())
    await socket.close(IDLE, "the service is stopping")


def _input_of(message: Any) -> Feed:
    data = message.get("bytes")
    if data is None:
        return parsed(message["text"], Feed)
    if len(data) % 4:
        raise Problem("unusable", f"expected float32 samples, 4 bytes each; got {len(data)} bytes")
    return Feed(input=np.frombuffer(data, "<f4"))
