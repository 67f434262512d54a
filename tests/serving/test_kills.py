"""A service that is killed, and one that is told to end: what was saved goes on exactly."""

import os
import signal
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

import elman
from tests.serving.conftest import TOKEN, serving

LM = "language-modelling"

pytestmark = pytest.mark.slow


def test_every_saved_session_goes_on_after_a_kill_and_every_one_after_a_stop(model, tmp_path):
    alone = [model.session(seed=seed) for seed in range(3)]
    with serving(tmp_path, LM) as served, served.client() as client:
        saved, moved, lost = (client.begin(LM, seed=seed) for seed in range(3))
        for session, own in zip((saved, moved), alone, strict=False):
            assert session.next(30) == own.next(30)
            session.save()
        moved.next(10)
        lost.next(10)
        pieces = saved.fork().stream(4000)
        next(pieces)  # in the middle of a text
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.communicate()
    with serving(tmp_path, LM) as served, served.client() as client:
        for session, own in ((saved, alone[0]), (moved, alone[1])):
            assert client.session(session.id).next(20) == own.next(20)
        with pytest.raises(elman.ServiceError, match="404"):
            client.session(lost.id).next(1)
        last = client.begin(LM, seed=2)
        text, pieces = "", last.stream(4000)
        text += next(pieces)
        served.process.send_signal(signal.SIGTERM)
        text += "".join(pieces)  # the text ends at a whole token
        assert served.process.wait(240) == -signal.SIGTERM
        assert served.process.stderr.read().count("\n") == 1
    with serving(tmp_path, LM) as served, served.client() as client:
        assert client.session(saved.id).next(9) == alone[0].next(9)
        session = client.session(last.id)
        assert text == alone[2].next(len(text))
        assert session.next(20) == alone[2].next(20)
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(240) == 0


def test_who_stalls_is_cut_off(tmp_path):
    with serving(tmp_path, LM, stall_seconds=0.5, body_kb=5000, length=10**6, seconds=600, stored=10) as served:
        where = urlsplit(served.address)
        head = f"Authorization: Bearer {TOKEN}\r\nHost: {where.netloc}\r\n"
        begun = f"POST /v1/models/{LM}/sessions HTTP/1.1\r\n{head}Content-Length: 99\r\n\r\n{{".encode()
        for sent, answer in ((b"GET / HT", b""), (b"", b""), (begun, b"HTTP/1.1 408")):
            with socket.create_connection((where.hostname, where.port), timeout=240) as wire:
                wire.sendall(sent)
                assert wire.recv(12) == answer
        with served.client() as client:
            session = client.begin(LM)
            wish = b'{"count": 900000, "stream": true, "temperature": 0}'
            with socket.socket() as wire:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
                wire.connect((where.hostname, where.port))
                path = f"POST /v1/sessions/{session.id}/next HTTP/1.1\r\n"
                wire.sendall(f"{path}{head}Content-Length: {len(wish)}\r\n\r\n".encode() + wish)
                position = 0
                while not position:  # nothing is read from the wire, until the service gives the session back
                    with suppress(elman.ServiceError):  # in use
                        position = session.position()
                    time.sleep(0.05)
            assert position < 900_000


def test_the_openai_client_completes(tmp_path, model):
    openai = pytest.importorskip("openai")
    with serving(tmp_path, LM, "tagging") as served:
        client = openai.OpenAI(base_url=f"{served.address}/v1", api_key=TOKEN, timeout=240, max_retries=0)
        assert [one.id for one in client.models.list()] == [LM, "tagging"]
        assert client.models.retrieve(LM).owned_by == "elman"
        wish = {"model": LM, "prompt": "the cat", "max_tokens": 40, "temperature": 0.7, "seed": 5}
        text = model.generate("the cat", length=40, temperature=0.7, seed=5)
        answer = client.completions.create(**wish)
        assert (answer.choices[0].text, answer.choices[0].finish_reason) == (text, "length")
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 40)
        stream = [*client.completions.create(**wish, stream=True, stream_options={"include_usage": True})]
        assert "".join(one.choices[0].text for one in stream if one.choices) == text
        assert stream[-2].choices[0].finish_reason == "length"
        assert stream[-1].usage.total_tokens == 47
        several = client.completions.create(**wish | {"prompt": ["the cat", "a"], "n": 2}, extra_body={"top_k": 3})
        rule = {"length": 40, "temperature": 0.7, "top_k": 3}
        expected = [model.generate(prompt, seed=seed, **rule) for prompt in ("the cat", "a") for seed in (5, 6)]
        assert [choice.text for choice in several.choices] == expected
        stopped = client.completions.create(**wish, stop=["t"])
        assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == (text[: text.find("t")], "stop")
        with pytest.raises(openai.NotFoundError, match="no model 'gpt'"):
            client.completions.create(model="gpt", prompt="")
        with pytest.raises(openai.UnprocessableEntityError, match="the vocabulary has no '€'"):
            client.completions.create(model=LM, prompt="€")
        with pytest.raises(openai.UnprocessableEntityError, match="logprobs: elman has no such option"):
            client.completions.create(model=LM, prompt="a", logprobs=2)
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="another-token").models.list()

        async def both():
            async with openai.AsyncOpenAI(base_url=f"{served.address}/v1", api_key=TOKEN, max_retries=0) as own:
                return await own.completions.create(**wish)

        import anyio

        assert anyio.run(both).choices[0].text == text
