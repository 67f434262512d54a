"""Streams that are cut off: a session is released after all that writes in it has ended."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

from elman.serving import app
from elman.serving.app import Service


def test_a_session_is_released_after_its_text_has_ended(monkeypatch):
    happened = []

    class Speech:
        def __init__(self, service, live):
            pass

        async def next(self, wish):
            try:
                while True:
                    yield "a"
            finally:
                await asyncio.sleep(0.01)  # as a batch ends its step
                happened.append("ended")

    @asynccontextmanager
    async def session(request):
        try:
            yield None
        finally:
            happened.append("released")

    async def cut():
        events = Service._written(SimpleNamespace(_session=session), None, None)  # ty: ignore
        await anext(events)
        await events.aclose()
        await asyncio.sleep(0.05)

    monkeypatch.setattr(app, "Speech", Speech)
    asyncio.run(cut())
    assert happened == ["ended", "released"]
