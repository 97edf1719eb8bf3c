"""What OpenAPI says of self-hosted cluster management."""

from __future__ import annotations

from typing import Any

from controlplane.services.sis.reads import PARAMETERS

_BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
_TEXT = {"type": "string"}
_JSON = "application/json"
# What these routes may refuse, in the vendor's form.
_FAULTS = {
    "400": "The request is wrong.",
    "401": "There is no valid bearer.",
    "403": "The bearer lacks the scope.",
    "404": "There is no such thing.",
    "405": "The path has no such method.",
    "409": "The state does not allow it.",
    "412": "What is asked for does not fit together.",
    "415": "The body is not JSON.",
    "413": "The body is too large.",
    "431": "The token is too long.",
    "500": "The server is wrong.",
    "503": "The server is busy or ending.",
    "507": "The store is full; nothing was stored.",
}


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _says(schema: dict[str, Any], text: str = "OK.") -> dict[str, Any]:
    return {"200": {"description": text, "content": {_JSON: {"schema": schema}}}}


_EMPTY = {"200": {"description": "Done; the body is empty."}}
_OBJECT = {"type": "object"}


def _path(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "description": text, "required": True, "schema": _TEXT}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_ACCOUNT = _path("ncaId", "The account, by its NCA id.")
_ID = _path("clusterId", "The id of a cluster.")
_FLAG = {"type": "boolean"}


def _operation(
    *parameters: dict[str, Any],
    answers: dict[str, Any],
    body: str = "",
    public: bool = False,
) -> dict[str, Any]:
    faults = {
        status: {"description": text, "content": {_JSON: {"schema": _schema("Fault")}}}
        for status, text in _FAULTS.items()
    }
    found: dict[str, Any] = {"parameters": list(parameters), "responses": {**faults, **answers}}
    if body:
        found["requestBody"] = {"required": True, "content": {_JSON: {"schema": _schema(body)}}}
    return found if public else {"security": _BEARER, **found}


def _route(summary: str, **operations: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "operations": operations}


_LIST = {"type": "array", "items": _schema("ClusterAnswer")}
CLUSTERS = _route(
    "Clusters of an account",
    get=_operation(
        _ACCOUNT,
        _query("includeAuthorizedClusters", _FLAG),
        _query("includeNonByocInAuthorizedClusters", _FLAG),
        answers=_says(_LIST),
    ),
    post=_operation(_ACCOUNT, answers=_says(_schema("Ids"), "Registered."), body="ClusterSpec"),
)
CLUSTER = _route(
    "One cluster",
    get=_operation(_ACCOUNT, _ID, answers=_says(_schema("ClusterAnswer"))),
    put=_operation(_ACCOUNT, _ID, answers=_EMPTY, body="Replacement"),
    delete=_operation(_ACCOUNT, _ID, answers=_EMPTY),
)
VERSIONS = _route("What can be registered", get=_operation(_ACCOUNT, answers=_says(_OBJECT)))
KEYS = _route(
    "Replace the keys of a cluster", put=_operation(_ID, answers=_EMPTY, body="JwksRequest")
)
REGISTER = _route(
    "An agent has started", put=_operation(_ID, answers=_says(_OBJECT), body="RegisterRequest")
)
HEARTBEAT = _route(
    "An agent is alive", post=_operation(_ID, answers=_says(_OBJECT), body="HeartbeatRequest")
)
CREDENTIALS = _route("What an agent needs", get=_operation(_ID, answers=_says(_OBJECT)))
INTROSPECT = _route(
    "Whether a token is one of a cluster",
    post=_operation(answers=_says(_OBJECT), body="IntrospectRequest", public=True),
)
GROUPS = _route(
    "Cluster groups that an account can deploy to",
    get=_operation(_ACCOUNT, _query("instanceTypeUsage", _TEXT), answers=_says(_OBJECT)),
)
_DEPLOYMENT = _path("deploymentId", "The id of a deployment, a UUID.")
USAGE = _route("What runs of an account, by GPU", get=_operation(_ACCOUNT, answers=_says(_OBJECT)))
ONE_USAGE = _route(
    "What runs of a deployment, by GPU",
    get=_operation(_ACCOUNT, _DEPLOYMENT, answers=_says(_OBJECT)),
)
HEALTH = _route("Liveness", get=_operation(answers=_says(_OBJECT), public=True))


def offered(summary: str) -> dict[str, Any]:
    """A question about what an account can deploy to."""
    parameters = [_query(name, _TEXT) for name in PARAMETERS]
    return _route(summary, get=_operation(_ACCOUNT, *parameters, answers=_says(_OBJECT)))
