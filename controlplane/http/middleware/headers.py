"""Headers of every answer: the version of the API, and what keeps browsers from harm."""

from __future__ import annotations

from typing import Any

from falcon.asgi import Request, Response

_STANDARD = {
    "X-API-Version": "v1",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
POLICY = "Content-Security-Policy"


class Headers:
    async def process_response(
        self, req: Request, resp: Response, resource: Any, req_succeeded: bool
    ) -> None:
        resp.set_headers(_STANDARD)
        if resp.get_header(POLICY) is None:
            resp.set_header(POLICY, "default-src 'none'; frame-ancestors 'none'")
