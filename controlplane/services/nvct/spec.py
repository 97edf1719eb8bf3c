"""What OpenAPI says of each endpoint, made of its line in the table."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from controlplane.services.nvct import wire
from controlplane.services.nvct.endpoints import ENDPOINTS, HOSTED
from controlplane.services.nvct.lifecycle import STATES
from controlplane.vendor import spec as described
from controlplane.vendor.endpoints import Endpoint
from controlplane.vendor.spec import FLAG, Schema, wrapped

_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 1}
_OPTIONS: dict[str, dict[str, Any]] = {
    "limit": {"description": "How many at most; 10 by itself.", "schema": _NUMBER},
    "cursor": {"description": "Where the page before has ended.", "schema": _TEXT},
    "status": {"description": "Of these only.", "schema": {"enum": list(STATES)}},
    "includeSecrets": {"description": "Whether names of secrets are shown.", "schema": FLAG},
}


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """The operation of an endpoint."""
    paged = "page" in endpoint.options
    others = tuple(name for name in endpoint.options if name != "page")
    shown = endpoint._replace(options=("limit", "cursor", *others) if paged else others)
    return described.operation(shown, "nvct", _OPTIONS, _answer(endpoint, paged))


def _answer(endpoint: Endpoint, paged: bool) -> Schema:
    if endpoint.path.endswith("/bulk"):
        body = wrapped("tasks", wire.BRIEF)
        return {**body, "properties": {"ncaId": _TEXT, **body["properties"]}}
    body = wrapped(endpoint.answer, wire.SHAPES.get(endpoint.answer, {}))
    if not paged:
        return body
    return {**body, "properties": {**body["properties"], "limit": _NUMBER, "cursor": _TEXT}}


_BODIES = {e.body.__name__: e.body for e in (*ENDPOINTS, *HOSTED) if e.body is not None}
SCHEMAS: tuple[type[BaseModel], ...] = (*_BODIES.values(), *wire.DTOS)
