"""Refusals as problem documents (RFC 9457): each says what is wrong with a request, and how to mend it."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response

from elman._errors import ArtefactError, ElmanError, InputError, VocabularyError
from elman.serving.batching import Closed, Full
from elman.web.answers import as_json

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """A kind of problem."""

    status: int
    title: str
    mend: str


KINDS = {
    "not-json": Kind(400, "The body is no JSON of this form", "Send the JSON that /openapi.json describes."),
    "no-token": Kind(401, "No token, or another one", "Send the header Authorization: Bearer TOKEN."),
    "other-site": Kind(403, "A call by another name or from another page", "Call the service by its own address."),
    "unknown-address": Kind(404, "No such address", "The addresses stand in /openapi.json."),
    "unknown-model": Kind(404, "No such model", "GET /v1/models lists the models."),
    "unknown-session": Kind(404, "No such session", "Create one: POST /v1/models/MODEL/sessions."),
    "other-method": Kind(405, "No such method here", "The methods stand in /openapi.json."),
    "too-slow": Kind(408, "The request took too long", "Send it faster, or ask for less at once."),
    "session-in-use": Kind(409, "The session is in use", "Wait for the answer before, or fork the session."),
    "other-state": Kind(409, "A state of another model, or a damaged one", "Use the model that wrote the state."),
    "wrong-model": Kind(409, "The model does something else", "GET /v1/models says what each model does."),
    "nothing-saved": Kind(409, "Nothing was saved", "Save the session first: POST /v1/sessions/SESSION/save."),
    "too-large": Kind(413, "The request is too large", "Send it in pieces."),
    "unknown-token": Kind(422, "A token that the model does not know", "Leave it out of the text."),
    "unusable": Kind(422, "A value that cannot be used", "The detail says what was expected."),
    "too-many-sessions": Kind(429, "Too many sessions", "Delete sessions that have ended."),
    "too-many-requests": Kind(429, "Too many requests", "Wait as long as the header Retry-After says."),
    "fault": Kind(500, "The service failed", "Its standard error has the details."),
    "stopping": Kind(503, "The service is stopping", "Try again; its sessions go on after the next start."),
    "not-stored": Kind(507, "A state could not be written", "Free space in the folder of the sessions."),
}
"""The kinds of problems, by name; /problems/NAME describes each."""


class Problem(Exception):
    """A request that is refused."""

    def __init__(self, name: str, detail: str, **headers: str):
        super().__init__(detail)
        self.name, self.detail, self.kind = name, detail, KINDS[name]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def document(self, path: str) -> dict[str, Any]:
        """The problem document. `error` is what clients of OpenAI's interface read."""
        about = {"type": f"/problems/{self.name}", "title": self.kind.title, "status": self.kind.status}
        error = {"message": self.detail, "type": self.kind.title, "param": None, "code": self.name}
        return about | {"detail": self.detail, "mend": self.kind.mend, "instance": path, "error": error}

    def response(self, connection: HTTPConnection) -> Response:
        """The answer to a request that this problem has."""
        document = self.document(connection.url.path)
        return as_json(document, self.kind.status, media_type=MEDIA_TYPE, headers=self.headers)


def problem_of(error: BaseException) -> Problem:
    """The problem that an error of elman, of the server or of a file is."""
    match error:
        case Problem():
            return error
        case VocabularyError():
            return Problem("unknown-token", str(error))
        case ArtefactError():
            return Problem("other-state", str(error))
        case InputError():
            return Problem("unusable", str(error))
        case Full():
            return Problem("too-many-requests", str(error), Retry_After="1")
        case Closed():
            return Problem("stopping", "the service is stopping", Retry_After="5")
        case HTTPException(status_code=405):
            return Problem("other-method", "this address takes other methods", **(error.headers or {}))
        case HTTPException():
            return Problem("unknown-address", "there is nothing at this address")
        case OSError():
            return Problem("not-stored", f"a state could not be written or read: {error.strerror}")
        case BaseExceptionGroup():
            return problem_of(error.exceptions[0])
        case _:
            print("".join(traceback.format_exception(error)), file=sys.stderr)
            return Problem("fault", f"the service failed with {type(error).__name__}")


def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that failed."""
    return problem_of(error).response(request)


def leave(request: Request, error: Exception) -> Response:
    """The end of a request that the client has given up, which nobody reads."""
    return Response(status_code=400)


HANDLERS = dict.fromkeys((Problem, ElmanError, HTTPException, OSError, Exception), refuse) | {ClientDisconnect: leave}
