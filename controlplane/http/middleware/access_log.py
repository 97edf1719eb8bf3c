"""One JSON line for each request."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from falcon.asgi import Request, Response

from controlplane.http.log import enabled, soon
from controlplane.http.middleware import PROBES


class AccessLog:
    async def process_response(
        self, req: Request, resp: Response, resource: Any, req_succeeded: bool
    ) -> None:
        if req.path in PROBES:
            return
        elapsed = time.perf_counter() - req.context.started
        note(req.scope, req.context.request_id, resp.status_code, elapsed)


def note(scope: Any, request_id: str, status: int, seconds: float) -> None:
    """The line of a request of an ASGI scope, soon."""
    if not enabled("info"):
        return
    client = (scope.get("client") or ("",))[0]
    # By hand, in a third of the time: only method, path and client can need escapes.
    soon(
        f'{{"time":"{_now()}","level":"INFO","msg":"request",'
        f'"requestId":"{request_id}","method":{_quoted(scope["method"])},'
        f'"path":{_quoted(scope["path"])},"status":{status},'
        f'"ms":{1000 * seconds:.3f},"client":{_quoted(client)}}}'
    )


def _now() -> str:
    """The time in milliseconds, RFC 3339."""
    return _moment(int(1000 * time.time()))


@lru_cache(maxsize=2)  # of busy workers, several requests end in each
def _moment(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}+00:00"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
