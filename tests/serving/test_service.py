"""The application in this process: its limits, its sessions on disk, its guard and its port."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import jax
import msgspec
import numpy as np
import pytest
from starlette.testclient import TestClient

import elman
from elman.serving.app import Service
from elman.serving.guard import Guard
from elman.serving.limits import Limits
from elman.serving.models import Model, Models, named
from elman.serving.server import check_tokens, open_service
from elman.serving.store import Store
from elman.web.callers import Callers
from tests.serving.conftest import ARTEFACTS

LM = "lm"
BASE = "http://127.0.0.1:8100"


@contextmanager
def asked(model, folder, *, token="", **limits):
    """A client of a service in this process, which is ended as by SIGTERM."""
    limits = Limits(**limits)
    models = Models({LM: Model(LM, model, limits)})
    service = Service(models, Store(folder, models), limits)
    callers = Callers(tokens=[token] if token else [], hosts=["127.0.0.1"], port=8100)
    known = None if token else callers
    guard = Guard(service.app(), callers=known, tokens=callers, limits=limits, measures=service.measures)
    with TestClient(guard, base_url=BASE) as http:
        http.headers["authorization"] = f"Bearer {token}"
        http.service = service  # ty: ignore[missing-attribute]
        yield http


def begin(http, text="the cat", **options):
    answer = http.post(f"/v1/models/{LM}/sessions", json={"input": text, "options": options})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/sessions/{answer.json()['id']}"
    return answer.json()["id"]


def write(http, session, count=20):
    answer = http.post(f"/v1/sessions/{session}/next", json={"count": count})
    assert answer.status_code == 200, answer.text
    return answer.json()["output"]


def alone(model, *counts, text="the cat", **options):
    session = model.session(**options)
    session.feed(text)
    return [session.next(count) for count in counts]


def test_sessions_go_on_after_a_stop(model, tmp_path):
    texts = alone(model, 20, 30, 10, seed=1)
    with asked(model, tmp_path) as http:
        session, other = begin(http, seed=1), begin(http)
        assert write(http, session) == texts[0]
        http.delete(f"/v1/sessions/{other}")
    with asked(model, tmp_path) as http:
        assert http.get("/ready").json()["models"] == [LM]
        assert write(http, session, 30) == texts[1]
        assert http.get(f"/v1/sessions/{other}").status_code == 404
    (tmp_path / LM / f"{session}.new").write_bytes(b"cut off by a kill")
    with asked(model, tmp_path) as http:
        assert write(http, session, 10) == texts[2]
        http.delete(f"/v1/sessions/{session}")
    assert [*(tmp_path / LM).iterdir()] == []


def test_of_many_sessions_the_idle_ones_are_on_disk(model, tmp_path):
    with asked(model, tmp_path, sessions=2) as http:
        sessions = [begin(http, seed=seed) for seed in range(4)]
        assert len(http.service.sessions._live) == 2
        texts = {session: [write(http, session), write(http, session)] for session in sessions}
        for seed, session in enumerate(sessions):
            texts[session] += [write(http, session, 7)]
            assert texts[session] == alone(model, 20, 20, 7, seed=seed)
        assert http.service.sessions.stored == 2
        assert {about["saved"] for about in (http.get(f"/v1/sessions/{one}").json() for one in sessions)} == {True}


def test_what_is_idle_leaves_the_memory(model, tmp_path):
    with asked(model, tmp_path, idle_seconds=0.05) as http:
        session = begin(http, seed=1)
        while http.service.sessions._live:
            time.sleep(0.01)
        assert (tmp_path / LM / f"{session}.state").stat().st_mode & 0o777 == 0o600
        assert write(http, session) == alone(model, 20, seed=1)[0]


def test_no_more_sessions_than_there_may_be(model, tmp_path):
    with asked(model, tmp_path, stored=2) as http:
        first = begin(http)
        begin(http)
        answer = http.post(f"/v1/models/{LM}/sessions", json={})
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-sessions")
        assert http.post(f"/v1/sessions/{first}/fork").status_code == 429
        http.delete(f"/v1/sessions/{first}")
        begin(http)


def test_a_damaged_state_and_one_of_another_model_are_refused(model, tmp_path):
    with asked(model, tmp_path) as http:
        session = begin(http)
        state = http.get(f"/v1/sessions/{session}/state").content
    file = tmp_path / LM / f"{session}.state"
    file.write_bytes(state[:-1] + bytes([state[-1] ^ 1]))
    other = model.task.network(model.codec, key=jax.random.key(7))

    with asked(model, tmp_path) as http:
        answer = http.get(f"/v1/sessions/{session}")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/other-state")
        assert "its checksum differs" in answer.json()["detail"]
    file.write_bytes(state)
    with asked(replace(model, model=other), tmp_path) as http:
        answer = http.post(f"/v1/sessions/{session}/next", json={})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/other-state")
        assert "a session of another model, with the hash" in answer.json()["detail"]
    with asked(model, tmp_path) as http:
        assert write(http, session) == alone(model, 20)[0]


def test_a_disk_that_is_full_loses_no_session(model, tmp_path, monkeypatch):
    with asked(model, tmp_path) as http:
        session = begin(http)
        write(http, session)

        def fail(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(http.service.sessions.store, "write", fail)
            answer = http.post(f"/v1/sessions/{session}/save")
            assert (answer.status_code, answer.json()["type"]) == (507, "/problems/not-stored")
            assert "No space left" in answer.json()["detail"]
        assert write(http, session, 30) == alone(model, 20, 30)[1]


def test_a_fault_is_told_without_its_insides(model, tmp_path, monkeypatch, capsys):
    with asked(model, tmp_path) as http:
        session = begin(http)
        with monkeypatch.context() as patch:
            patch.setattr(http.service.sessions, "save", lambda live: 1 / 0)
            answer = http.post(f"/v1/sessions/{session}/save")
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/fault")
        assert "division" not in answer.text
        assert capsys.readouterr().err.count("ZeroDivisionError: ") == 1
        assert len(write(http, session)) == 20


def test_who_asks_too_often_waits(model, tmp_path):
    with asked(model, tmp_path, rate=2) as http:
        answers = [http.get("/v1/models") for _ in range(6)]
        assert [one.status_code for one in answers[:2]] == [200, 200]
        refused = [one for one in answers if one.status_code == 429]
        assert refused
        assert {one.headers["retry-after"] for one in refused} == {"1"}
        assert http.get("/health").status_code == 200


def test_a_page_of_another_site_is_refused(model, tmp_path):
    with asked(model, tmp_path) as http:
        strange = {"origin": "http://evil.example"}
        assert http.post(f"/v1/models/{LM}/sessions", headers=strange).status_code == 403
        assert http.get("/v1/models", headers={"host": "evil.example:8100"}).json()["type"] == "/problems/other-site"
        own = {"origin": BASE}
        assert http.post(f"/v1/models/{LM}/sessions", headers=own).status_code == 201
        assert len(http.service.sessions._live) == 1


def test_with_a_token_any_name_leads_here(model, tmp_path):
    with asked(model, tmp_path, token="some-long-token") as http:
        assert http.get("/v1/models", headers={"host": "models.example"}).status_code == 200
        assert http.get("/v1/models", headers={"authorization": "Bearer some-long-tokem"}).status_code == 401


def test_nobody_else_is_let_in_without_a_token(model, tmp_path):
    for host in ("0.0.0.0", "::", "192.0.2.1", ""):
        with pytest.raises(elman.ConfigError, match="set a token in ELMAN_SERVE_TOKEN"):
            open_service({LM: model}, tmp_path, host=host, port=0, tokens=[], limits=Limits())
    with pytest.raises(elman.ConfigError, match="8 or more letters"):
        check_tokens("127.0.0.1", ["short"])
    check_tokens("0.0.0.0", ["long-enough"])
    assert not [*tmp_path.iterdir()]


def test_a_folder_is_for_one_service(tmp_path):
    store = Store(tmp_path, [LM])
    with ThreadPoolExecutor() as threads, pytest.raises(elman.ConfigError, match="is used by process .* --folder"):
        threads.submit(Store, tmp_path, [LM]).result()
    store.close()
    Store(tmp_path, [LM]).close()


def test_models_have_names():
    assert [*named(["a.elman", "b=models/a.elman"])] == ["a", "b"]
    for places in (["x/a.elman", "y/a.elman"], ["a b.elman"], [".elman"], []):
        with pytest.raises(elman.ConfigError):
            named(places)


def artefact(name):
    return elman.load(ARTEFACTS / name / "model")


def test_a_stream_has_the_beats_of_an_ecg(tmp_path):
    model = artefact("ecg-causal")
    samples = np.loadtxt(ARTEFACTS / "ecg-causal" / "strip.txt", np.float32, skiprows=1)[:, None]
    with asked(model, tmp_path) as http:
        session = begin(http, None, rate=250)
        whole = model.session(rate=250)
        beats, expected = [], []
        with http.websocket_connect(f"ws://127.0.0.1:8100/v1/sessions/{session}/stream") as stream:
            for at in range(0, len(samples), 500):
                piece = samples[at : at + 500]
                expected += whole.feed(piece)
                if at % 1000:
                    stream.send_bytes(piece.astype("<f4").tobytes())
                else:
                    stream.send_json({"input": piece.tolist()})
                beats += stream.receive_json()["output"]
            stream.send_json({"end": True})
            answer = stream.receive_json()
        assert len(beats) > 3
        assert beats + answer["rest"] == [beat.plain for beat in [*expected, *whole.finish()]]
        assert answer["position"] == len(samples)
        for options in ({}, {"rate": "x"}, {"rate": 1}, {"rate": 250, "leads": 10**9}, {"rat": 1}):
            answer = http.post(f"/v1/models/{LM}/sessions", json={"options": options})
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unusable"), options
        for value in ("/etc/passwd", [[1, 2]], [[1], [1, 2]], {"a": 1}, [10**400], 1):
            answer = http.post(f"/v1/sessions/{session}/feed", json={"input": value})
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unusable"), value
        assert http.post(f"/v1/sessions/{session}/next", json={}).status_code == 422


def test_rows_of_series_move_forecasts_on(tmp_path):
    model = artefact("forecasting")
    rows = {"unique_id": ["north", "south"], "ds": ["2024-03-01"] * 2, "y": [27.0, 18.5]}
    with asked(model, tmp_path) as http:
        session = begin(http, rows)
        expected = model.update(rows).predict(level=80)
        answer = http.post(f"/v1/sessions/{session}/next", json={"options": {"level": "80"}}).json()
        assert answer["output"]["elman"] == expected["elman"].tolist()
        assert answer["output"]["elman-hi-80"] == expected["elman-hi-80"].tolist()
        assert answer["output"]["ds"][0] == "2024-03-02T00:00:00"
        for bad in ({"options": {"levle": 3}}, {"temperature": 1.0}, {"options": {"level": "high"}}):
            assert http.post(f"/v1/sessions/{session}/next", json=bad).status_code == 422
        for value in ("/etc/passwd", ["/etc/passwd"], rows, {"y": 3}):
            assert http.post(f"/v1/sessions/{session}/feed", json={"input": value}).status_code == 422
        for options in ({"history": "/etc/passwd"}, {"saved": "/etc/passwd"}, {"history": ["/etc/passwd"]}):
            answer = http.post(f"/v1/models/{LM}/sessions", json={"options": options})
            assert answer.status_code == 422
            assert "root:" not in answer.text


def test_a_letter_that_waits_for_its_accent_is_of_the_prompt(model, tmp_path):
    model = replace(model, codec=msgspec.structs.replace(model.codec, normal_form="NFC"))
    wish = {"model": LM, "prompt": "the cat", "max_tokens": 300, "seed": 2}
    with asked(model, tmp_path) as http:
        answer = http.post("/v1/completions", json=wish).json()
        assert answer["choices"][0]["text"] == model.generate("the cat", length=300, seed=2)
        assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 300, "total_tokens": 307}
        session = begin(http)
        assert write(http, session, 300) == alone(model, 300)[0]
