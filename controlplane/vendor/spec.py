"""What OpenAPI says of an endpoint, made of its line in a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from controlplane.vendor.endpoints import Endpoint

Schema = Mapping[str, Any]


class VendorProblem(BaseModel):
    """An error, as RFC 7807 has it; errors of services have a type."""

    type: str = ""
    title: str
    status: int
    detail: str
    instance: str


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
FLAG = {"type": "boolean"}


def operation(
    endpoint: Endpoint,
    tag: str,
    options: Mapping[str, Mapping[str, Any]],
    answer: Mapping[str, Any],
) -> dict[str, Any]:
    """The operation of an endpoint. `options` describe query parameters; `answer` is the schema of
    what it answers, where it does."""
    body: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": f"Needs the scope {' or '.join(endpoint.scopes)}.",
        "tags": [tag],
        "security": [{"bearer": []}],
        "parameters": [
            *_path_parameters(endpoint),
            *(
                {"name": n, "in": "query", "required": False, **options[n]}
                for n in endpoint.options
            ),
        ],
    }
    if endpoint.body is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        body["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return {**body, "responses": {**_success(endpoint, answer), **_problems()}}


def _query(name: str, described: Schema) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, **described}


def ref(model: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model}"}


def items(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _success(endpoint: Endpoint, answer: Schema) -> dict[str, Any]:
    if not endpoint.answer:
        return {"204": {"description": "It is done."}}
    return {"200": {"description": "OK.", "content": {"application/json": {"schema": answer}}}}


def wrapped(name: str, shape: Schema) -> dict[str, Any]:
    """The schema of an object with one field."""
    return {"type": "object", "required": [name], "properties": {name: shape}}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _schema(name)}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]


def _schema(name: str) -> dict[str, Any]:
    text = {"type": "string"}
    return text if name in ("ncaId", "clientId") else {**text, "format": "uuid"}


def _problems() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/VendorProblem"}
    content = {"application/problem+json": {"schema": schema}}
    said = {s: {"description": text, "content": content} for s, text in _PROBLEMS.items()}
    return {"401": {"description": "There is no valid bearer."}, **said}
