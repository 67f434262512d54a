"""The OpenAPI document of the service, made of its addresses and the types of their bodies."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from elman.serving.problems import KINDS, MEDIA_TYPE

if TYPE_CHECKING:
    from elman.serving.app import Address

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [f"/problems/{name}" for name in KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "mend": {"type": "string"},
        "instance": {"type": "string"},
        "error": {"type": "object"},
    },
}


def describe(addresses: Sequence[Address]) -> dict[str, Any]:
    """The document, in version 3.1 of OpenAPI."""
    kinds = [kind for one in addresses for kind in (one.takes, one.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in addresses:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {"title": "elman", "version": version("elman"), "description": "Recurrent networks that keep a state."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Address, schemas: dict[type, Any]) -> dict[str, Any]:
    text = " ".join((inspect.getdoc(one.answer) or "").split())
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer: dict[str, Any] = {"description": text}
    if one.gives is not None:
        answer["content"] = {"application/json": {"schema": schemas[one.gives]}}
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": re.split(r"[.:] ", text)[0].rstrip("."),
        "description": text,
        "responses": {
            str(one.status): answer,
            "default": {"description": "A problem (RFC 9457).", "content": problem},
        },
    }
    names = re.findall(r"{(\w+)}", one.path)
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if one.takes is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": schemas[one.takes]}}}
    return operation
