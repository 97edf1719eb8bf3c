"""What the plane adds to answers (contract 7.4)."""

from __future__ import annotations

from controlplane.services.invoke.errors import Pairs

REQUEST_ID, STATUS, EXPOSE = b"nvcf-reqid", b"nvcf-status", b"access-control-expose-headers"
FULFILLED, IN_PROGRESS, ERRORED = b"fulfilled", b"in-progress", b"errored"
_FAILURES = 400


def state(status: int) -> bytes:
    """What a status means for a request."""
    if status == 202:
        return IN_PROGRESS
    return ERRORED if status >= _FAILURES else FULFILLED


def marks(request: str, status: int) -> Pairs:
    """The headers of an answer to a request."""
    return [(REQUEST_ID, request.encode()), (STATUS, state(status)), (EXPOSE, REQUEST_ID)]


def marked(headers: Pairs, request: str, status: int) -> Pairs:
    """The headers of a function's answer and ours: what the function says of the state stays."""
    named = dict(headers)
    return headers + [
        pair for pair in marks(request, status) if pair[0] == EXPOSE or pair[0] not in named
    ]


# What a browser that asks first is told (contract 7.2).
_VARY = b"origin, access-control-request-method, access-control-request-headers"


def preflight(origin: bytes, method: bytes, headers: bytes, allowed: bytes) -> Pairs:
    found = [
        (b"access-control-allow-origin", origin or b"*"),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-methods", method or allowed),
        (b"access-control-allow-headers", headers or b"*"),
        (b"access-control-max-age", b"86400"),
        (b"vary", _VARY),
        (b"allow", allowed),
    ]
    return [(name, value) for name, value in found if value]


def shared(origin: bytes | None) -> Pairs:
    """The same on the answer itself."""
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", _VARY),
    ]
