"""The old way to invoke (contract 7.6): request and answer are JSON in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.http import bodies
from controlplane.services.invoke import answers, errors, requests
from controlplane.services.invoke.exchange import Send

# Larger answers do not fit into a wrapper; pexec has no such limit.
MAX_BYTES = 64 * 1024 * 1024
_PERCENT = b"nvcf-percent-complete"
_STATES = {b"fulfilled": "fulfilled", b"in-progress": "in-progress"}


class Unwrapped(NamedTuple):
    """What a wrapper asks for: the function's body, and what else headers would say."""

    body: bytes
    assets: list[str]
    hold: float | None


def unwrap(data: bytes) -> Unwrapped:
    """Raises Refusal 400."""
    try:
        document = jsonio.parse(data, bodies.NAME)
    except InvalidRequest as e:
        raise errors.bad_wrapper(e.message) from None
    if not isinstance(document, dict) or "requestBody" not in document:
        raise errors.bad_wrapper("it has no requestBody")
    header = document.get("requestHeader")
    header = {} if header is None else header
    if not isinstance(header, dict):
        raise errors.bad_wrapper("requestHeader is no object")
    references = header.get("inputAssetReferences") or []
    if not isinstance(references, list) or not all(isinstance(r, str) for r in references):
        raise errors.bad_asset()
    seconds = header.get("pollDurationSeconds")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int)):
        raise errors.bad_poll()
    hold = None if seconds is None else requests.seconds(seconds)
    return Unwrapped(bodies.compact(document["requestBody"]), requests.asset_ids(references), hold)


class Wrapper:
    """Sends the answer to an invocation as one JSON object; what is none it sends as it is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Any = None
        self._parts: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        part = message.get("body", b"")
        self._size += len(part)
        if self._size <= MAX_BYTES:
            self._parts.append(part)
        if not message.get("more_body", False):
            await self._finish()

    async def _finish(self) -> None:
        status, headers = self._start["status"], self._start["headers"]
        named = dict(headers)
        body = b"".join(self._parts)
        if answers.REQUEST_ID in named:
            if self._size > MAX_BYTES:
                status, named, body = 500, {**named, answers.STATUS: b"errored"}, b""
            body = bodies.compact(document(status, named, body))
            status = 200 if status == 302 else status
            kept = [(n, v) for n, v in headers if n.startswith((b"nvcf-", b"access-control-"))]
            length = (b"content-length", b"%d" % len(body))
            headers = [(b"content-type", b"application/json"), length, *kept]
        await self._send({**self._start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def document(status: int, named: Mapping[bytes, bytes], body: bytes) -> dict[str, Any]:
    """The wrapper of an answer."""
    state = _STATES.get(named.get(answers.STATUS, b""), "errored")
    found: dict[str, Any] = {"reqId": named[answers.REQUEST_ID].decode(), "status": state}
    if status == 302 and b"location" in named:
        found["responseReference"] = named[b"location"].decode("latin-1")
    percent = named.get(_PERCENT, b"")
    if state == "fulfilled":
        found["percentComplete"] = 100
    elif percent.isdigit():
        found["percentComplete"] = int(percent)
    if state == "errored":
        found["errorCode"] = status
    if body:
        found["response"] = _value(body)
    return found


def _value(body: bytes) -> Any:
    """JSON as it is; everything else as text, and so JSON that could not be said again."""
    try:
        return jsonio.parse(body, "answer", MAX_BYTES)
    except InvalidRequest:
        return body.decode("utf-8", "replace")
