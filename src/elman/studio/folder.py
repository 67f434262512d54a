"""The studio's folder: data, models and runs in it, and nothing outside it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from elman import artefact
from elman._errors import DataError, InputError
from elman.formats.names import is_document

OWN = ".elman-studio"
"""The folder, inside the studio's, for what the studio keeps."""

DEEPEST, MOST = 3, 500
"""The levels of folders that are listed, and the most files."""


class Outside(InputError):
    """A path that leads out of the studio's folder, or to what the studio keeps."""


class TooLarge(InputError):
    """An upload over the limit."""


class DataFile(NamedTuple):
    """A file, or a folder of files, that may be data."""

    path: str
    bytes: int
    seconds: float
    """The time of the last change, since 1970."""


class ModelPlace(NamedTuple):
    """A saved model, as far as it is known without loading it."""

    path: str
    task: str
    step: int | None
    seconds: float
    fault: str = ""
    """The reason why it cannot be read."""


class Folder:
    """The folder of a studio; paths in it are relative and written with slashes."""

    def __init__(self, path: Path, *, largest: int):
        self.path, self.largest = path.resolve(), largest

    def place(self, path: str) -> Path:
        """The place of a path below the folder.

        Raises:
            Outside: a path that leads out of the folder, also by links.
        """
        relative = PurePosixPath(path)
        if "\0" in path or not path or relative.is_absolute() or OWN in relative.parts:
            raise Outside(f"{path!r}: expected a path inside {self.path}")
        place = (self.path / relative).resolve()
        if not place.is_relative_to(self.path) or place == self.path:
            raise Outside(f"{path!r}: leads out of {self.path}")
        return place

    def existing(self, path: str) -> Path:
        """The place of something that is there.

        Raises:
            Outside: as `place`.
            DataError: nothing is there.
        """
        place = self.place(path)
        if not place.exists():
            raise DataError(f"{path}: is not there any more; reload the list")
        return place

    def relative(self, place: Path) -> str:
        """The path of a place in the folder."""
        return place.relative_to(self.path).as_posix()

    def models(self) -> list[ModelPlace]:
        """The saved models in the folder, the latest first."""
        models = [self._model(place) for place in self._walk() if _is_model(place)]
        return sorted(models, key=lambda model: -model.seconds)

    def files(self) -> list[DataFile]:
        """The files that may be data, the latest first."""
        files = []
        for place in self._walk():
            with suppress(OSError):  # of a file that has gone meanwhile
                state = place.stat()
                if stat.S_ISREG(state.st_mode) and not is_document(place.name):
                    files.append(DataFile(self.relative(place), state.st_size, state.st_mtime))
        return sorted(files, key=lambda file: -file.seconds)

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Writes an uploaded file into the folder, and returns its path.

        Raises:
            Outside: a name that is no plain name of a file.
            DataError: a file of this name is there.
            TooLarge: more bytes than allowed; nothing is kept.
        """
        if name != PurePosixPath(name).name or "\\" in name or name.startswith(".") or not name.isprintable():
            raise Outside(f"{name!r}: expected the name of a file, without folders")
        place = self.place(name)
        _check_new(place)
        partial, received = place.with_name(f".upload-{secrets.token_hex(8)}"), 0
        try:
            with partial.open("wb") as file:
                async for chunk in chunks:
                    received += len(chunk)
                    self.check_size(name, received)
                    file.write(chunk)
            _check_new(place)  # two uploads of one name may go on at a time
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
        return self.relative(place)

    def check_size(self, name: str, size: int) -> None:
        """Refuses uploads over the limit.

        Raises:
            TooLarge: more bytes than allowed.
        """
        if size > self.largest:
            raise TooLarge(
                f"{name}: has more than {self.largest / 1e6:,.0f} MB; copy it into {self.path} instead, or start the "
                "studio with a larger --upload-mb"
            )

    def _model(self, place: Path) -> ModelPlace:
        saved, path, seconds = artefact.peek(place), self.relative(place), place.stat().st_mtime
        try:
            kind, measures = str(saved["task"]["type"]), saved.get("measures") or {}
            return ModelPlace(path, kind, measures.get("step"), seconds)
        except (TypeError, KeyError, AttributeError):
            return ModelPlace(path, "", None, seconds, "its model.json cannot be read")

    def _holds(self, place: Path) -> bool:
        return place.resolve().is_relative_to(self.path)

    def _walk(self) -> Iterator[Path]:
        """Files, and folders that are saved models, in the folder; what is hidden is left out."""
        seen = 0
        for parent, folders, names in os.walk(self.path):
            here = Path(parent)
            models = {name for name in folders if _is_model(here / name)}
            yield from (here / name for name in sorted(models) if self._holds(here / name))
            deep = len(here.relative_to(self.path).parts) + 1 >= DEEPEST
            folders[:] = [] if deep else sorted(n for n in folders if n not in models and not n.startswith("."))
            for name in sorted(names):
                place = here / name
                if not name.startswith(".") and (not place.is_symlink() or self._holds(place)):
                    if seen == MOST:
                        return
                    seen += 1
                    yield place


def _check_new(place: Path) -> None:
    if place.exists():
        raise DataError(f"{place.name}: is there already; rename the file, or remove the old one")


def _is_model(place: Path) -> bool:
    return place.is_dir() and (place / artefact.MODEL).is_file() and (place / artefact.WEIGHTS).is_file()


def as_values(entries: list[Any]) -> list[dict[str, Any]]:
    """Named tuples as dictionaries."""
    return [entry._asdict() for entry in entries]
