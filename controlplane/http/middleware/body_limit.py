"""A body that says it is too large is refused before any of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from falcon.asgi import Request, Response

from controlplane.http.prefixes import Prefixes
from controlplane.http.problems import Problem


class BodyLimit:
    """Sets `req.context.max_body`, by which bodies without a length are stopped while reading.
    `others` are limits of their own, by prefixes."""

    def __init__(self, limit: int, others: Sequence[tuple[Prefixes, int]] = ()) -> None:
        self._limit, self._others = limit, tuple(others)

    async def process_request(self, req: Request, resp: Response) -> None:
        limit = self._of(req.path)
        req.context.max_body = limit
        if (req.content_length or 0) > limit:
            raise too_large(limit)

    def _of(self, path: str) -> int:
        return next((limit for found, limit in self._others if found.has(path)), self._limit)


def too_large(limit: int) -> Problem:
    words = f"the body has more than {limit} bytes"
    return Problem(413, words, details={"limit": limit}, headers={"Connection": "close"})
