"""Headers of every answer: the version of the API, and what keeps browsers from harm.

Around the application and not in it: the same encoded headers are appended to every answer, where a
response object would have to look at each of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from controlplane.http.encoded import KEY

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
        self._pages = {path: [(_POLICY, policy.encode())] for path, policy in pages.items()}
        self._standard = [*_STANDARD, *_NOTHING]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = self._pages.get(scope["path"])
        more: Iterable[Any] = self._standard if policy is None else [*_STANDARD, *policy]

        # Hands on what `send` returns: to await it in a coroutine of its own would cost one more.
        def send_with(message: Any) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *scope.get(KEY, ()), *more]
            sent: Awaitable[None] = send(message)
            return sent

        await self._app(scope, receive, send_with)
