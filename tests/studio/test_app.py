"""The server without a browser: its guard, its folder, and requests that cannot be met."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from starlette.testclient import TestClient

from elman import _trust, artefact
from elman._errors import DataError
from elman.cli.train import _options
from elman.studio import choices
from elman.studio.app import ROUTES, STATIC, Studio
from elman.studio.folder import Folder
from elman.studio.guard import Guard
from elman.studio.runs import Run
from elman.web.callers import LOOPBACK

TOKEN, PORT = "secret", 8765
ARTEFACTS = Path(__file__).parents[1] / "artefacts"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.txt").write_text("some text to learn from\n" * 20)
    (tmp_path / "inside" / "linked").symlink_to("/etc")
    return tmp_path / "inside"


@pytest.fixture
def client(folder):
    guard = Guard(Studio(Folder(folder, largest=1000)).app(), token=TOKEN, hosts=LOOPBACK, port=PORT)
    with TestClient(guard, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False) as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.mark.parametrize("token", ["", "secre", "secret2", "sécret"])
def test_without_the_token_nothing_is_told(client, token):
    for path in ("/", "/api/contents", "/static/main.js", "/nothing", f"/?token={quote(token)}"):
        answer = client.get(path, headers={"authorization": f"Bearer {token}".encode()})
        assert answer.status_code == 401
        assert "address with its token" in answer.text


def test_the_token_of_the_address_becomes_a_cookie_that_no_script_reads(client):
    del client.headers["authorization"]
    answer = client.get(f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:9", "127.0.0.1.evil.example:8765"]
)
def test_a_name_that_was_made_to_lead_here_is_refused(client, host):
    assert client.get("/api/contents", headers={"host": host}).status_code == 403
    assert client.get("/api/contents", headers={"host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"), [("192.0.2.7:8765", 200), ("[2001:db8::1]:8765", 200), ("evil.example:8765", 403)]
)
def test_where_all_may_knock_numbers_are_known(folder, host, status):
    app = Studio(Folder(folder, largest=1)).app()
    guard = Guard(app, token=TOKEN, hosts=LOOPBACK, port=PORT, by_address=True)
    with TestClient(guard, base_url=f"http://{host}") as client:
        assert client.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == status


def test_a_page_of_another_origin_changes_nothing(client, folder):
    strange = client.put("/api/files/b.txt", content=b"x", headers={"origin": "http://evil.example"})
    assert strange.status_code == 403
    assert not (folder / "b.txt").exists()
    for origin in ("null", "http://[", "evil.example"):
        assert client.post("/api/look", json={"files": ["a.txt"]}, headers={"origin": origin}).status_code == 403
    own = client.put("/api/files/b.txt", content=b"x", headers={"origin": f"http://127.0.0.1:{PORT}"})
    assert own.json() == {"path": "b.txt"}


def test_every_answer_forbids_what_comes_from_elsewhere(client):
    for path in ("/", "/static/main.js", "/api/contents", "/nothing"):
        assert "default-src 'self'" in client.get(path).headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "linked/passwd", "a/../../b", "", ".", ".elman-studio/runs", "a\0b"]
)
def test_paths_out_of_the_folder_are_refused(client, path):
    assert client.post("/api/look", json={"files": [path]}).status_code == 403


@pytest.mark.parametrize("path", ["../a.txt", "x/y.txt", ".hidden", "..", "a\\b"])
def test_uploads_have_plain_names(client, folder, path):
    before = sorted(place.name for place in folder.parent.rglob("*"))
    assert client.put(f"/api/files/{quote(path, safe='')}", content=b"x").status_code in (403, 404, 405)
    assert sorted(place.name for place in folder.parent.rglob("*")) == before


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_that_is_too_large_leaves_nothing(client, folder, announced):
    content = b"x" * 2000 if announced else (b"x" * 100 for _ in range(20))
    answer = client.put("/api/files/large.txt", content=content)
    assert answer.status_code == 413
    assert "--upload-mb" in answer.json()["error"]
    assert [place.name for place in folder.iterdir() if place.is_file()] == ["a.txt"]


def test_a_file_is_not_replaced(client, folder):
    answer = client.put("/api/files/a.txt", content=b"x")
    assert (answer.status_code, answer.json()["error"]) == (
        400, "a.txt: is there already; rename the file, or remove the old one"
    )  # fmt: skip


def test_an_upload_that_is_given_up_leaves_nothing(folder, capsys):
    pieces = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])
    scope = {"type": "http", "method": "PUT", "path": "/api/files/b.txt", "query_string": b"", "headers": []}

    async def receive():
        return next(pieces)

    async def send(message):
        pass

    anyio.run(Studio(Folder(folder, largest=1000)).app(), scope, receive, send)
    assert sorted(one.name for one in folder.iterdir()) == ["a.txt", "linked"]
    assert not capsys.readouterr().err


def test_a_folder_of_very_many_files_is_listed_in_part(client, folder, monkeypatch):
    monkeypatch.setattr("elman.studio.folder.MOST", 3)
    for number in range(5):
        (folder / f"{number}.txt").write_text("a")
    assert len(client.get("/api/contents").json()["files"]) == 3


def test_of_two_uploads_of_one_name_the_first_is_kept_whole(folder):
    place, both = Folder(folder, largest=1000), []

    async def upload(sign):
        async def chunks():
            for _ in range(5):
                yield sign * 100
                await anyio.sleep(0)

        try:
            await place.receive("b.txt", chunks())
            both.append(sign * 500)
        except DataError:
            both.append(None)

    async def upload_both():
        async with anyio.create_task_group() as group:
            group.start_soon(upload, b"x")
            group.start_soon(upload, b"y")

    anyio.run(upload_both)
    assert both.count(None) == 1
    assert (folder / "b.txt").read_bytes() in both
    assert sorted(one.name for one in folder.iterdir()) == ["a.txt", "b.txt", "linked"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/look", {"files": ["b.txt"]}, "b.txt: is not there any more"),
        ("/api/look", {"file": []}, "not what the page sends"),
        ("/api/runs", {"files": ["a.txt"], "task": "poetry"}, "expected ecg, tagging"),
        (
            "/api/runs",
            {"files": ["a.txt"], "task": "tagging", "options": {"hiden_size": "3"}},
            "did you mean 'hidden_size'?",
        ),
        ("/api/runs", {"files": ["a.txt"], "task": "language-modelling", "place": "../x.elman"}, "leads out of"),
        ("/api/runs/none/stop", {}, "no run 'none'"),
        ("/api/lessons/99", {}, "no lesson '99'"),
        ("/api/write/none.elman", {}, "none.elman: is not there"),
        ("/api/see/gates/a.txt", {"text": "a"}, "a.txt"),
        ("/api/see/gate/a.txt", {}, "did you mean 'gates'?"),
    ],
)
def test_what_cannot_be_met_is_said(client, path, body, said):
    answer = client.post(path, json=body)
    assert answer.status_code in (400, 403)
    assert said in answer.json()["error"]


def test_streams_end_with_the_server(folder):
    studio = Studio(Folder(folder, largest=1))
    ending = iter([False, True])
    studio.is_ending = lambda: next(ending)
    with TestClient(studio.app()) as own:
        assert own.get("/api/events").text == "event: runs\ndata: []\n\n"


def test_a_failure_of_the_studio_itself_is_shown_whole(folder, monkeypatch, capsys):
    async def broken(self, request):
        raise RuntimeError("a bug")

    monkeypatch.setitem(ROUTES, "/api/broken", {"GET": broken})
    with TestClient(Studio(Folder(folder, largest=1)).app(), raise_server_exceptions=False) as own:
        answer = own.get("/api/broken").json()
    assert answer["error"] == "the studio failed: RuntimeError('a bug')"
    assert "Traceback" in answer["details"]
    assert "Traceback" in capsys.readouterr().err


SEEN = {
    "language-modelling": ("cats.txt", {"train": 1260, "validation": 70, "test": 70}, {}),
    "classification": ("sms.txt", {"train": 64, "validation": 8, "test": 8}, {"ham": 32, "spam": 32}),
    "series-classification": ("waves.csv", {"train": 32, "validation": 4, "test": 4}, {"behind": 16, "ahead": 16}),
    "tagging": (
        "bank.conllu",
        {"train": 32, "validation": 4, "test": 4},
        dict.fromkeys(["DET", "VERB", "NUM", "PUNCT"], 32),
    ),
}


@pytest.mark.parametrize("task", SEEN)
def test_a_file_of_each_task_is_recognised_and_read(client, folder, task):
    name, parts, classes = SEEN[task]
    shutil.copy(ARTEFACTS / task / name, folder)
    seen = client.post("/api/look", json={"files": [name]}).json()
    assert (seen["task"], seen["chosen"]) == (task, task)
    assert (ARTEFACTS / task / name).read_text().startswith((seen["rows"][0][0], ",".join(seen["columns"])))
    read = client.post("/api/read", json={"files": [name], "task": task}).json()
    assert read["parts"] == parts
    assert read["classes"].items() >= classes.items()
    assert {"hidden_size", "steps", "seed"} <= {one["name"] for one in seen["form"]}


def test_gaps_of_series_are_counted_and_faults_named(client, folder):
    lines = (ARTEFACTS / "forecasting" / "shops.csv").read_text().splitlines()
    (folder / "shops.csv").write_text("\n".join(lines[:10] + lines[12:]))
    read = {"files": ["shops.csv"], "task": "forecasting"}
    assert "'north' has 6 steps for validation" in client.post("/api/read", json=read).json()["fault"]
    seen = client.post("/api/read", json=read | {"options": {"horizon": "3", "window": "14"}}).json()
    assert seen["gaps"] == [
        {"series": "north", "rows": 60, "missing": 2},
        {"series": "south", "rows": 60, "missing": 0},
    ]
    wrong = client.post("/api/read", json=read | {"options": {"horizon": "three"}})
    assert wrong.json() == {"fault": "horizon: expected `int | null`; got 'three'"}


def test_several_values_of_an_option_are_those_that_the_files_were_read_with():
    chosen = {"target": "a b", "series_column": "my shop", "horizon": "3"}
    typed = choices.arguments("forecasting", chosen)
    assert typed == ["--target=a", "--target=b", "--series-column=my shop", "--horizon=3"]
    task = _options(["x.csv", "--task=forecasting", "--out=m.elman", *typed]).task
    assert {name: getattr(task, name) for name in chosen} == choices.values("forecasting", chosen)


def test_a_record_without_annotations_is_named(client, folder):
    for name in ("strip.hea", "strip.dat"):
        shutil.copy(ARTEFACTS / "ecg" / name, folder)
    assert client.post("/api/look", json={"files": ["strip.hea"]}).json()["task"] == "ecg"
    assert (
        "strip: no annotations"
        in client.post("/api/read", json={"files": ["strip.hea"], "task": "ecg"}).json()["fault"]
    )


def test_looks_at_nothing_and_beyond_the_end(client, folder):
    for task in ("classification", "ecg"):
        shutil.copytree(ARTEFACTS / task / "model", folder / f"{task}.elman")
    for look in ("confusion", "lines"):
        assert "expected a text" in client.post(f"/api/see/{look}/classification.elman", json={}).json()["error"]
    for name in ("strip.hea", "strip.dat"):
        shutil.copy(ARTEFACTS / "ecg" / name, folder)
    wish = {"file": "strip.hea", "start": 1e308}
    seen = client.post("/api/see/strip/ecg.elman", json=wish).json()
    assert (seen["start"], seen["stop"], seen["beats"]) == (5, 5, [])
    (folder / "strip.hea").write_text((folder / "strip.hea").read_text().replace(" II", " V1"))
    os.utime(folder / "strip.hea", ns=(0, 0))
    assert client.post("/api/see/strip/ecg.elman", json=wish).json()["lead"] == "V1"  # not the record that was kept
    few = client.post("/api/see/strip/ecg.elman", json=wish | {"points": 1}).json()["error"]
    assert "expected `int` >= 2" in few.lower()


def test_models_that_cannot_be_loaded_are_explained(client, folder):
    source = ARTEFACTS / "language-modelling" / "model"
    for name, file, old, new in (
        ("newer", "manifest.json", '"format_version": 1', '"format_version": 99'),
        ("damaged", "model.json", '"hidden_size": 8', '"hidden_size": 9'),
    ):
        shutil.copytree(source, folder / f"{name}.elman")
        text = (source / file).read_text()
        (folder / f"{name}.elman" / file).write_text(text.replace(old, new))
        assert old in text
    assert "newer" in client.get("/api/about/newer.elman").json()["error"]
    assert "model.json" in client.get("/api/about/damaged.elman").json()["error"]
    assert [one["path"] for one in client.get("/api/contents").json()["models"]] == ["damaged.elman", "newer.elman"]


MODULE = "from pathlib import Path\n\nPath(__file__).with_suffix('.ran').touch()\n"


def test_a_cell_that_is_not_trusted_is_not_imported(client, folder, monkeypatch):
    monkeypatch.setattr(_trust, "FOLDERS", [str(folder)])
    contents = artefact.read(ARTEFACTS / "language-modelling" / "model")
    contents.model["task"]["cell"] = "strangecells:Own"
    artefact.write(folder / "own.elman", contents)
    (folder / "strangecells.py").write_text(MODULE)
    assert client.get("/api/contents").json()["models"][0]["path"] == "own.elman"
    looks = [("/api/see/gates/own.elman", {"text": "the cat"}), ("/api/write/own.elman", {"prime": "the "})]
    for answer in (client.get("/api/about/own.elman"), *(client.post(path, json=body) for path, body in looks)):
        assert answer.status_code == 400
        assert "if you trust it, --trust strangecells" in answer.json()["error"]
    assert not (folder / "strangecells.ran").exists()


def test_trainings_trust_what_the_studio_trusts(folder, monkeypatch):
    commands = []
    monkeypatch.setattr(Run, "launch", lambda run, command, folder: commands.append(command))
    order = {"files": ["a.txt"], "task": "language-modelling", "options": {"cell": "owncells:Own"}}
    with _trust.trusting(["owncells", "others:build"]):
        studio = Studio(Folder(folder, largest=1))
    with TestClient(studio.app()) as own:
        name = own.post("/api/runs", json=order).json()["name"]
        own.post(f"/api/runs/{name}/resume", json={})
    assert [command[-2:] for command in commands] == [["--trust=others:build", "--trust=owncells"]] * 2
    assert commands[0] == commands[1]
    assert _options(commands[0][1:]).task.cell == "owncells:Own"


def test_the_page_is_plain_and_small_and_names_no_other_host():
    own = [file for file in STATIC.rglob("*") if file.suffix in (".js", ".css", ".html") and "vendor" not in file.parts]
    texts = [file.read_text() for file in own]
    assert sum(text.count("\n") for text in texts) < 3000
    assert not [text for text in texts if re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)]
    assert "The MIT License" in (STATIC / "vendor" / "uplot" / "LICENSE").read_text()
