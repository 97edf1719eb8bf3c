"""What this API refuses, worded as {"error": text}: in the vendor's words where they are known."""

from __future__ import annotations

from controlplane.http import bodies
from controlplane.http.problems import Dialect, Problem, Refused

_INTERNAL = "Internal Server Error"
_UNAUTHENTICATED = "Authentication failure - "
NO_BEARER = "Full authentication is required to access this resource"
# Longer tokens are refused before anybody looks into them.
MAX_TOKEN = 2048


def body(problem: Problem, _path: str, _request_id: str) -> bytes:
    """The JSON of an error; an error without words has no body. What this program did wrong is not
    said."""
    words = _INTERNAL if problem.status == 500 else problem.message
    return bodies.compact({"error": words}) if words else b""


DIALECT = Dialect("application/json", body)


def bad(words: str) -> Refused:
    return Refused(400, words)


def conflict(words: str) -> Refused:
    return Refused(409, words)


def unfit(words: str) -> Refused:
    """Against what is there (or between the parts of what is asked) it cannot be."""
    return Refused(412, words, code="PRECONDITION_FAILED")


def unreadable() -> Problem:
    return Problem(400, "Failed to read request")


def missing(field: str) -> Refused:
    return bad(f"{field} must be provided")


def unauthenticated(reason: str = NO_BEARER) -> Refused:
    challenge = {"WWW-Authenticate": "Bearer"}
    return Refused(401, f"{_UNAUTHENTICATED}{reason}", headers=challenge)


def denied() -> Refused:
    return Refused(403, "Access Denied")


def token_too_long() -> Refused:
    words = f"JWT exceeds maximum size of {MAX_TOKEN} bytes"
    return Refused(431, words, code="REQUEST_HEADER_FIELDS_TOO_LARGE")


def no_cluster(cluster_id: str) -> Refused:
    return Refused(404, f"Cluster with clusterId {cluster_id} not found")


def switched_off() -> Refused:
    return Refused(404, "Keys of clusters are not replaced here")


def name_taken(name: str) -> Refused:
    return bad(f"Cluster with clusterName {name} already exists")


def keys_too_large() -> Refused:
    """413 has no body here."""
    return Refused(413, "")
