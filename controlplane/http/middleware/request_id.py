"""Every request has an id: the caller's when it is a UUID, else a new one."""

from __future__ import annotations

import re
from uuid import uuid4

from falcon.asgi import Request, Response

HEADER = "X-Request-Id"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class RequestId:
    """Sets `req.context.request_id`; the answer carries it too."""

    async def process_request(self, req: Request, resp: Response) -> None:
        given = req.get_header(HEADER) or ""
        chosen = given if _UUID.match(given) else str(uuid4())
        req.context.request_id = chosen
        resp.set_header(HEADER, chosen)
