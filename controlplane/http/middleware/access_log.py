"""One JSON line for each request."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from falcon.asgi import Request, Response

from aicr import jsonio
from controlplane.http.log import enabled, soon
from controlplane.http.middleware import PROBES


class AccessLog:
    async def process_response(
        self, req: Request, resp: Response, resource: Any, req_succeeded: bool
    ) -> None:
        if req.path in PROBES or not enabled("info"):
            return
        elapsed = time.perf_counter() - req.context.started
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "INFO",
            "msg": "request",
            "requestId": req.context.request_id,
            "method": req.method,
            "path": req.path,
            "status": resp.status_code,
            "ms": round(1000 * elapsed, 3),
            "client": (req.scope.get("client") or ("",))[0],
        }
        soon(jsonio.compact(line))
