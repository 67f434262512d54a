"""The studio's application: its pages, and the requests that they send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import chain
from pathlib import Path
from typing import Any

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from elman import artefact
from elman._errors import ConfigError, ElmanError, nearest
from elman._trust import trusted
from elman.formats.names import plain_name
from elman.lessons.catalogue import find_lesson, lessons
from elman.studio import choices, preview
from elman.studio.answers import body, fail, leave, lines_of, refuse
from elman.studio.folder import OWN, Folder, as_values
from elman.studio.look import Kept, Look
from elman.studio.looks import LOOKS
from elman.studio.models import Models
from elman.studio.runs import About, Runs
from elman.studio.sample import sample_of
from elman.studio.writing import Texts, Wish
from elman.tasks.registry import TASKS, option_name, task_called
from elman.web.answers import as_json, compute, encode

STATIC = Path(__file__).parent / "static"

TICK, QUIET_SECONDS = 1.0, 15.0
"""The seconds between two looks at the runs, and those after which a silent stream says that it lives."""

Answer = Callable[["Studio", Request], Coroutine[Any, Any, Response]]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order for a training."""

    files: tuple[str, ...]
    task: str
    place: str = ""
    options: dict[str, str] = {}
    force: bool = False


class Looked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files to look at, and the task and the options to read them with."""

    files: tuple[str, ...]
    task: str = ""
    options: dict[str, str] = {}


class Studio:
    """The state of a studio: its folder, runs, models and texts."""

    def __init__(self, folder: Folder):
        self.folder, self.models, self.texts, self.kept = folder, Models(), Texts(), Kept()
        self.own = folder.path / OWN
        self.runs = Runs(self.own / "runs")
        self.trusted = tuple(f"--trust={name}" for name in trusted())
        """The options by which trainings trust the modules that this studio trusts."""
        self.is_ending: Callable[[], bool] = lambda: False
        """Tells streams when the server waits for their end."""

    def app(self) -> Starlette:
        """The application, without the guard."""
        routes = [Route("/", self._page)]
        for path, methods in ROUTES.items():
            for method, answer in methods.items():
                routes.append(Route(path, self._bound(answer), methods=[method]))
        return Starlette(
            routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))],
            exception_handlers={ElmanError: refuse, OSError: refuse, ClientDisconnect: leave, Exception: fail},
        )

    def _bound(self, answer: Answer) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def bound(request: Request) -> Response:
            return await answer(self, request)

        return bound

    async def _page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def contents(self, request: Request) -> Response:
        """The folder's models and files, the runs, and the lessons."""
        models, files, runs = await compute(lambda: (self.folder.models(), self.folder.files(), self.runs.all()))
        return as_json(
            {
                "folder": str(self.folder.path),
                "tasks": [option_name(task) for task in TASKS],
                "largest": self.folder.largest,
                "models": [one | {"task": one["task"] and option_name(one["task"])} for one in as_values(models)],
                "files": as_values(files),
                "runs": await compute(lambda: [run.values() for run in runs]),
                "lessons": [{"name": lesson.name, "title": lesson.title} for lesson in lessons()],
            }
        )

    async def upload(self, request: Request) -> Response:
        """Keeps a file that was dropped into the page."""
        name = request.path_params["name"]
        self.folder.check_size(name, int(request.headers.get("content-length") or 0))
        return as_json({"path": await self.folder.receive(name, request.stream())})

    async def look(self, request: Request) -> Response:
        """The task that files are for, their first rows, and the options of a training."""
        looked = await body(request, Looked)
        seen = await compute(preview.first_look, self.folder, looked.files)
        task = looked.task or seen["task"]
        return as_json(seen | {"chosen": task, "form": await compute(choices.form, task)})

    async def read(self, request: Request) -> Response:
        """The parts, classes, gaps and faults of whole files."""
        looked = await body(request, Looked)
        seen = await compute(preview.whole_look, self.folder, looked.files, looked.task, looked.options)
        return as_json(seen)

    async def train(self, request: Request) -> Response:
        """Starts a training."""
        order = await body(request, Order)
        return as_json(await compute(self._train, order))

    def _train(self, order: Order) -> dict[str, Any]:
        files = [self.folder.relative(self.folder.existing(path)) for path in order.files]
        place = order.place.strip() or (f"{plain_name(files[0])}.elman" if files else "model.elman")
        place = self.folder.relative(self.folder.place(place))
        task_called(order.task)
        chosen = {name: value for name, value in order.options.items() if value != ""}
        named = [f"./{file}" if file.startswith("-") else file for file in files]  # which are no options
        command = ["train", *named, f"--task={order.task}", f"--out={place}", "--json"]
        command += choices.arguments(order.task, chosen) + (["--force"] if order.force else [])
        if (self.folder.path / place).exists() and not order.force:
            raise ConfigError(f"{place}: is there already; choose another name, or overwrite it")
        about = About(
            kind="train", title=place, arguments=tuple(command), place=place, files=tuple(files), options=chosen
        )
        run = self.runs.create(Path(place).stem, about)
        run.launch([*command, *self.trusted], folder=self.folder.path)
        return run.values()

    async def act(self, request: Request) -> Response:
        """Pauses, continues, stops, resumes or removes a run."""
        return as_json(await compute(self._act, **request.path_params))

    def _act(self, name: str, action: str) -> dict[str, Any]:
        run = self.runs[name]
        match action:
            case "pause":
                run.pause()
            case "continue":
                run.go_on()
            case "stop":
                run.stop()
            case "resume" if run.about.kind == "train":
                again = ["train", f"--out={run.about.place}", "--resume", "--json"]
                saved = artefact.exists(self.folder.place(run.about.place))
                command = again if saved else run.about.arguments
                run.launch([*command, *self.trusted], folder=self.folder.path)
            case "remove":
                self.runs.remove(name)
                return {}
            case _:
                raise ConfigError(f"{action!r}: no action on a {run.about.kind}")
        return run.values()

    async def sample(self, request: Request) -> Response:
        """The answer of the model of a run as it is so far, or why there is none yet."""
        run = self.runs[request.path_params["name"]]
        files = [str(self.folder.path / file) for file in run.about.files]
        try:
            fitted = await compute(self.models.load, self.folder.existing(run.about.place))
            text = await compute(sample_of, fitted, files)
        except ElmanError as error:
            return as_json({"without": str(error)})
        return as_json({"step": fitted.measures.get("step"), "text": text})

    async def lesson(self, request: Request) -> Response:
        """Runs a lesson."""
        lesson = find_lesson(request.path_params["name"])
        short = request.query_params.get("short") == "true"
        command = ["lesson", lesson.name, *(["--short"] if short else [])]
        about = About(kind="lesson", title=lesson.title, arguments=tuple(command))
        run = await compute(self.runs.create, lesson.name, about)
        await compute(run.launch, command, folder=run.folder)
        return as_json(await compute(run.values))

    async def pictures(self, request: Request) -> Response:
        """The names of the pictures that a lesson has drawn, or one of them."""
        run = self.runs[request.path_params["name"]]
        drawn = {place.name: place for place in sorted((run.folder / "lesson-pictures").glob("*.png"))}
        name = request.query_params.get("picture")
        return as_json([*drawn]) if name not in drawn else FileResponse(drawn[name], media_type="image/png")

    async def events(self, request: Request) -> Response:
        """A stream of what changes: the list of runs, and those that are watched with their curves."""
        watched = request.query_params.getlist("watch")[:8]
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self._events(request, watched), media_type="text/event-stream", headers=headers)

    async def _events(self, request: Request, watched: list[str]) -> AsyncIterator[bytes]:
        sent, listed, silent = dict[str, tuple[Any, ...]](), b"", 0.0
        while not self.is_ending() and not await request.is_disconnected():
            said = False
            runs = await compute(lambda: [(run, run.values()) for run in self.runs.all()])
            news = encode([values for _, values in runs])
            if news != listed:
                listed, said = news, True
                yield b"event: runs\ndata: " + news + b"\n\n"
            for run, values in runs:
                mark = values["version"], values["state"]
                if run.name in watched and sent.get(run.name) != mark:
                    sent[run.name], said = mark, True
                    yield b"event: run\ndata: " + encode(await compute(run.values, curve=True)) + b"\n\n"
            silent = 0.0 if said else silent + TICK
            if silent >= QUIET_SECONDS:
                silent = 0.0
                yield b": still here\n\n"
            await anyio.sleep(TICK)

    async def write(self, request: Request) -> Response:
        """Writes a text, piece by piece."""
        place = self.folder.existing(request.path_params["model"])
        wish = await body(request, Wish)
        fitted = await compute(self.models.load, place)

        text, pieces = await compute(self.texts.write, fitted, wish)
        head = {"text": text.name, "sizes": text.sizes}
        return await lines_of(chain([head], (piece._asdict() for piece in pieces)))

    async def unit(self, request: Request) -> Response:
        """The values of a unit over a text that was written."""
        query = request.query_params
        text = self.texts[query.get("text", "")]
        unit = query.get("unit", "0")
        if not unit.isdecimal():
            raise ConfigError(f"unit: expected a whole number; got {unit!r}")
        return as_json(text.values(query.get("state", ""), int(unit)))

    async def see(self, request: Request) -> Response:
        """A look at a model, of one of the kinds in `LOOKS`."""
        name = request.path_params["look"]
        if name not in LOOKS:
            raise ConfigError(f"no look {name!r}{nearest(name, LOOKS)}")
        kind, meet = LOOKS[name]
        wish = await body(request, kind)
        place = self.folder.existing(request.path_params["model"])
        fitted = await compute(self.models.load, place)
        return as_json(await compute(meet, Look(fitted, place, self.folder, self.kept), wish))

    async def about(self, request: Request) -> Response:
        """A model in words, with the history of its training."""
        place = self.folder.existing(request.path_params["model"])
        fitted = await compute(self.models.load, place)
        return as_json(
            {
                "task": option_name(type(fitted.task).__name__),
                "rows": fitted._rows(),
                "history": fitted.history.columns() if len(fitted.history) else {},
                "baselines": [str(one) for one in fitted.baselines],
                "verdicts": fitted.verdicts,
            }
        )


ROUTES: dict[str, dict[str, Answer]] = {
    "/api/contents": {"GET": Studio.contents},
    "/api/files/{name}": {"PUT": Studio.upload},
    "/api/look": {"POST": Studio.look},
    "/api/read": {"POST": Studio.read},
    "/api/runs": {"POST": Studio.train},
    "/api/sample/{name}": {"POST": Studio.sample},
    "/api/runs/{name}/{action}": {"POST": Studio.act},
    "/api/lessons/{name}": {"POST": Studio.lesson},
    "/api/pictures/{name}": {"GET": Studio.pictures},
    "/api/events": {"GET": Studio.events},
    "/api/unit": {"GET": Studio.unit},
    "/api/write/{model:path}": {"POST": Studio.write},
    "/api/see/{look}/{model:path}": {"POST": Studio.see},
    "/api/about/{model:path}": {"GET": Studio.about},
}
