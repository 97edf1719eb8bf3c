"""What OpenAPI says of each endpoint, made of its line in the table."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from controlplane.services.nvcf import wire
from controlplane.services.nvcf.endpoints import ENDPOINTS, HOSTED, Endpoint

_PROBLEMS = {
    "400": "The request, or the state, does not allow it.",
    "403": "The bearer lacks the scope, or its resources do not cover this.",
    "404": "There is no such thing in the account.",
    "405": "The path has no such method.",
    "409": "It is there already, or protected.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "429": "Too many requests; see Retry-After.",
    "500": "The server is wrong.",
    "503": "The server is busy or ending; see Retry-After.",
    "507": "The store is full; nothing was stored.",
}
_FLAG = {"type": "boolean"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "visibility": {
        "description": "Which functions; none: all.",
        "schema": {"type": "array", "items": {"enum": ["authorized", "private", "public"]}},
    },
    "includeSecrets": {"description": "Whether names of secrets are shown.", "schema": _FLAG},
    "graceful": {"description": "Let its queue empty first.", "schema": _FLAG},
}


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """The operation of an endpoint."""
    body: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": f"Needs the scope {' or '.join(endpoint.scopes)}.",
        "tags": ["nvcf"],
        "security": [{"bearer": []}],
        "parameters": [*_path_parameters(endpoint), *map(_query, endpoint.options)],
    }
    if endpoint.body is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        body["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return {**body, "responses": {**_success(endpoint), **_problems()}}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _schema(name)}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]


def _schema(name: str) -> dict[str, Any]:
    text = {"type": "string"}
    return text if name in ("ncaId", "clientId") else {**text, "format": "uuid"}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, **_OPTIONS[name]}


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if not endpoint.answer:
        return {"204": {"description": "It is done."}}
    shared = "/authorizations/" in endpoint.path
    shape = wire.SHARING if shared else wire.SHAPES[endpoint.answer]
    schema = {
        "type": "object",
        "required": [endpoint.answer],
        "properties": {endpoint.answer: shape},
    }
    return {"200": {"description": "OK.", "content": {"application/json": {"schema": schema}}}}


def _problems() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/NvcfProblem"}
    content = {"application/problem+json": {"schema": schema}}
    said = {s: {"description": text, "content": content} for s, text in _PROBLEMS.items()}
    return {"401": {"description": "There is no valid bearer."}, **said}


_BODIES = {e.body.__name__: e.body for e in (*ENDPOINTS, *HOSTED) if e.body is not None}
SCHEMAS: tuple[type[BaseModel], ...] = (*_BODIES.values(), *wire.DTOS)
