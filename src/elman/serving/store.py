"""Saved states of sessions: a file for each, written as a whole, in a folder for each model.

`FOLDER/MODEL/SESSION.state` is what `Session.save` writes. A file is complete or not there, whenever the process or the
machine stops; one service uses the folder at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from elman import _lock
from elman._errors import ConfigError
from elman._folder import replace_file

STATE, UNFINISHED = ".state", ".new"

_NAME = re.compile(r"[0-9a-f]{32}")


class Store:
    """The states in a folder, by session."""

    def __init__(self, folder: Path, models: Iterable[str]):
        """Takes the folder, and finds the states of these models; those of others stay for a service that has them.

        Raises:
            ConfigError: another service uses the folder, or it cannot be written.
        """
        self.folder, self._held = folder.resolve(), ExitStack()
        self._models = dict[str, str]()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held.enter_context(_lock.hold(self.folder / "sessions"))
            for model in models:
                self._find(model)
        except _lock.HeldError as error:
            raise ConfigError(f"{folder}: is used {error}; name another folder with --folder") from None
        except OSError as error:
            raise ConfigError(
                f"{folder}: cannot keep sessions ({error.strerror}); name another with --folder"
            ) from None

    def _find(self, model: str) -> None:
        (self.folder / model).mkdir(exist_ok=True, mode=0o700)
        for file in (self.folder / model).iterdir():
            if file.suffix == UNFINISHED:
                file.unlink(missing_ok=True)
            elif file.suffix == STATE and _NAME.fullmatch(file.stem):
                self._models[file.stem] = model

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, session: str) -> bool:
        return session in self._models

    def model_of(self, session: str) -> str | None:
        """The model of a saved session; None where there is none."""
        return self._models.get(session)

    def read(self, session: str) -> bytes:
        """The state of a saved session.

        Raises:
            OSError: it cannot be read.
        """
        return self._file(session).read_bytes()

    def write(self, model: str, session: str, state: bytes) -> None:
        """Writes a state in the place of the one before; when this returns, it is on disk.

        Raises:
            OSError: it could not be written; the one before is whole.
        """
        place = self.folder / model / f"{session}{STATE}"
        replace_file(place, state, beside=place.with_suffix(UNFINISHED))
        self._models[session] = model

    def delete(self, session: str) -> None:
        """Deletes a state, if there is one."""
        if session in self._models:
            self._file(session).unlink(missing_ok=True)
            self._models.pop(session, None)

    def close(self) -> None:
        """Lets others use the folder."""
        self._held.close()

    def _file(self, session: str) -> Path:
        return self.folder / self._models[session] / f"{session}{STATE}"
