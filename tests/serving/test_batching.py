import asyncio
import random
import threading
from typing import Any

import numpy as np
import pytest

import elman
from elman.serving import batching
from elman.serving.batching import Batcher, Closed, Full, InUse
from tests.recurrence.kernels import needs_kernels


async def written(batcher, session, count, **options):
    return "".join([piece async for piece in batcher.generate(session, count, **options)])


async def client(batcher, number, *, turns):
    """A session that reads, writes, stops and is cancelled at random, beside the same one alone."""
    at_random = random.Random(number)
    session = batcher.fitted.session(seed=number)
    alone = session.fork()
    for _ in range(turns):
        await asyncio.sleep(at_random.random() * 0.01)
        match at_random.choice(["read", "write", "stop", "cancel"]):
            case "read":
                text = "the cat sat on the mat"[: at_random.randrange(1, 23)]
                np.testing.assert_array_equal(await batcher.feed(session, text), alone.feed(text))
            case "write":
                rule = {"temperature": at_random.choice([0, 0.7, 1.3]), "top_k": at_random.choice([0, 3])}
                count = at_random.randrange(90)
                assert await written(batcher, session, count, **rule) == alone.next(count, **rule)
            case "stop":
                assert await written(batcher, session, 60, stop="at") == alone.next(60, stop="at")
            case "cancel":
                text, pieces = "", batcher.generate(session, 400)
                async for piece in pieces:
                    text += piece
                    if len(text) > 5:
                        break
                await pieces.aclose()
                assert alone.next(session.written - alone.written).startswith(text)
        assert session.diff(alone) == {}


def test_sessions_that_join_and_leave_at_random_are_what_they_are_alone(small_fitted, monkeypatch):
    """Also with fewer rows than sessions, which then take turns."""
    monkeypatch.setattr(batching, "TURN", 16)
    steps = []

    async def run():
        observe = lambda *step: steps.append(step)
        async with Batcher(small_fitted[0], rows=6, observe=observe) as batcher:
            await asyncio.gather(*(client(batcher, number, turns=3) for number in range(24)))
            assert batcher.active == batcher.waiting == 0

    asyncio.run(run())
    assert max(tokens for _, tokens in steps) > 6  # read and written in one step
    assert all(seconds > 0 for seconds, _ in steps)


def test_a_session_pauses_until_its_text_is_taken_and_loses_none(small_fitted, monkeypatch):
    monkeypatch.setattr(batching, "UNREAD", 20)
    fitted, _ = small_fitted

    async def run():
        async with Batcher(fitted, rows=1) as batcher:
            slow = batcher.generate(fitted.session(seed=1), 200)
            text = await anext(slow)
            assert await written(batcher, fitted.session(seed=2), 50) == fitted.session(seed=2).next(50)
            return text + "".join([piece async for piece in slow])

    assert asyncio.run(run()) == fitted.session(seed=1).next(200)


def test_a_cancelled_task_leaves_its_session_free_and_whole(small_fitted):
    fitted, _ = small_fitted

    async def run():
        async with Batcher(fitted, rows=2) as batcher:
            session, started = fitted.session(), asyncio.Event()

            async def write():
                async for _ in batcher.generate(session, 10**6):
                    started.set()

            task = asyncio.create_task(write())
            await started.wait()
            with pytest.raises(InUse, match="fork it"):
                await batcher.feed(session, "the")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            count = session.written
            alone = fitted.session()
            alone.next(count)
            assert count
            assert alone.diff(session) == {}
            return await written(batcher, session, 20) == alone.next(20)

    assert asyncio.run(run())


def test_a_batch_that_is_full_or_closed_says_so(small_fitted, monkeypatch):
    monkeypatch.setattr(batching, "UNREAD", 10**9)
    fitted, _ = small_fitted

    async def run():
        batcher = Batcher(fitted, rows=1, waiting=1)
        endless = batcher.generate(fitted.session(), 10**6)
        await anext(endless)
        second = asyncio.create_task(written(batcher, fitted.session(), 10**6))
        while not batcher.waiting and not second.done():
            await asyncio.sleep(0.001)
        with pytest.raises(Full, match="try again later"):
            await written(batcher, fitted.session(), 5)
        closing = asyncio.create_task(batcher.close())
        with pytest.raises(Closed):
            async for _ in endless:
                pass
        with pytest.raises(Closed):
            await second
        await closing
        with pytest.raises(Closed, match="open another"):
            await batcher.feed(fitted.session(), "the cat")

    asyncio.run(run())
    assert "elman batcher" not in [thread.name for thread in threading.enumerate()]


def test_a_failing_step_is_said_to_those_in_it_alone(small_fitted, monkeypatch):
    fitted, _ = small_fitted

    async def run():
        async with Batcher(fitted, rows=2) as batcher:
            session = fitted.session()
            with monkeypatch.context() as patch:
                patch.setattr(batcher._desk, "walk", lambda *_: (_ for _ in ()).throw(MemoryError("no memory")))
                with pytest.raises(MemoryError):
                    await batcher.feed(session, "the cat")
            assert session.position == 0
            return await written(batcher, session, 9)

    assert asyncio.run(run()) == fitted.session().next(9)


@needs_kernels
def test_what_cannot_be_served_is_refused(small_fitted):
    fitted, _ = small_fitted
    for rows, waiting in ((0, 0), (1, -1)):
        with pytest.raises(elman.ConfigError):
            Batcher(fitted, rows=rows, waiting=waiting)

    async def run():
        async with Batcher(fitted.packed("int8"), rows=2) as batcher:
            with pytest.raises(elman.ConfigError, match="another model"):
                await batcher.feed(fitted.session(), "the")
            session: Any = batcher.fitted.session()
            with pytest.raises(elman.ConfigError, match="temperature"):
                await written(batcher, session, 3, temperature=-1)
            with pytest.raises(elman.VocabularyError):
                await batcher.feed(session, "ß ")
            return await written(batcher, session, 30) == session.fitted.session().next(30)

    assert asyncio.run(run())
