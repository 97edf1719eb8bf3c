"""A path with doubled slashes is sent to the path it means.

Falcon's router drops leading slashes silently; then two paths would be one resource, and whoever
filters by path in front of us could be told the other.
"""

from __future__ import annotations

import re

import falcon
from falcon.asgi import Request, Response

from controlplane.http.prefixes import Prefixes

_SLASHES = re.compile(r"/{2,}")


class Slashes:
    """Below `permanent` prefixes for good: their vendors have no such redirect, and clients take
    308 for what it is."""

    def __init__(self, permanent: Prefixes) -> None:
        self._permanent = permanent

    async def process_request(self, req: Request, resp: Response) -> None:
        if "//" not in req.path:
            return
        query = f"?{req.query_string}" if req.query_string else ""
        # The path came decoded: what is no ASCII, or ends a line, must not stand in a header so.
        meant = _SLASHES.sub("/", req.path)
        where = falcon.uri.encode(meant) + query
        if self._permanent.has(meant):
            raise falcon.HTTPPermanentRedirect(where)
        raise falcon.HTTPTemporaryRedirect(where)
