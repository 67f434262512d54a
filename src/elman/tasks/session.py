"""A session: a stream that a trained model reads, and writes where it can. Its state is a value, which is copied,
saved, loaded elsewhere and compared.

A saved state is one safetensors file: the arrays of the state, and in its metadata `SavedSession`. The model's weights
are not in it, but their hash is, and a model with others refuses it.
"""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from elman import artefact
from elman._errors import ArtefactError, ConfigError, nearest, shorten
from elman._folder import replace_file
from elman._show import Shown
from elman.tasks.fingerprint import digest

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted

F = TypeVar("F", bound="Fitted[Any]")

FORMAT: Literal["elman session"] = "elman session"

FORMAT_VERSION = 1
"""The version of the format, raised when a state has what an earlier elman would not know."""

LARGEST_HEADER = 1 << 24
"""The most bytes of names, shapes and metadata in a saved state."""


class SavedSession(msgspec.Struct, frozen=True):
    """The metadata of a saved state: texts by name, as safetensors has them."""

    format: Literal["elman session"]
    format_version: str
    elman: str
    """The version of elman that wrote it."""
    task: str
    """The name of the model's task."""
    model: str
    """The hash of the model's weights and codec, `Fitted.fingerprint`."""
    values: str
    """The values of the state that are no arrays, as JSON."""
    sha256: str = ""
    """The hash of all the others and of the arrays."""

    def hash_with(self, arrays: artefact.Arrays) -> str:
        """The hash of these texts but for `sha256`, and of the arrays."""
        return digest([msgspec.structs.replace(self, sha256=""), {name: np.asarray(arrays[name]) for name in arrays}])


class Session(Shown, ABC, Generic[F]):
    """A stream that a trained model reads; `Fitted.session` makes one. `feed` and what writes move it on, and an error
    leaves it as it was. One thread may use it at a time; forks are independent.
    """

    written = 0
    """The number of tokens that the model itself has written."""

    def __init__(self, fitted: F):
        self.fitted = fitted

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.fitted.task).__name__}, position {self.position:,})"

    @property
    @abstractmethod
    def position(self) -> int:
        """The number of tokens, samples or rows so far."""

    @abstractmethod
    def feed(self, new: Any) -> Any:
        """Reads what comes next; returns what the model has to say of it, as far as that is certain."""

    def feed_plain(self, new: Any) -> Any:
        """Reads what comes next as plain values, such as those of JSON, and returns what `feed` does as such values
        and arrays. It opens no file, whatever the values are.

        Raises:
            DataError: as for `feed`, or other values.
        """
        return self.feed(new)

    def rest_plain(self) -> Any:
        """The answers that are left if nothing more comes, as plain values; None where there never are any."""
        return None

    def next_plain(self, **options: Any) -> Any:
        """Writes what comes next, as plain values.

        Raises:
            ConfigError: a model that writes nothing, or an unknown or impossible option.
        """
        raise ConfigError(f"a model for {type(self.fitted.task).__name__} writes nothing; it says what it reads")

    @abstractmethod
    def fork(self) -> Self:
        """Returns a session in the same state, which goes on by itself."""

    @abstractmethod
    def contents(self) -> artefact.SavedState:
        """The state, as plain values and arrays."""

    def to_bytes(self) -> bytes:
        """The state as the bytes of a safetensors file."""
        contents = self.contents()
        saved = SavedSession(
            FORMAT,
            str(FORMAT_VERSION),
            version("elman"),
            type(self.fitted.task).__name__,
            self.fitted.fingerprint,
            msgspec.json.encode(contents.values, order="deterministic").decode(),
        )
        arrays = {name: np.asarray(array, order="C") for name, array in contents.arrays.items()}
        saved = msgspec.structs.replace(saved, sha256=saved.hash_with(arrays))
        return save_arrays(arrays, metadata=msgspec.structs.asdict(saved))

    def save(self, path: str | Path) -> None:
        """Writes the state into a file, which is there as a whole or not at all; one that was there is replaced.

        Raises:
            ArtefactError: a file that cannot be written.
        """
        path, content = Path(path), self.to_bytes()
        try:
            replace_file(path, content, beside=path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp"))
        except OSError as error:
            raise ArtefactError(f"{path}: the session cannot be saved ({error.strerror or error})") from None

    def diff(self, other: Session[Any]) -> dict[str, float]:
        """The differences from another session of the same kind: the greatest by the name of an array or of a value,
        infinite for what has no difference, such as texts or arrays of different shapes. Empty if nothing does.

        Raises:
            ConfigError: a session of another kind.
        """
        if type(other) is not type(self):
            raise ConfigError(f"diff: expected a {type(self).__name__}; got {type(other).__name__}")
        own, others = ({**one.values, **one.arrays} for one in (self.contents(), other.contents()))
        names = {**own, **others}
        differences = {name: _difference(own.get(name), others.get(name)) for name in names}
        return {name: difference for name, difference in differences.items() if difference}


def check_options(what: str, options: Iterable[str], known: Collection[str]) -> None:
    """Refuses options that are not known.

    Raises:
        ConfigError: an unknown option; it names the nearest.
    """
    for name in options:
        hint = nearest(name, known) or f"; expected {', '.join(known)}"
        raise ConfigError(f"{what}: no option {name!r}{hint}")


def read_session(source: str | Path | bytes, fitted: Fitted[Any]) -> artefact.SavedState:
    """The state in a file or in its bytes, after checking that it is whole and of this model.

    Raises:
        ArtefactError: no saved session, or one that is damaged, of a newer format, or of another model.
    """
    what, content = ("the session", source) if isinstance(source, bytes) else (str(source), _content(Path(source)))
    saved = _metadata(content, what)
    if not saved.format_version.isdecimal() or int(saved.format_version) > FORMAT_VERSION:
        raise ArtefactError(
            f"{what}: written in format {shorten(saved.format_version)} by a newer elman; this one reads up to "
            f"{FORMAT_VERSION}; upgrade it"
        )
    try:
        arrays = load_arrays(content)
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise ArtefactError(f"{what}: damaged: {shorten(str(error))}; restore it from a copy") from None
    if saved.hash_with(arrays) != saved.sha256:
        raise ArtefactError(f"{what}: damaged: its checksum differs; restore it from a copy")
    task = type(fitted.task).__name__
    if saved.task != task:
        raise ArtefactError(f"{what}: a session of a model for {shorten(saved.task)}; this model is for {task}")
    if saved.model != fitted.fingerprint:
        raise ArtefactError(
            f"{what}: a session of another model, with the hash {shorten(saved.model[:16])}...; this model's is "
            f"{fitted.fingerprint[:16]}...; load the model with which the session was saved"
        )
    try:
        return artefact.SavedState(msgspec.json.decode(saved.values, type=dict[str, Any]), arrays)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ArtefactError(f"{what}: its values are not what elman writes ({error})") from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: the session cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL in the path
        raise ArtefactError(f"the session cannot be read ({error})") from None


class _Mark(msgspec.Struct, frozen=True):
    metadata: dict[str, str] = msgspec.field(name="__metadata__")


def _metadata(content: bytes, what: str) -> SavedSession:
    """The metadata of a safetensors file: its size in eight bytes, then JSON."""
    size = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + size] if 8 + size <= len(content) and size <= LARGEST_HEADER else b""
    try:
        mark = msgspec.json.decode(header, type=_Mark).metadata
    except (msgspec.MsgspecError, RecursionError):
        raise ArtefactError(f"{what}: no session, or one that is cut off; expected the bytes of Session.save") from None
    if mark.get("format") != FORMAT:
        raise ArtefactError(f"{what}: a safetensors file, but no saved session")
    try:
        return msgspec.convert(mark, SavedSession)
    except msgspec.ValidationError as error:
        raise ArtefactError(f"{what}: its metadata is not what elman writes ({error})") from None


def _difference(one: Any, other: Any) -> float:
    one, other = np.asarray(one), np.asarray(other)
    if one.shape == other.shape and {one.dtype.kind, other.dtype.kind} <= set("iufb"):
        one, other = one.astype(np.float64), other.astype(np.float64)
        apart = np.where(np.isnan(one) & np.isnan(other), 0, np.abs(one - other))  # missing in both
        return math.inf if np.isnan(apart).any() else float(apart.max(initial=0.0))
    return 0.0 if one.shape == other.shape and one.tolist() == other.tolist() else math.inf
