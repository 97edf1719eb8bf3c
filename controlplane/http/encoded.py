"""Headers that are set on every answer, added already encoded.

A response object looks at each header it is given; a dozen of them cost more than the answer.
"""

from __future__ import annotations

from falcon.asgi import Request

Pair = tuple[bytes, bytes]
KEY = "aicr.headers"


def add(req: Request, *pairs: Pair) -> None:
    """Headers of the answer to a request; names in lower case."""
    req.scope.setdefault(KEY, []).extend(pairs)
