"""Errors as RFC 7807 says, in the words of NVCF, NVCT and API Keys (NVCF contract, section 3.1).

What a service refuses has a `type`; what the framework refuses has none. 401 has no body.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from controlplane.http import bodies
from controlplane.http.problems import Dialect, Problem, Refused

_TYPE = "urn:nv-boot:problem-details:"
# The words of the vendor where the standard library has others, or changes them.
_TITLES = {413: "Payload Too Large", 422: "Unprocessable Entity"}


def body(problem: Problem, path: str, request_id: str) -> bytes:
    """The JSON of an error; nothing for 401."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return b""
    return bodies.compact(document(problem, path))


def document(problem: Problem, path: str) -> dict[str, Any]:
    """What is said of an error, keys in the order of the contract."""
    title = _TITLES.get(problem.status) or HTTPStatus(problem.status).phrase
    found: dict[str, Any] = {"type": _TYPE + title.lower().replace(" ", "-")}
    if not isinstance(problem, Refused):
        found = {}
    found["title"] = title
    found["status"] = problem.status
    found["detail"] = problem.message or title
    found["instance"] = path
    return found


_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}


def refusal(description: str) -> dict[str, Any]:
    """What OpenAPI says of one status that a service with this dialect refuses with."""
    return {"description": description, "content": _CONTENT}


# All of them; 401 has no body.
REFUSALS: dict[str, Any] = {
    "401": {"description": "There is no valid bearer."},
    **{
        status: refusal(text)
        for status, text in {
            "400": "The request is wrong.",
            "403": "It is not allowed.",
            "404": "There is no such thing.",
            "405": "The path has no such method.",
            "409": "The state does not allow it.",
            "413": "The body is too large.",
            "415": "The body is no JSON.",
            "429": "Too many requests; see Retry-After.",
            "500": "The server is wrong.",
            "503": "The server is busy or ending.",
            "507": "The store is full; nothing was stored.",
        }.items()
    },
}
DIALECT = Dialect("application/problem+json", body)
