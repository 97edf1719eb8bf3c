"""What OpenAPI says of instances."""

from __future__ import annotations

from typing import Any

_BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


def _query(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "required": False, "schema": schema}


def _route(summary: str, **operation: Any) -> dict[str, Any]:
    return {"summary": summary, "operations": {"get": {"security": _BEARER, **operation}}}


_TEXT = {"type": "string"}
_ID = {
    "name": "id",
    "in": "path",
    "description": "The id of an instance, with ~ for each /.",
    "required": True,
    "schema": _TEXT,
}
_FLAG = {"type": "boolean"}
INSTANCES = _route(
    "What runs on this host",
    parameters=[
        _query("of", "The uid of a resource: only its instances, also those that are gone.", _TEXT),
    ],
    responses={
        "200": {
            "description": "Instances, in order of id.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/InstancesAnswer"}}
            },
        }
    },
)
LOGS = _route(
    "The log of an instance",
    parameters=[
        _ID,
        _query("tail", "The last so many lines; default: all.", {"type": "integer", "minimum": 0}),
        _query("follow", "Server-sent events, with what comes until the instance is gone.", _FLAG),
    ],
    responses={
        "200": {
            "description": "Its lines; with follow, events whose data is {time, stream, text}.",
            "content": {"text/plain": {"schema": _TEXT}, "text/event-stream": {"schema": _TEXT}},
        }
    },
)
