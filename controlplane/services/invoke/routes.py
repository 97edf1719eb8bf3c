"""The paths of the plane as they are described. They are served before the application that this
description is for: what goes through them is streamed, whatever its size."""

from __future__ import annotations

from typing import Any

from controlplane.http.openapi import Route
from controlplane.services.invoke.targets import PATHS

_SECURITY = {"security": [{"bearer": ["invoke_function"]}]}
_HEADERS = {
    "NVCF-REQID": {"schema": {"type": "string", "format": "uuid"}},
    "NVCF-STATUS": {"schema": {"enum": ["fulfilled", "in-progress", "errored"]}},
}
_PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "properties": {
                "status": {"type": "integer"},
                "title": {"type": "string"},
                "detail": {"type": "string"},
            },
        }
    }
}
_POLL = {
    "name": "NVCF-POLL-SECONDS",
    "in": "header",
    "description": "For how long the request is held, in seconds, before 202 is answered.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 3600, "default": 60},
}
_REFUSALS = {
    "400": "An id, a header or the body is wrong, or the function is degraded.",
    "403": "It is not allowed.",
    "404": "There is no such function, version, asset or request.",
    "405": "The path has no such method.",
    "429": "Too many requests wait, or the function's rate limit is reached.",
    "500": "The function did not answer.",
    "503": "The server is ending.",
}


def _said(status: str, text: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": text, "headers": _HEADERS}
    return {status: found if content is None else {**found, "content": content}}


def _responses(wrapped: bool) -> dict[str, Any]:
    kind = "application/json" if wrapped else "*/*"
    return {
        **_said("200", "The function's own answer.", {kind: {"schema": {}}}),
        **_said("202", "It is still running: poll its status by the request's id."),
        **_said("302", "Where the function's answer is to be had."),
        "401": {"description": "There is no valid bearer.", "content": {"text/plain": {}}},
        **{s: {"description": text, "content": _PROBLEM} for s, text in _REFUSALS.items()},
        **_said("504", "No instance took the request in time; it is not delivered any more."),
    }


def _operation(*names: str, wrapped: bool, body: bool) -> dict[str, Any]:
    ids = [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for n in names
    ]
    found = {**_SECURITY, "parameters": [*ids, _POLL], "responses": _responses(wrapped)}
    if body:
        kind = "application/json" if wrapped else "*/*"
        found["requestBody"] = {"content": {kind: {"schema": {}}}}
    return found


class Posted:
    """A path that functions are invoked by."""

    async def on_post(self, *_: Any, **__: Any) -> None:
        raise AssertionError("served before this application")


class Polled:
    """A path that results are asked for by."""

    async def on_get(self, *_: Any, **__: Any) -> None:
        raise AssertionError("served before this application")


def routes() -> tuple[Route, ...]:
    found = []
    for base in PATHS:
        wrapped = base.endswith("/exec")
        how = ", in a wrapper" if wrapped else ""
        function, version, request = "functionId", "versionId", "requestId"
        of_function = f"{base}/functions/{{{function}}}"
        operation = _operation(function, wrapped=wrapped, body=True)
        found.append(Route(of_function, Posted(), f"Invoke a function{how}", {"post": operation}))
        operation = _operation(function, version, wrapped=wrapped, body=True)
        path = f"{of_function}/versions/{{{version}}}"
        found.append(Route(path, Posted(), f"Invoke a version{how}", {"post": operation}))
        operation = _operation(request, wrapped=wrapped, body=False)
        path = f"{base}/status/{{{request}}}"
        found.append(Route(path, Polled(), f"The result of a request{how}", {"get": operation}))
    return tuple(found)
