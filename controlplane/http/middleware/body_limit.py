"""A body that says it is too large is refused before any of it is read."""

from __future__ import annotations

from falcon.asgi import Request, Response

from controlplane.http.problems import Problem


class BodyLimit:
    """Sets `req.context.max_body`, by which bodies without a length are stopped while reading."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    async def process_request(self, req: Request, resp: Response) -> None:
        req.context.max_body = self._limit
        if (req.content_length or 0) > self._limit:
            raise too_large(self._limit)


def too_large(limit: int) -> Problem:
    words = f"the body has more than {limit} bytes"
    return Problem(413, words, details={"limit": limit}, headers={"Connection": "close"})
