"""Headers of every answer: the version of the API, and what keeps browsers from harm.

Around the application and not in it: the same encoded headers are appended to every answer, where a
response object would have to look at each of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from controlplane.http.encoded import KEY, LINES, Pair, lines

_POLICY = b"content-security-policy"
_STANDARD = [
    (b"x-api-version", b"v1"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_NOTHING = [(_POLICY, b"default-src 'none'; frame-ancestors 'none'")]


class Headers:
    """An ASGI application around another; `pages` may have a policy of their own, by path."""

    def __init__(self, app: Any, pages: Mapping[str, str]) -> None:
        self._app = app
        self._pages = {
            path: _both([*_STANDARD, (_POLICY, policy.encode())]) for path, policy in pages.items()
        }
        self._standard = _both([*_STANDARD, *_NOTHING])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more, encoded = self._pages.get(scope["path"], self._standard)
        take = scope.get("extensions", {}).get(LINES)

        # Hands on what `send` returns: to await it in a coroutine of its own would cost one more.
        def send_with(message: Any) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                own = scope.get(KEY, ())
                if take is None:
                    message["headers"] = [*message["headers"], *own, *more]
                else:
                    take(lines(own) + encoded)
            sent: Awaitable[None] = send(message)
            return sent

        await self._app(scope, receive, send_with)


def _both(pairs: list[Pair]) -> tuple[list[Pair], bytes]:
    """Headers for servers that want them one by one, and for those that take lines."""
    return pairs, lines(pairs)
