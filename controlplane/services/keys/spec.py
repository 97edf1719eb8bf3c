"""What OpenAPI says of the API Keys service."""

from __future__ import annotations

import re
from typing import Any

from controlplane.http.problem_json import REFUSALS, refusal

_OBJECT = {"description": "OK.", "content": {"application/json": {"schema": {"type": "object"}}}}
_EMPTY = {"description": "Done."}
_REFUSALS: dict[str, Any] = {
    **REFUSALS,
    "422": refusal("The Idempotency-Key was used with another request."),
    "429": refusal("Too soon; see Retry-After."),
}
_ISSUER = {
    "name": "Key-Issuer-Id",
    "in": "header",
    "required": True,
    "description": "Id of the service that calls.",
    "schema": {"type": "string"},
}
_OWNER = {**_ISSUER, "name": "Key-Owner-Id", "description": "Whose keys."}


def _operation(path: str, status: str = "200", body: str = "", who: str = "") -> dict[str, Any]:
    """One operation: its answer, the schema of its body, and which headers say who asks: `i` for
    the issuer, `o` for the owner."""
    names = re.findall(r"\{(\w+)\}", path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    parameters += [header for letter, header in (("i", _ISSUER), ("o", _OWNER)) if letter in who]
    answer = _EMPTY if status == "204" else _OBJECT
    operation: dict[str, Any] = {"responses": {status: answer, **_REFUSALS}}
    if parameters:
        operation["parameters"] = parameters
    if body:
        schema = {"$ref": f"#/components/schemas/{body}"}
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


# Path -> summary, and per method: status, body, headers.
_TABLE: dict[str, tuple[str, dict[str, tuple[str, str, str]]]] = {
    "/v1/admin/keys": ("Mint the token of an administrator", {"post": ("200", "", "")}),
    "/v1/keys": (
        "API keys of an owner",
        {"get": ("200", "", "io"), "post": ("200", "KeyRequest", "io")},
    ),
    "/v1/keys/{key_id}": (
        "One API key",
        {"get": ("200", "", "io"), "delete": ("204", "", "io")},
    ),
    "/v1/keys/{key_id}/authorizations": (
        "What a key allows",
        {"put": ("200", "AuthorizationsRequest", "io")},
    ),
    "/v1/services": ("Services that keys are made for", {"get": ("200", "", "")}),
    "/v1/services/{service_id}": ("One service", {"get": ("200", "", "")}),
    "/v1/services/{service_id}/jwt/jwks": ("Public keys of tokens", {"get": ("200", "", "")}),
    "/v1/introspect": ("What a key is", {"post": ("200", "IntrospectRequest", "")}),
    "/v1/namespaces/{namespace}/evaluations/{rule}": (
        "Whether a key is allowed at a service",
        {"post": ("200", "EvaluationRequest", "")},
    ),
    "/v1/service-admin/users/{user_id}/keys": ("Keys of a user", {"get": ("200", "", "i")}),
    "/v1/service-admin/users/{user_id}/keys/{key_id}": (
        "One key of a user",
        {"get": ("200", "", "i"), "delete": ("204", "", "i")},
    ),
    "/v1/service-admin/users/{user_id}/keys/{key_id}/status": (
        "Suspend a key, or let it be used again",
        {"put": ("200", "StatusRequest", "i")},
    ),
    "/v1/service-admin/users/{user_id}/suspend": (
        "Suspend the keys of a user",
        {"put": ("200", "", "i")},
    ),
    "/v1/admin/lookup": ("The key of a value", {"post": ("200", "LookupRequest", "")}),
    "/v1/admin/users/{user_id}/keys": (
        "Keys of a user at all services",
        {"get": ("200", "", ""), "delete": ("204", "", "")},
    ),
    "/v1/admin/users/{user_id}": ("An owner of keys", {"get": ("200", "", "")}),
    "/v1/admin/users/{user_id}/status": (
        "Suspend an owner, or let them have keys again",
        {"put": ("200", "StatusRequest", "")},
    ),
    "/.well-known/jwks.json": (
        "Public keys of tokens, where they are looked for",
        {"get": ("200", "", "")},
    ),
    "/.well-known/openid-configuration": ("Who issues tokens", {"get": ("200", "", "")}),
}
ROUTES: dict[str, dict[str, Any]] = {
    path: {
        "summary": summary,
        "operations": {m: _operation(path, *facts) for m, facts in methods.items()},
    }
    for path, (summary, methods) in _TABLE.items()
}
