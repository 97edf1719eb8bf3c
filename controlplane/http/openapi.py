"""The OpenAPI 3.1 document, made of the same table of routes that the application serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aicr._version import __version__
from controlplane.http.models import Problem

_TEMPLATE = "#/components/schemas/{model}"
_METHODS = ("get", "post", "put", "patch", "delete")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What every operation may answer beside its own answers.
_PROBLEMS = {
    "400": "The request is wrong.",
    "404": "There is no such thing.",
    "405": "The path has no such method.",
    "413": "The body is too large.",
    "429": "Too many requests; see Retry-After.",
    "500": "The server is wrong.",
    "503": "The server is busy or ending; see Retry-After.",
}


_SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}}


# What those may answer beside that need a bearer: they have a state to read or change.
_OF_STATE = {
    "401": "There is no valid bearer.",
    "403": "The bearer lacks the scope.",
    "409": "The state does not allow it; see the message.",
    "410": "What was asked for is gone.",
    "507": "The store is full; nothing was stored.",
}


class Route(NamedTuple):
    """A path and the resource behind it; `operations` say per method what OpenAPI wants to know."""

    path: str
    resource: Any
    summary: str = ""
    operations: Mapping[str, Mapping[str, Any]] = {}


def document(routes: Iterable[Route], models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The document of these routes, in their order; `models` are the schemas they refer to."""
    kinds: list[type[BaseModel]] = [Problem, *models]
    _, schemas = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template=_TEMPLATE
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AICR API",
            "version": __version__,
            "description": "Recipes, queries and bundles for GPU clusters.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {route.path: _path(route) for route in routes},
        "components": {"schemas": schemas["$defs"], "securitySchemes": _SECURITY},
    }


def _path(route: Route) -> dict[str, Any]:
    served = [m for m in _METHODS if hasattr(route.resource, f"on_{m}")]
    return {method: _operation(route, method) for method in served}


def _operation(route: Route, method: str) -> dict[str, Any]:
    given = dict(route.operations.get(method) or {})
    responses = dict(given.pop("responses", {"200": {"description": "OK."}}))
    problems = {**_PROBLEMS, **(_OF_STATE if "security" in given else {})}
    for status, text in problems.items():
        content = {"application/json": {"schema": _PROBLEM}}
        responses.setdefault(status, {"description": text, "content": content})
    name = "_".join(re.findall(r"[A-Za-z0-9]+", route.path)) or "root"
    head = {"operationId": f"{method}_{name}", "summary": route.summary}
    return {**head, **given, "responses": dict(sorted(responses.items()))}
