"""What OpenAPI says of registry credentials and recognised registries."""

from __future__ import annotations

import re
from typing import Any

from controlplane.http.problem_json import REFUSALS

_BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


def _ref(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _query(name: str) -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "string"}}
    return {"name": name, "in": "query", "required": False, "schema": schema}


_FILTERS = [_query("artifactType"), _query("provisionedBy")]
# Path -> summary, and per method: the schemas of its answer and of its body, and parameters.
_TABLE: dict[str, tuple[str, dict[str, tuple[str, str, list[dict[str, Any]]]]]] = {
    "registry-credentials": (
        "Credentials for registries",
        {
            "get": ("RegistryCredentialsAnswer", "", _FILTERS),
            "post": ("RegistryCredentialAnswer", "CreateRegistryCredential", []),
        },
    ),
    "registry-credentials/{registryCredentialId}": (
        "One credential",
        {
            "get": ("RegistryCredentialAnswer", "", []),
            "patch": ("RegistryCredentialAnswer", "UpdateRegistryCredential", []),
            "delete": ("", "", []),
        },
    ),
    "recognized-registries": (
        "Registries that artifacts may come from",
        {"get": ("RecognizedAnswer", "", [])},
    ),
}


def route(path: str, name: str) -> dict[str, Any]:
    """The description of a route, by its name in the table."""
    summary, methods = _TABLE[name]
    return {
        "summary": summary,
        "operations": {m: _operation(path, *facts) for m, facts in methods.items()},
    }


def _operation(path: str, answer: str, body: str, queries: list[dict[str, Any]]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    ok: dict[str, Any] = {"204": {"description": "Done."}}
    if answer:
        ok = {"200": {"description": "OK.", "content": {"application/json": _ref(answer)}}}
    operation: dict[str, Any] = {
        "security": _BEARER,
        "parameters": [*parameters, *queries],
        "responses": {**REFUSALS, **ok},
    }
    if body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": _ref(body)},
        }
    return operation
