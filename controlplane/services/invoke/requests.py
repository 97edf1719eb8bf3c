"""What a request says to the plane, read from its raw headers: they are many, and each request has
them; only those that are meant for the plane are looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from controlplane.services.invoke import errors
from controlplane.services.invoke.errors import Pairs

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# ngcsdk 3.169.4 spells it with an underscore.
_POLL, _POLL_TOO = b"nvcf-poll-seconds", b"nvcf-poll_seconds"
_ASSETS = b"nvcf-input-asset-references"
# Seconds for which a request is held before its caller is told to poll (contract 7.3).
HOLD, HOLD_STREAM, MAX_HOLD = 60, 20 * 60, 3600
STREAM = b"text/event-stream"
# Of one connection (RFC 9110, 7.6.1), or for the plane alone; what of them the function gets, the
# plane says itself.
_HOPS = frozenset((
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
    b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
))  # fmt: skip
_OURS = frozenset((
    b"authorization", b"host", b"content-length", b"expect", b"nvcf-invocation-region",
    b"nvcf-reqid", b"nvcf-function-id", b"nvcf-function-version-id", b"nvcf-ncaid",
    b"nvcf-function-asset-ids",
))  # fmt: skip
_DROPPED = _HOPS | _OURS
# Of answers; the server says its own date.
OF_ANSWERS = _HOPS | {b"date"}
_INTEGER = re.compile(rb"[+-]?[0-9]{1,18}")


class Target(NamedTuple):
    """A function by its id, or one version of it."""

    function: str
    version: str = ""


class Asked(NamedTuple):
    """A request: our id of it, and its headers, as they came and by name (of those that are there
    twice the last)."""

    id: str
    method: str
    headers: Pairs
    named: Mapping[bytes, bytes]


def asked(scope: Any, id_: str) -> Asked:
    headers = scope["headers"]
    return Asked(id_, scope["method"], headers, dict(headers))


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def uuid(given: str, name: str) -> str:
    """Raises Refusal 400."""
    if not is_uuid(given):
        raise errors.bad_id(name, given)
    return given.lower()


def hold(request: Asked, *, by_path: bool) -> float:
    """For how many seconds to hold a request. Raises Refusal 400.

    `by_path`: those to pexec and exec are held longer when all that they accept is a stream.
    """
    said = request.named.get(_POLL)
    if said is None:
        said = request.named.get(_POLL_TOO)
    if said is None:
        streams = by_path and request.named.get(b"accept") == STREAM
        return HOLD_STREAM if streams else HOLD
    if not _INTEGER.fullmatch(said.strip()):
        raise errors.bad_poll()
    return seconds(int(said))


def seconds(given: int) -> float:
    """Raises Refusal 400."""
    if given > MAX_HOLD:
        raise errors.bad_poll()
    return max(1, given)


def assets(request: Asked) -> list[str]:
    """The assets that a request refers to. Raises Refusal 400."""
    if _ASSETS not in request.named:
        return []
    return asset_ids(v.decode("latin-1") for n, v in request.headers if n == _ASSETS)


def asset_ids(given: Iterable[str]) -> list[str]:
    """Ids, each perhaps several with commas. Raises Refusal 400."""
    words = [word.strip() for text in given for word in text.split(",")]
    if not all(is_uuid(word) for word in words):
        raise errors.bad_asset()
    return list(dict.fromkeys(word.lower() for word in words))


def forwarded(request: Asked) -> Pairs:
    """The headers that the function gets as they came."""
    return kept(request.headers, request.named, _DROPPED)


def kept(headers: Iterable[tuple[bytes, bytes]], named: Mapping[bytes, bytes],
         dropped: frozenset[bytes] = _HOPS) -> Pairs:  # fmt: skip
    """Headers without those of the connection, and those that it names."""
    named_too = named.get(b"connection")
    if named_too and named_too.lower() not in (b"close", b"keep-alive"):
        dropped |= {word.strip().lower() for word in named_too.split(b",")}
    return [(n, v) for n, v in headers if n not in dropped]
