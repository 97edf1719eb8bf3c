"""Headers that are set on every answer, added already encoded.

A response object looks at each header it is given; a dozen of them cost more than the answer. Who
adds one answers for it: nothing of a caller may be in it that was not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcon.asgi import Request

Pair = tuple[bytes, bytes]
KEY = "aicr.headers"
# The extension of ASGI by which a server takes header lines as they go over the wire: a function of
# their bytes, to be called right before the start of the answer is sent.
LINES = "aicr.lines"


def add(req: Request, *pairs: Pair) -> None:
    """Headers of the answer to a request; names in lower case."""
    req.scope.setdefault(KEY, []).extend(pairs)


def lines(pairs: Iterable[Pair]) -> bytes:
    """Headers as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % pair for pair in pairs])
