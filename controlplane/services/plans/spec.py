"""What OpenAPI says of plans, state, events and audit."""

from __future__ import annotations

from typing import Any

_BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str, text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": _ref(name)}}}


def _body(name: str, *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": _ref(name)}}}


def _path(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "description": text, "required": True, "schema": _TEXT}


def _query(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0}
    return {"name": name, "in": "query", "description": text, "required": False, "schema": schema}


_TEXT = {"type": "string"}


def _route(summary: str, **operations: dict[str, Any]) -> dict[str, Any]:
    secured = {method: {"security": _BEARER, **op} for method, op in operations.items()}
    return {"summary": summary, "operations": secured}


_DIGEST = _path("id", "The digest of the plan.")
PLANS = _route(
    "Plan what would make the state as documents want it",
    post={
        "requestBody": _body("PlanRequest"),
        "responses": {"200": _json("PlanAnswer", "The plan.")},
    },
)
PLAN = _route(
    "A plan, and what became of it",
    get={"parameters": [_DIGEST], "responses": {"200": _json("PlanAnswer", "The plan.")}},
)
APPLY = _route(
    "Apply a plan, once",
    post={
        "parameters": [_DIGEST],
        "requestBody": _body("ApplyRequest", required=False),
        "responses": {"200": _json("OutcomeAnswer", "It was applied.")},
    },
)
STATE = _route(
    "The whole state",
    get={"responses": {"200": _json("StateAnswer", "The state, without secrets.")}},
    post={
        "requestBody": _body("StateAnswer"),
        "responses": {"200": {"description": "It was put into the empty state."}},
    },
)
RESOURCE = _route(
    "One resource",
    get={
        "parameters": [_path("address", "service.collection.name")],
        "responses": {"200": _json("ResourceAnswer", "The resource.")},
    },
)
EVENTS = _route(
    "What happens, as it happens",
    get={
        "parameters": [_query("after", "The revision after which to begin; default: now.")],
        "responses": {
            "200": {
                "description": "Server-sent events; the id of each is its revision.",
                "content": {"text/event-stream": {"schema": _TEXT}},
            }
        },
    },
)
AUDIT = _route(
    "Who changed what",
    get={
        "parameters": [
            _query("after", "The sequence number after which to begin."),
            _query("limit", "How many, at most 1000; default 100."),
        ],
        "responses": {"200": _json("AuditAnswer", "Entries, each chained to the one before.")},
    },
)
