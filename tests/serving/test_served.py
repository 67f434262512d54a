"""A service on a real port, asked by its clients and by strangers."""

import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import anyio
import httpx2
import jsonschema
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import elman
from elman.serving.client import AsyncClient, Client
from elman.serving.problems import KINDS
from tests.serving.conftest import ARTEFACTS, TOKEN, WAIT

LM, TAGGER = "language-modelling", "tagging"
SAMPLING = {"temperature": 0.7, "top_k": 8}


@pytest.fixture
def http(served):
    """A client that sends what it is told."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=served.address, headers=headers, timeout=WAIT) as http:
        yield http


@pytest.fixture
def session(client):
    session = client.begin(LM, "the cat", seed=3)
    yield session
    session.delete()


def offline(model, **options):
    alone = model.session(seed=3, **options)
    alone.feed("the cat")
    return alone


def test_a_session_writes_what_it_writes_alone(session, model):
    alone = offline(model)
    assert session.next(50, **SAMPLING) == alone.next(50, **SAMPLING)
    assert "".join(session.stream(70, **SAMPLING)) == alone.next(70, **SAMPLING)
    np.testing.assert_array_equal(session.feed(" sat on"), alone.feed(" sat on"))
    assert session.next(9, temperature=0, seed=5) == alone.next(9, temperature=0, seed=5)
    assert session.position() == alone.position


def test_forks_and_states_go_on_by_themselves(session, client, model):
    fork, other, state = session.fork(), session.fork(seed=8), session.state()
    text = session.next(40)
    assert fork.next(40) == text
    assert other.next(40) != text
    assert model.session(state).next(40) == text
    assert client.begin(LM, state=state).next(40) == text
    for one in (fork, other):
        one.delete()
        with pytest.raises(elman.ServiceError, match="404: no session"):
            one.next(1)


def test_a_saved_session_can_be_gone_back_to(session):
    with pytest.raises(elman.ServiceError, match="409: session .* was never saved"):
        session.restore()
    session.save()
    text = session.next(30)
    session.restore()
    assert session.next(30) == text


def test_a_text_ends_before_a_stop_and_the_session_goes_on_behind_it(session, model):
    alone = offline(model)
    text = session.next(300, stop=["at", " s"], **SAMPLING)
    whole = alone.next(300, **SAMPLING)
    ends = [at for at in map(whole.find, ("at", " s")) if at >= 0]
    assert text == whole[: min(ends)]
    assert session.next(20, **SAMPLING) == whole[min(ends) + 2 :][:20]


def test_a_stream_that_is_cut_off_leaves_the_session_at_a_whole_token(session, model):
    pieces = session.stream(4000, temperature=1)
    first = next(pieces)
    pieces.close()
    alone = offline(model)
    position = None
    while position is None:  # the service notices that nobody listens, and gives the session back
        with suppress(elman.ServiceError):
            position = session.position()
    text = alone.next(position - 7)
    assert text.startswith(first)
    assert session.next(20) == alone.next(20)


def test_a_websocket_reads_a_text_and_keeps_the_session_meanwhile(session, model):
    alone = offline(model)
    with session.listen() as stream:
        np.testing.assert_array_equal(stream.feed(" sat"), alone.feed(" sat"))
        with pytest.raises(elman.ServiceError, match="409: session .* answers another request"):
            session.next(1)
        stream.socket.send_text("{rubbish")
        assert json.loads(stream.socket.receive_text())["problem"]["type"] == "/problems/not-json"
        with pytest.raises(elman.ServiceError, match="422: .*no '€'"):
            stream.feed("a€")
        np.testing.assert_array_equal(stream.feed(" on"), alone.feed(" on"))


def test_asyncio_has_the_same_client(served, model):
    async def talk():
        async with AsyncClient(served.address, token=TOKEN, timeout=WAIT) as client:
            session = await client.begin(LM, "the cat", seed=3)
            fork = await session.fork()
            await session.save()
            text = await session.next(40) + "".join([piece async for piece in session.stream(40)])
            await session.restore()
            state, position = await session.state(), await session.position()
            async with fork.listen() as stream:
                nats = await stream.feed(" sat")
            await session.delete()
            [answer] = await client.predict(TAGGER, ["the bank"])
            return text, state, position, nats, answer["tags"], [one["id"] for one in await client.models()]

    text, state, position, nats, tags, names = anyio.run(talk)
    alone = offline(model)
    assert model.session(state).diff(alone) == {}
    assert (position, names) == (7, [LM, TAGGER])
    np.testing.assert_array_equal(nats, alone.fork().feed(" sat"))
    assert text == alone.next(80)
    assert tags == list(elman.load(ARTEFACTS / TAGGER / "model").predict("the bank").tags)


def test_completions_are_those_of_generate(http, model):
    wish = {"model": LM, "prompt": "the cat", "max_tokens": 30, "temperature": 0.8, "seed": 4, "echo": True}
    answer = http.post("/v1/completions", json=wish).json()
    text = model.generate("the cat", length=30, temperature=0.8, seed=4)
    assert answer["choices"] == [{"text": f"the cat{text}", "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 30, "total_tokens": 37}


BAD = [
    ("GET", "/nothing", None, "unknown-address"),
    ("PUT", "/v1/models", None, "other-method"),
    ("GET", "/v1/models/other", None, "unknown-model"),
    ("POST", "/v1/models/other/sessions", {}, "unknown-model"),
    ("POST", "/v1/sessions/0123/next", {}, "unknown-session"),
    ("GET", "/v1/sessions/..%2f..%2fetc", None, "unknown-address"),
    ("DELETE", "/v1/sessions/0123", None, "unknown-session"),
    ("POST", "/v1/models/tagging/sessions", {}, "unusable"),
    ("POST", "/v1/models/tagging/translate", {"inputs": ["a"]}, "wrong-model"),
    ("POST", "/v1/models/language-modelling/tag", {"inputs": ["a"]}, "wrong-model"),
    ("POST", "/v1/models/tagging/burn", {"inputs": ["a"]}, "unknown-address"),
    ("POST", "/v1/models/tagging/tag", {"inputs": [""]}, "unusable"),
    ("POST", "/v1/models/tagging/tag", {"inputs": [{"a": 1}]}, "unusable"),
    ("POST", "/v1/models/tagging/tag", {"inputs": ["a"], "options": {"nbest": 2}}, "unusable"),
    ("POST", "/v1/models/tagging/tag", {"inputs": ["a"] * 300}, "too-large"),
    ("POST", "/v1/models/tagging/tag", {"inputs": ["a" * 70_000]}, "too-large"),
    ("POST", "/v1/models/tagging/tag", b"{", "not-json"),
    ("POST", "/v1/models/tagging/tag", b"\xff", "not-json"),
    ("POST", "/v1/models/tagging/tag", b'{"inputs":' + b"[" * 5000, "not-json"),
    ("POST", "/v1/models/tagging/tag", b"", "not-json"),
    ("POST", "/v1/models/language-modelling/sessions", {"input": "a€"}, "unknown-token"),
    ("POST", "/v1/models/language-modelling/sessions", {"input": 3}, "unusable"),
    ("POST", "/v1/models/language-modelling/sessions", {"input": {"a": [1]}}, "unusable"),
    ("POST", "/v1/models/language-modelling/sessions", {"options": {"sede": 3}}, "unusable"),
    ("POST", "/v1/models/language-modelling/sessions", {"options": {"seed": -1}}, "unusable"),
    ("POST", "SESSION/next", {"temperature": -1}, "unusable"),
    ("POST", "SESSION/next", {"temperature": "hot"}, "unusable"),
    ("POST", "SESSION/next", {"temprature": 1}, "unusable"),
    ("POST", "SESSION/next", {"count": 0}, "unusable"),
    ("POST", "SESSION/next", {"count": 10**6}, "unusable"),
    ("POST", "SESSION/next", {"count": 10**6, "stream": True}, "unusable"),
    ("POST", "SESSION/next", {"top_p": 0, "stream": True}, "unusable"),
    ("POST", "SESSION/next", [], "unusable"),
    ("POST", "SESSION/feed", {"input": "a€"}, "unknown-token"),
    ("POST", "SESSION/feed", {}, "unusable"),
    ("POST", "/v1/completions", {"model": "gpt-9"}, "unknown-model"),
    ("POST", "/v1/completions", {"model": TAGGER}, "wrong-model"),
    ("POST", "/v1/completions", {"model": LM, "logprobs": 3}, "unusable"),
    ("POST", "/v1/completions", {"model": LM, "best_of": 4}, "unusable"),
    ("POST", "/v1/completions", {"model": LM, "prompt": [1, 2]}, "unusable"),
    ("POST", "/v1/completions", {"model": LM, "prompt": "€"}, "unknown-token"),
    ("POST", "/v1/completions", {"model": LM, "max_tokens": 10**6}, "unusable"),
]  # fmt: skip


def test_what_cannot_be_is_refused_with_a_mend(http, session):
    for method, path, body, name in BAD:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = http.request(method, path.replace("SESSION", f"/v1/sessions/{session.id}"), content=content)
        problem = answer.json()
        assert (problem["type"], problem["status"]) == (f"/problems/{name}", answer.status_code), (method, path, body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["detail"]
        assert problem["mend"] == KINDS[name].mend
        assert problem["error"]["message"] == problem["detail"]
    assert http.get("/problems/no-token").json()["status"] == 401
    assert session.position() == 7


@pytest.mark.parametrize("state", [b"", b"x" * 100, b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_state_that_is_none_is_refused(client, state):
    with pytest.raises(elman.ServiceError, match="409: the session: no session"):
        client.begin(LM, state=state)


def test_without_the_token_only_health_is_told(served):
    with httpx2.Client(base_url=served.address, timeout=WAIT) as http:
        assert [http.get(path).status_code for path in ("/health", "/ready")] == [200, 200]
        for token in ("", "Bearer", "Bearer another-token", "Basic a-token-for-tests"):
            for path in ("/v1/models", "/metrics", "/openapi.json", "/nothing"):
                answer = http.get(path, headers={"authorization": token})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    with Client(served.address, timeout=WAIT) as stranger, pytest.raises(elman.ServiceError, match="401"):
        stranger.session("0" * 32).listen().__enter__()


def test_measures_are_those_of_prometheus(http, session):
    session.next(10)
    families = {one.name: one for one in text_string_to_metric_families(http.get("/metrics").text)}
    [written] = [one.value for one in families["elman_tokens"].samples if one.name == "elman_tokens_total"]
    assert written >= 10
    where = {one.labels["where"]: one.value for one in families["elman_sessions"].samples}
    assert where["memory"] >= 1
    routes = {one.labels["route"] for one in families["elman_requests"].samples}
    assert "/v1/sessions/{session}/next" in routes
    assert not any(session.id in route for route in routes)
    assert families["process_open_fds"].samples


def test_answers_are_as_the_description_says(http, session):
    document = http.get("/openapi.json").json()
    schema = {"components": document["components"]}

    def check(answer, kind):
        jsonschema.validate(answer.json(), schema | {"$ref": f"#/components/schemas/{kind}"})

    path = f"/v1/sessions/{session.id}"
    check(http.get(path), "About")
    check(http.post(f"{path}/next", json={"count": 3}), "Written")
    check(http.post(f"{path}/feed", json={"input": "a"}), "Fed")
    check(http.post(f"/v1/models/{TAGGER}/tag", json={"inputs": ["a"]}), "Answers")
    check(http.get("/nothing"), "Problem")
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            assert all(f"{{{one['name']}}}" in path for one in operation.get("parameters", []))
    assert all(f'"#/components/schemas/{name}"' not in http.get("/openapi.json").text for name in ("Address",))


def test_rubbish_on_the_wire_is_a_client_s_fault(served, client):
    where = urlsplit(served.address)
    for sent in (b"\x16\x03\x01\x02\0", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000, b"POST / HTTP/1.1\r\n"):
        with socket.create_connection((where.hostname, where.port), timeout=WAIT) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(100)
            assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert len(client.models()) == 2
