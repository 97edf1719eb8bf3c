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
    """The JSON of an error, keys in the order of the contract; nothing for 401."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return b""
    title = _TITLES.get(problem.status) or HTTPStatus(problem.status).phrase
    document: dict[str, Any] = {"type": _TYPE + title.lower().replace(" ", "-")}
    if not isinstance(problem, Refused):
        document = {}
    document["title"] = title
    document["status"] = problem.status
    document["detail"] = problem.message or title
    document["instance"] = path
    return bodies.compact(document)


DIALECT = Dialect("application/problem+json", body)
