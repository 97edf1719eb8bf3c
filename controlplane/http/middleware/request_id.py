"""Every request has an id: the caller's when it is a UUID, else a new one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from falcon.asgi import Request, Response

from controlplane.http.encoded import add

HEADER = "X-Request-Id"
_ENCODED = HEADER.lower().encode()
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


_SIZE = 16
_POOL = 256 * _SIZE


def _random() -> Iterator[str]:
    """16 random bytes at a time, as hexadecimal digits; the system is asked for many at once."""
    while True:
        pool = os.urandom(_POOL).hex()
        for start in range(0, len(pool), 2 * _SIZE):
            yield pool[start : start + 2 * _SIZE]


_next = _random()


def new() -> str:
    """A UUID of version 4, in a fraction of the time that uuid.uuid4 takes."""
    h = next(_next)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"


class RequestId:
    """Sets `req.context.request_id`; the answer carries it too."""

    async def process_request(self, req: Request, resp: Response) -> None:
        given = req.get_header(HEADER) or ""
        chosen = given if given and _UUID.match(given) else new()
        req.context.request_id = chosen
        add(req, (_ENCODED, chosen.encode()))
