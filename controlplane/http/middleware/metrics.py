"""Counts and times every request, by route pattern: a path that nobody serves is one label."""

from __future__ import annotations

import time
from typing import Any

from falcon.asgi import Request, Response

from controlplane.http.metrics import Metrics
from controlplane.http.middleware import PROBES

UNKNOWN = "unknown"


class Measure:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def process_request(self, req: Request, resp: Response) -> None:
        req.context.started = time.perf_counter()
        if req.path not in PROBES:
            self._metrics.begin()

    async def process_response(
        self, req: Request, resp: Response, resource: Any, req_succeeded: bool
    ) -> None:
        if req.path in PROBES:
            return
        elapsed = time.perf_counter() - req.context.started
        path = req.uri_template or UNKNOWN
        self._metrics.count(req.method, path, resp.status_code, elapsed)
